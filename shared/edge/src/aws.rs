//! Clients of the three AWS services, built for a fast start: one HTTP client, the credentials that
//! Lambda puts into the environment, endpoints by the SDKs' own variables, no search for profiles.

use std::time::Duration;

use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, Region, SharedCredentialsProvider, retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};

use crate::config::{self, ConfigError};

/// What all three clients share.
#[derive(Clone, Debug)]
pub struct Aws {
    http: SharedHttpClient,
    region: Region,
    credentials: SharedCredentialsProvider,
}

impl Aws {
    /// Reads region and credentials as Lambda sets them.
    ///
    /// # Errors
    /// If a variable is missing.
    pub fn from_env() -> Result<Self, ConfigError> {
        let credentials = Credentials::new(
            config::text("AWS_ACCESS_KEY_ID")?,
            config::text("AWS_SECRET_ACCESS_KEY")?,
            config::text("AWS_SESSION_TOKEN").ok(),
            None,
            "lambda environment",
        );
        Ok(Aws {
            http: Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https(),
            region: Region::new(config::text("AWS_REGION")?),
            credentials: SharedCredentialsProvider::new(credentials),
        })
    }

    /// DynamoDB.
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let mut builder = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(self.http.clone())
            .region(self.region.clone())
            .credentials_provider(self.credentials.clone())
            .retry_config(RetryConfig::standard())
            .timeout_config(timeouts(Duration::from_secs(5)));
        builder.set_endpoint_url(endpoint("AWS_ENDPOINT_URL_DYNAMODB"));
        aws_sdk_dynamodb::Client::from_conf(builder.build())
    }

    /// SQS.
    #[must_use]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        let mut builder = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(self.http.clone())
            .region(self.region.clone())
            .credentials_provider(self.credentials.clone())
            .retry_config(RetryConfig::standard())
            .timeout_config(timeouts(Duration::from_secs(5)));
        builder.set_endpoint_url(endpoint("AWS_ENDPOINT_URL_SQS"));
        aws_sdk_sqs::Client::from_conf(builder.build())
    }

    /// Secrets Manager.
    #[must_use]
    pub fn secrets(&self) -> aws_sdk_secretsmanager::Client {
        let mut builder = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(self.http.clone())
            .region(self.region.clone())
            .credentials_provider(self.credentials.clone())
            .retry_config(RetryConfig::standard())
            .timeout_config(timeouts(Duration::from_secs(5)));
        builder.set_endpoint_url(endpoint("AWS_ENDPOINT_URL_SECRETS_MANAGER"));
        aws_sdk_secretsmanager::Client::from_conf(builder.build())
    }
}

/// The service's own variable, else the common one, else AWS.
fn endpoint(variable: &'static str) -> Option<String> {
    config::text(variable).or_else(|_| config::text("AWS_ENDPOINT_URL")).ok()
}

fn timeouts(attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(attempt)
        .build()
}
