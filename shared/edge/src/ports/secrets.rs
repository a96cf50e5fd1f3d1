use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};
use tracklayer_core::id::AccountName;

/// A text that shows itself to nobody, without the spaces and line ends that came with a paste.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(from = "String")]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Secret(text.trim().to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Credentials of one ad account, as the secret `<prefix>/<account>` holds them. Texts lose the
/// spaces and line ends that came with a paste: in a header they would make every call fail as if
/// Microsoft could not be reached. An empty text is none; numbers are taken for numbers of accounts.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct AccountSecret {
    pub client_id: String,
    /// Its secret; absent for a public client.
    pub client_secret: Option<Secret>,
    pub refresh_token: Secret,
    pub developer_token: Secret,
    pub customer_id: String,
    pub account_id: String,
    /// The identity tenant; `common` if absent.
    pub tenant: Option<String>,
}

/// What is wrong with a member of a secret; never its value.
#[derive(Debug, thiserror::Error)]
pub enum BadMember {
    #[error("{MEMBER}{0} is missing or empty")]
    Missing(&'static str),
    #[error("{MEMBER}{0} is not a text")]
    NoText(&'static str),
}

/// What messages about a member begin with.
const MEMBER: &str = "the member ";

impl TryFrom<Map<String, Value>> for AccountSecret {
    type Error = BadMember;

    fn try_from(members: Map<String, Value>) -> Result<Self, BadMember> {
        let may = |name| text_of(&members, name, false);
        let must = |name| may(name)?.ok_or(BadMember::Missing(name));
        let number = |name| text_of(&members, name, true)?.ok_or(BadMember::Missing(name));
        Ok(AccountSecret {
            client_id: must("client_id")?,
            client_secret: may("client_secret")?.map(Secret::from),
            refresh_token: must("refresh_token")?.into(),
            developer_token: must("developer_token")?.into(),
            customer_id: number("customer_id")?,
            account_id: number("account_id")?,
            tenant: may("tenant")?,
        })
    }
}

fn text_of(
    members: &Map<String, Value>, name: &'static str, takes_numbers: bool,
) -> Result<Option<String>, BadMember> {
    let text = match members.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) if takes_numbers && number.is_u64() => number.to_string(),
        Some(_) => return Err(BadMember::NoText(name)),
    };
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// A secret that was read, with the version it had.
#[derive(Clone, Debug)]
pub struct Versioned<T> {
    pub value: T,
    pub version: String,
    /// When that version was written, in seconds since 1970.
    pub created: Option<i64>,
}

/// A secret that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("the secret {0} can't be read: {1}")]
    Unavailable(String, String),
    #[error("the secret {0} is unusable: {1}")]
    Malformed(String, String),
}

/// What is wrong with the JSON, without quoting it.
pub(crate) fn shape_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let is_safe = text.starts_with("missing field") || text.starts_with(MEMBER);
    if is_safe { text } else { "not the expected JSON".to_owned() }
}

pub trait Secrets {
    /// The credentials of `account`.
    async fn account(&self, account: &AccountName)
    -> Result<Versioned<AccountSecret>, SecretError>;

    /// Forgets the credentials of `account`, so that a version written meanwhile is seen.
    async fn forget(&self, account: &AccountName);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COMPLETE: &str = r#"{"client_id":" c","refresh_token":"r\n","developer_token":"d\r\n",
        "customer_id":"1 ","account_id":"\t2","tenant":" t ","client_secret":"s"}"#;

    /// The complete secret with one member changed, or what is wrong with it.
    fn with(name: &str, value: Value) -> Result<AccountSecret, String> {
        let mut members: Map<String, Value> = serde_json::from_str(COMPLETE).expect("JSON");
        members.insert(name.to_owned(), value);
        let text = Value::Object(members).to_string();
        serde_json::from_str(&text).map_err(|error| shape_of(&error))
    }

    #[test]
    fn what_a_paste_added_is_cut_off() {
        let secret: AccountSecret = serde_json::from_str(COMPLETE).expect("a secret");
        let ids = (&*secret.client_id, &*secret.customer_id, &*secret.account_id);
        assert_eq!(ids, ("c", "1", "2"));
        let secrets = (secret.refresh_token.expose(), secret.developer_token.expose());
        assert_eq!((secrets, secret.tenant.as_deref()), (("r", "d"), Some("t")));
    }

    #[test]
    fn numbers_of_accounts_may_be_numbers() {
        let customer = with("customer_id", json!(251_234_567)).expect("a secret").customer_id;
        let account = with("account_id", json!(7_654_321)).expect("a secret").account_id;
        assert_eq!((&*customer, &*account), ("251234567", "7654321"));
    }

    #[test]
    fn an_empty_member_is_absent() {
        for empty in [json!(""), json!(" \n"), Value::Null] {
            assert!(with("client_secret", empty.clone()).expect("public").client_secret.is_none());
            assert_eq!(with("tenant", empty.clone()).expect("common").tenant, None);
            let error = with("refresh_token", empty).expect_err("needed");
            assert!(error.starts_with("the member refresh_token is missing or empty"), "{error}");
        }
    }

    #[test]
    fn a_message_names_the_member_and_no_value() {
        for (name, value) in [
            ("client_id", json!(4_711)),
            ("client_secret", json!(4_711)),
            ("refresh_token", json!(["4711"])),
            ("account_id", json!(47.11)),
            ("customer_id", json!(-4_711)),
            ("tenant", json!({"4711": 1})),
        ] {
            let error = with(name, value).expect_err(name);
            assert!(error.starts_with(&format!("the member {name} is not a text")), "{error}");
            assert!(!error.contains("4711") && !error.contains("47.11"), "{error}");
        }
    }
}
