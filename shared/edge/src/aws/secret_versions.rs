//! The versions of a secret and the labels on them, for the function that rotates.
//!
//! A label is moved only from the version that is named as its holder: Secrets Manager refuses the
//! move otherwise, so of two that move at once one learns that it came too late
//! (docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html).

use aws_sdk_secretsmanager::{
    Client, config::retry::RetryConfig, error::ProvideErrorMetadata,
    operation::update_secret_version_stage::builders::UpdateSecretVersionStageFluentBuilder,
};

use crate::error_text::text_of;
use crate::ports::{Document, Labels, SecretError};

/// The label of the version that everybody reads.
const CURRENT: &str = "AWSCURRENT";
/// The label of the version that a rotation is about to make current.
const PENDING: &str = "AWSPENDING";
/// Attempts of a request: a version that can't be written takes a new refresh token with it.
const ATTEMPTS: u32 = 6;

/// The account secrets of Secrets Manager.
#[derive(Clone, Debug)]
pub struct SecretVersions {
    client: Client,
}

impl SecretVersions {
    /// Works with secrets by their ARNs.
    pub fn new(client: &Client) -> Self {
        let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS);
        let config = client.config().to_builder().retry_config(retries).build();
        SecretVersions { client: Client::from_conf(config) }
    }

    fn update(&self, id: &str, label: &str) -> UpdateSecretVersionStageFluentBuilder {
        self.client.update_secret_version_stage().secret_id(id).version_stage(label)
    }
}

impl crate::ports::SecretVersions for SecretVersions {
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
        &self, id: &str, version: Option<&str>, document: &Document,
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
    SecretError::Unavailable(id.to_owned(), text_of(error))
}
