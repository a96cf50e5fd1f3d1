//! `status`: answers with the whole story of one event.

use lambda_runtime::{LambdaEvent, run, service_fn};
use status::Status;
use tracklayer_edge::aws::account_secrets::Secrets;
use tracklayer_edge::aws::clients::Aws;
use tracklayer_edge::aws::ingest_keys::Keys;
use tracklayer_edge::aws::ledger::Ledger;
use tracklayer_edge::lambda::clock::SystemClock;
use tracklayer_edge::lambda::telemetry::StandardOutput;
use tracklayer_edge::lambda::{config, http_api, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    telemetry::init();
    let aws = Aws::from_env()?;
    let secrets = Secrets::new(aws.secrets(), config::text("TRACKLAYER_SECRET_PREFIX")?);
    let status: Status = Status {
        policy: config::policy()?,
        clock: SystemClock::default(),
        keys: Keys::new(secrets),
        ledger: Ledger::new(aws.dynamodb(), config::text("TRACKLAYER_CONVERSIONS_TABLE")?),
        telemetry: StandardOutput,
    };
    let status = &status;
    let serve = move |event: LambdaEvent<http_api::Request>| async move {
        // In a box: the compiler does not compute the layout of futures that are nested so deep.
        Ok::<_, std::convert::Infallible>(Box::pin(status.handle(&event.payload)).await)
    };
    run(service_fn(serve)).await.map_err(anyhow::Error::from_boxed)
}
