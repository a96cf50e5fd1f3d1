//! Secrets: the credentials of each ad account and the ingest keys, cached for a while.

use std::{
    collections::HashMap,
    fmt,
    time::{Duration, Instant},
};

use serde::Deserialize;
use tokio::sync::Mutex;
use tracklayer_core::id::AccountName;

/// How long a secret is used before it is read again.
const FRESH: Duration = Duration::from_secs(300);

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

/// Reads secrets.
#[derive(Debug)]
pub struct Secrets {
    client: aws_sdk_secretsmanager::Client,
    prefix: String,
    accounts: Mutex<HashMap<AccountName, (Instant, Versioned<AccountSecret>)>>,
}

impl Secrets {
    /// Reads the secrets whose names begin with `prefix`.
    #[must_use]
    pub fn new(client: aws_sdk_secretsmanager::Client, prefix: String) -> Self {
        Secrets { client, prefix, accounts: Mutex::default() }
    }

    /// Reads `<prefix>/<name>` anew.
    ///
    /// # Errors
    /// If the secret can't be read or is not what `T` expects.
    pub async fn read<T: for<'a> Deserialize<'a>>(
        &self,
        name: &str,
    ) -> Result<Versioned<T>, SecretError> {
        let id = format!("{}/{name}", self.prefix);
        let answer = self
            .client
            .get_secret_value()
            .secret_id(&id)
            .send()
            .await
            .map_err(|error| SecretError::Unavailable(id.clone(), crate::text_of(&error)))?;
        let text = answer.secret_string().unwrap_or_default();
        let value = serde_json::from_str(text)
            .map_err(|error| SecretError::Malformed(id, shape_of(&error)))?;
        Ok(Versioned {
            value,
            version: answer.version_id().unwrap_or_default().to_owned(),
            created: answer.created_date().map(aws_sdk_secretsmanager::primitives::DateTime::secs),
        })
    }
}

impl crate::ports::Secrets for Secrets {
    async fn account(
        &self,
        account: &AccountName,
    ) -> Result<Versioned<AccountSecret>, SecretError> {
        let mut accounts = self.accounts.lock().await;
        if let Some((at, secret)) = accounts.get(account)
            && at.elapsed() < FRESH
        {
            return Ok(secret.clone());
        }
        let secret: Versioned<AccountSecret> = self.read(account.as_str()).await?;
        accounts.insert(account.clone(), (Instant::now(), secret.clone()));
        Ok(secret)
    }

    async fn forget(&self, account: &AccountName) {
        self.accounts.lock().await.remove(account);
    }
}

/// What is wrong with the JSON, without quoting it.
pub(crate) fn shape_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.starts_with("missing field") {
        true => text,
        false => "not the expected JSON".to_owned(),
    }
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
