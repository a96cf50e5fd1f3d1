//! Clients of the three AWS services, built for a fast start: one HTTP client, the credentials that
//! Lambda puts into the environment, endpoints by the SDKs' own variables, no search for profiles.

use std::time::Duration;

use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, Region, SharedCredentialsProvider, retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_types::SdkConfig;

use crate::lambda::config::{self, ConfigError};

/// How long AWS may take to take a connection, and to answer one attempt.
const CONNECT: Duration = Duration::from_secs(2);
const ATTEMPT: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub struct Aws(SdkConfig);

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
        let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let timeouts =
            TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT);
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http)
            .region(Region::new(config::text("AWS_REGION")?))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::standard())
            .timeout_config(timeouts.build());
        Ok(Aws(config.build()))
    }

    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let mut config = aws_sdk_dynamodb::config::Builder::from(&self.0);
        config.set_endpoint_url(endpoint("AWS_ENDPOINT_URL_DYNAMODB"));
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        let mut config = aws_sdk_sqs::config::Builder::from(&self.0);
        config.set_endpoint_url(endpoint("AWS_ENDPOINT_URL_SQS"));
        aws_sdk_sqs::Client::from_conf(config.build())
    }

    pub fn secrets(&self) -> aws_sdk_secretsmanager::Client {
        let mut config = aws_sdk_secretsmanager::config::Builder::from(&self.0);
        config.set_endpoint_url(endpoint("AWS_ENDPOINT_URL_SECRETS_MANAGER"));
        aws_sdk_secretsmanager::Client::from_conf(config.build())
    }
}

/// The service's own variable, else the common one, else AWS.
fn endpoint(variable: &'static str) -> Option<String> {
    config::text(variable).or_else(|_| config::text("AWS_ENDPOINT_URL")).ok()
}
