//! The configuration of all clients: region, credentials, one HTTP client.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

use crate::{failure::Failure, options::Place, screen::chain_of};

/// The region in the names of everything local.
const LOCAL_REGION: &str = "eu-west-1";

/// The configuration that the options ask for.
pub async fn config(place: &Place) -> Result<SdkConfig, Failure> {
    match &place.local {
        Some(url) => Ok(local(url).await),
        None => deployed(place).await,
    }
}

/// The local AWS takes any credentials.
async fn local(url: &str) -> SdkConfig {
    let credentials = Credentials::new("local", "local", None, None, "cargo local");
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(Builder::new().build_http())
        .region(Region::new(LOCAL_REGION))
        .credentials_provider(credentials)
        .endpoint_url(url.trim_end_matches('/'))
        .load()
        .await
}

async fn deployed(place: &Place) -> Result<SdkConfig, Failure> {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
    if let Some(profile) = &place.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &place.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let config = loader.load().await;
    if config.region().is_none() {
        let help = "Name it with --region, or set AWS_REGION.";
        return Err(Failure::input("no_region", "no AWS region is configured", help));
    }
    check_credentials(&config, place).await?;
    Ok(config)
}

/// Before anything else: a client would say only that it could not send its request.
async fn check_credentials(config: &SdkConfig, place: &Place) -> Result<(), Failure> {
    let Some(provider) = config.credentials_provider() else {
        return Err(no_credentials("no AWS credentials are configured".to_owned(), place));
    };
    match provider.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(CredentialsError::CredentialsNotLoaded(_)) => {
            Err(no_credentials("no AWS credentials were found".to_owned(), place))
        }
        Err(error) => Err(no_credentials(chain_of(&error), place)),
    }
}

fn no_credentials(message: String, place: &Place) -> Failure {
    let help = match &place.profile {
        Some(profile) => format!(
            "Look whether ~/.aws/config has the profile {profile}; if it signs in through SSO, run \
             `aws sso login --profile {profile}`."
        ),
        None => "Name a profile with --profile, or set AWS_PROFILE or AWS_ACCESS_KEY_ID; for the \
                 system of `cargo local` say --local."
            .to_owned(),
    };
    Failure::unreachable("no_credentials", message, help)
}
