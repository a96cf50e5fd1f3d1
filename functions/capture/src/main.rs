//! `capture`: keeps the Microsoft click id with which a visitor landed.

mod handler;
mod wire;
mod withdraw;

use lambda_runtime::{LambdaEvent, run, service_fn};
use tracklayer_edge::{
    aws::{account_secrets::Secrets, clicks::Clicks, clients::Aws, ingest_keys::Keys},
    lambda::{config, http_api, telemetry},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    telemetry::init();
    let aws = Aws::from_env()?;
    let secrets = Secrets::new(aws.secrets(), config::text("TRACKLAYER_SECRET_PREFIX")?);
    let capture = handler::Capture {
        clicks: Clicks::new(aws.dynamodb(), config::text("TRACKLAYER_CLICKS_TABLE")?),
        keys: Keys::new(secrets),
        mapping: config::mapping()?,
    };
    let capture = &capture;
    let serve = move |event: LambdaEvent<http_api::Request>| async move {
        Ok::<_, std::convert::Infallible>(capture.handle(&event.payload).await)
    };
    run(service_fn(serve)).await.map_err(anyhow::Error::from_boxed)
}
