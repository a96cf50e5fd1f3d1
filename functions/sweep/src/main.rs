//! `sweep`: wakes what waits in the ledger.

use lambda_runtime::{LambdaEvent, run, service_fn};
use sweep::Sweep;
use tracklayer_edge::{
    aws::Aws,
    clock::{self, SystemClock},
    config,
    ledger::Ledger,
    queue::Queue,
    telemetry::{self, StandardOutput},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    telemetry::init();
    let aws = Aws::from_env()?;
    let sweep: Sweep = Sweep {
        policy: config::policy()?,
        mapping: config::mapping()?,
        ledger: Ledger::new(aws.dynamodb(), config::text("TRACKLAYER_CONVERSIONS_TABLE")?),
        queue: Queue::new(aws.sqs(), config::text("TRACKLAYER_QUEUE_URL")?),
        clock: SystemClock::default(),
        telemetry: StandardOutput,
    };
    let sweep = &sweep;
    // What the event says doesn't matter: a schedule's and a person's mean the same.
    let serve = move |event: LambdaEvent<serde::de::IgnoredAny>| async move {
        let deadline_ms = event.context.deadline;
        sweep.handle(clock::now(), deadline_ms).await.map_err(|error| error.to_string())
    };
    run(service_fn(serve)).await.map_err(anyhow::Error::from_boxed)
}
