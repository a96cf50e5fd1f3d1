//! `sweep`: wakes what waits in the ledger.

use lambda_runtime::{Diagnostic, LambdaEvent, run, service_fn};
use sweep::{Sweep, span::Span};
use tracklayer_edge::aws::clicks::Clicks;
use tracklayer_edge::aws::clients::Aws;
use tracklayer_edge::aws::ledger::Ledger;
use tracklayer_edge::aws::queue::Queue;
use tracklayer_edge::lambda::clock::SystemClock;
use tracklayer_edge::lambda::telemetry::StandardOutput;
use tracklayer_edge::lambda::{config, telemetry};
use tracklayer_edge::ports::LedgerError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    telemetry::init();
    let aws = Aws::from_env()?;
    let dynamodb = aws.dynamodb();
    let sweep: Sweep = Sweep {
        policy: config::policy()?,
        mapping: config::mapping()?,
        ledger: Ledger::new(dynamodb.clone(), config::text("TRACKLAYER_CONVERSIONS_TABLE")?),
        clicks: Clicks::new(dynamodb, config::text("TRACKLAYER_CLICKS_TABLE")?),
        queue: Queue::new(aws.sqs(), config::text("TRACKLAYER_QUEUE_URL")?),
        clock: SystemClock::default(),
        telemetry: StandardOutput,
    };
    let audit_hours = config::number::<u32>("TRACKLAYER_AUDIT_HOURS", 168)?;
    let sweep = &sweep;
    // What the event says doesn't matter: a schedule's and a person's mean the same.
    let serve = move |event: LambdaEvent<serde::de::IgnoredAny>| async move {
        let span = Span::new(event.context.deadline, &sweep.clock);
        // In a box: the compiler does not compute the layout of futures that are nested so deep.
        Box::pin(sweep.handle(&span, i64::from(audit_hours))).await.map_err(failed)
    };
    run(service_fn(serve)).await.map_err(anyhow::Error::from_boxed)
}

/// Lambda reports a failed run by the name of its error.
fn failed(error: LedgerError) -> Diagnostic {
    Diagnostic { error_type: "LedgerError".to_owned(), error_message: error.to_string() }
}
