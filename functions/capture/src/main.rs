//! `capture`: keeps the Microsoft click id with which a visitor landed.

use capture::Capture;
use lambda_runtime::{LambdaEvent, run, service_fn};
use tracklayer_edge::aws::account_secrets::Secrets;
use tracklayer_edge::aws::clicks::Clicks;
use tracklayer_edge::aws::clients::Aws;
use tracklayer_edge::aws::ingest_keys::Keys;
use tracklayer_edge::lambda::clock::SystemClock;
use tracklayer_edge::lambda::deadline::Deadline;
use tracklayer_edge::lambda::telemetry::StandardOutput;
use tracklayer_edge::lambda::{config, http_api, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    telemetry::init();
    let aws = Aws::from_env()?;
    let secrets = Secrets::new(aws.secrets(), config::text("TRACKLAYER_SECRET_PREFIX")?);
    let capture: Capture = Capture {
        clock: SystemClock::default(),
        clicks: Clicks::new(aws.dynamodb(), config::text("TRACKLAYER_CLICKS_TABLE")?),
        keys: Keys::new(secrets),
        telemetry: StandardOutput,
    };
    let capture = &capture;
    let serve = move |event: LambdaEvent<http_api::Request>| async move {
        let deadline = Deadline::at_epoch_ms(event.context.deadline, &capture.clock);
        // In a box: the compiler does not compute the layout of futures that are nested so deep.
        let response = Box::pin(capture.handle(&event.payload, &deadline)).await;
        Ok::<_, std::convert::Infallible>(response)
    };
    run(service_fn(serve)).await.map_err(anyhow::Error::from_boxed)
}
