//! The versions of a secret and the labels on them, for the function that rotates.
//!
//! A label is moved only from the version that is named as its holder: Secrets Manager refuses the
//! move otherwise, so of two that move at once one learns that it came too late
//! (docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html).

use std::{collections::BTreeMap, fmt};

use aws_sdk_secretsmanager::{
    Client, config::retry::RetryConfig, error::ProvideErrorMetadata,
    operation::update_secret_version_stage::builders::UpdateSecretVersionStageFluentBuilder,
};
use serde_json::value::RawValue;

use crate::secrets::{AccountSecret, SecretError, shape_of};

/// The label of the version that everybody reads.
const CURRENT: &str = "AWSCURRENT";
/// The label of the version that a rotation is about to make current.
const PENDING: &str = "AWSPENDING";
/// Attempts of a request: a version that can't be written takes a new refresh token with it.
const ATTEMPTS: u32 = 6;

/// The JSON object of a secret, member by member as it was written. Shows nothing of itself.
#[derive(Clone)]
pub struct Document(BTreeMap<String, Box<RawValue>>);

impl Document {
    /// Reads the text of the secret `id`.
    ///
    /// # Errors
    /// If it is no JSON object.
    pub fn parse(id: &str, text: &str) -> Result<Self, SecretError> {
        let members = serde_json::from_str(text);
        let wrong = |error| SecretError::Malformed(id.to_owned(), shape_of(&error));
        members.map(Document).map_err(wrong)
    }

    /// The credentials in it.
    ///
    /// # Errors
    /// If a member is missing or no text.
    pub fn account(&self, id: &str) -> Result<AccountSecret, SecretError> {
        serde_json::from_str(&self.text())
            .map_err(|error| SecretError::Malformed(id.to_owned(), shape_of(&error)))
    }

    /// A member that is a text.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<String> {
        self.0.get(name).and_then(|value| serde_json::from_str(value.get()).ok())
    }

    /// This with one member set to a text, all others as they are.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let text = serde_json::Value::from(value).to_string();
        if let Ok(raw) = RawValue::from_string(text) {
            self.0.insert(name.to_owned(), raw);
        }
        self
    }

    /// This without a member.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    fn text(&self) -> String {
        let members: Vec<String> = self
            .0
            .iter()
            .map(|(name, value)| format!("{}:{}", serde_json::Value::from(name.as_str()), value))
            .collect();
        format!("{{{}}}", members.join(","))
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Document(…)")
    }
}

/// Which versions carry the two labels of a rotation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// The version that everybody reads.
    pub current: Option<String>,
    /// The version that a rotation has staged, or was to.
    pub pending: Option<String>,
}

/// The account secrets of Secrets Manager.
#[derive(Clone, Debug)]
pub struct Vault {
    client: Client,
}

impl Vault {
    /// Works with secrets by their ARNs.
    #[must_use]
    pub fn new(client: &Client) -> Self {
        let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS);
        let config = client.config().to_builder().retry_config(retries).build();
        Vault { client: Client::from_conf(config) }
    }

    fn update(&self, id: &str, label: &str) -> UpdateSecretVersionStageFluentBuilder {
        self.client.update_secret_version_stage().secret_id(id).version_stage(label)
    }
}

impl crate::ports::Vault for Vault {
    async fn labels(&self, id: &str) -> Result<Labels, SecretError> {
        let answer = self.client.describe_secret().secret_id(id).send().await;
        let answer = answer.map_err(|error| unavailable(id, &error))?;
        let holder = |label: &str| {
            let mut versions = answer.version_ids_to_stages().into_iter().flatten();
            let found = versions.find(|(_, labels)| labels.iter().any(|held| held == label));
            found.map(|(version, _)| version.clone())
        };
        Ok(Labels { current: holder(CURRENT), pending: holder(PENDING) })
    }

    async fn version(&self, id: &str, version: &str) -> Result<Option<Document>, SecretError> {
        let get = self.client.get_secret_value().secret_id(id).version_id(version);
        match get.send().await {
            Ok(answer) => Document::parse(id, answer.secret_string().unwrap_or_default()).map(Some),
            // Also of a version that exists and has no contents yet.
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(unavailable(id, &error)),
        }
    }

    async fn stage(
        &self,
        id: &str,
        version: Option<&str>,
        document: &Document,
    ) -> Result<bool, SecretError> {
        // Without a version the SDK makes one up, the same for all attempts.
        let put = self.client.put_secret_value().secret_id(id);
        let put = put.set_client_request_token(version.map(str::to_owned));
        match put.version_stages(PENDING).secret_string(document.text()).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ResourceExistsException") => Ok(false),
            Err(error) => Err(unavailable(id, &error)),
        }
    }

    async fn promote(&self, id: &str, version: &str, from: &str) -> Result<(), SecretError> {
        let update = self.update(id, CURRENT).move_to_version_id(version);
        let moved = update.remove_from_version_id(from).send().await;
        moved.map(drop).map_err(|error| unavailable(id, &error))
    }

    async fn unstage(&self, id: &str, version: &str) -> Result<(), SecretError> {
        let moved = self.update(id, PENDING).remove_from_version_id(version).send().await;
        moved.map(drop).map_err(|error| unavailable(id, &error))
    }
}

fn unavailable(id: &str, error: &dyn std::error::Error) -> SecretError {
    SecretError::Unavailable(id.to_owned(), crate::text_of(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"refresh_token":"r-1","n":1.10,"list":[ 1 ],"say \"hi\"":null}"#;

    #[test]
    fn one_member_changes_and_all_others_stay_as_they_were_written() {
        let document = Document::parse("main", TEXT).expect("an object");
        let changed = document.with("refresh_token", "r-\"2\"").with("note", "v1");
        assert_eq!(
            changed.text(),
            r#"{"list":[ 1 ],"n":1.10,"note":"v1","refresh_token":"r-\"2\"","say \"hi\"":null}"#
        );
        assert_eq!(changed.member("refresh_token").as_deref(), Some("r-\"2\""));
        assert_eq!(changed.clone().without("note").member("note"), None);
        let again = Document::parse("main", &changed.text()).expect("an object");
        assert_eq!(again.text(), changed.text());
    }

    #[test]
    fn neither_a_document_nor_its_errors_show_what_it_holds() {
        let document = Document::parse("main", TEXT).expect("an object");
        assert_eq!(format!("{document:?}"), "Document(…)");
        let missing = document.account("main").expect_err("no client_id").to_string();
        assert!(missing.contains("missing field") && !missing.contains("r-1"), "{missing}");
        let broken = Document::parse("main", "\"r-1").expect_err("no JSON").to_string();
        assert!(!broken.contains("r-1"), "{broken}");
    }
}
