//! `erase`: takes a person out of the click table and the ledger.

use erase::Erase;
use lambda_runtime::{LambdaEvent, run, service_fn};
use tracklayer_edge::aws::account_secrets::Secrets;
use tracklayer_edge::aws::clicks::Clicks;
use tracklayer_edge::aws::clients::Aws;
use tracklayer_edge::aws::ingest_keys::Keys;
use tracklayer_edge::aws::ledger::Ledger;
use tracklayer_edge::lambda::clock::SystemClock;
use tracklayer_edge::lambda::deadline::Deadline;
use tracklayer_edge::lambda::telemetry::StandardOutput;
use tracklayer_edge::lambda::{config, http_api, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    telemetry::init();
    let aws = Aws::from_env()?;
    let dynamodb = aws.dynamodb();
    let secrets = Secrets::new(aws.secrets(), config::text("TRACKLAYER_SECRET_PREFIX")?);
    let erase: Erase = Erase {
        keys: Keys::new(secrets),
        clicks: Clicks::new(dynamodb.clone(), config::text("TRACKLAYER_CLICKS_TABLE")?),
        ledger: Ledger::new(dynamodb, config::text("TRACKLAYER_CONVERSIONS_TABLE")?),
        mapping: config::mapping()?,
        clock: SystemClock::default(),
        telemetry: StandardOutput,
    };
    let erase = &erase;
    let serve = move |event: LambdaEvent<http_api::Request>| async move {
        let deadline = Deadline::at_epoch_ms(event.context.deadline, &erase.clock);
        // In a box: the compiler does not compute the layout of futures that are nested so deep.
        let response = Box::pin(erase.handle(&event.payload, deadline)).await;
        Ok::<_, std::convert::Infallible>(response)
    };
    run(service_fn(serve)).await.map_err(anyhow::Error::from_boxed)
}
