//! `capture`: keeps the Microsoft click id with which a visitor landed.

use capture::Capture;
use lambda_runtime::{LambdaEvent, run, service_fn};
use tracklayer_edge::{
    aws::{account_secrets::Secrets, clicks::Clicks, clients::Aws, ingest_keys::Keys},
    lambda::{
        clock::SystemClock,
        config,
        deadline::Deadline,
        http_api,
        telemetry::{self, StandardOutput},
    },
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    telemetry::init();
    let aws = Aws::from_env()?;
    let secrets = Secrets::new(aws.secrets(), config::text("TRACKLAYER_SECRET_PREFIX")?);
    let capture: Capture = Capture {
        clicks: Clicks::new(aws.dynamodb(), config::text("TRACKLAYER_CLICKS_TABLE")?),
        keys: Keys::new(secrets),
        clock: SystemClock::default(),
        telemetry: StandardOutput,
    };
    let capture = &capture;
    let serve = move |event: LambdaEvent<http_api::Request>| async move {
        let deadline = Deadline::at_epoch_ms(event.context.deadline, &capture.clock);
        Ok::<_, std::convert::Infallible>(capture.handle(&event.payload, &deadline).await)
    };
    run(service_fn(serve)).await.map_err(anyhow::Error::from_boxed)
}
