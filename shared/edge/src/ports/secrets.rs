//! The accounts' credentials.

use std::fmt;

use serde::Deserialize;
use tracklayer_core::id::AccountName;

/// A text that shows itself to nobody, without the spaces and line ends that came with a paste.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(from = "String")]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Secret(text.trim().to_owned())
    }
}

/// A line end in a header's value would make every call fail as if Microsoft could not be reached.
fn trimmed<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    String::deserialize(from).map(|text| text.trim().to_owned())
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Credentials of one ad account, as the secret `<prefix>/<account>` holds them.
#[derive(Clone, Debug, Deserialize)]
pub struct AccountSecret {
    /// The registered application.
    #[serde(deserialize_with = "trimmed")]
    pub client_id: String,
    /// Its secret; absent for a public client.
    pub client_secret: Option<Secret>,
    /// From the consent.
    pub refresh_token: Secret,
    /// Of the manager account.
    pub developer_token: Secret,
    /// The manager account's number.
    #[serde(deserialize_with = "trimmed")]
    pub customer_id: String,
    /// The ad account's number.
    #[serde(deserialize_with = "trimmed")]
    pub account_id: String,
    /// The identity tenant; `common` if absent.
    pub tenant: Option<String>,
}

/// A secret that was read, with the version it had.
#[derive(Clone, Debug)]
pub struct Versioned<T> {
    /// Its contents.
    pub value: T,
    /// Secrets Manager's id of the version.
    pub version: String,
    /// When that version was written, in seconds since 1970.
    pub created: Option<i64>,
}

/// A secret that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager did not answer, or has no such secret.
    #[error("the secret {0} can't be read: {1}")]
    Unavailable(String, String),
    /// Its contents are not what is expected; `1` names the member, never a value.
    #[error("the secret {0} is unusable: {1}")]
    Malformed(String, String),
}

/// What is wrong with the JSON, without quoting it.
pub(crate) fn shape_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.starts_with("missing field") { text } else { "not the expected JSON".to_owned() }
}

/// The accounts' credentials.
pub trait Secrets {
    /// The credentials of `account`.
    ///
    /// # Errors
    /// If the secret can't be read or lacks a member.
    async fn account(&self, account: &AccountName)
    -> Result<Versioned<AccountSecret>, SecretError>;

    /// Forgets the credentials of `account`, so that a version written meanwhile is seen.
    async fn forget(&self, account: &AccountName);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_paste_added_is_cut_off() {
        let secret: AccountSecret = serde_json::from_str(
            r#"{"client_id":" c","refresh_token":"r\n","developer_token":"d\r\n","customer_id":"1 ","account_id":"\t2"}"#,
        )
        .expect("a secret");
        let ids = (&*secret.client_id, &*secret.customer_id, &*secret.account_id);
        assert_eq!(ids, ("c", "1", "2"));
        let secrets = (secret.refresh_token.expose(), secret.developer_token.expose());
        assert_eq!(secrets, ("r", "d"));
    }
}
