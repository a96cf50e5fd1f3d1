//! `sweep`: wakes what waits in the ledger.

use lambda_runtime::{Diagnostic, LambdaEvent, run, service_fn};
use sweep::{Sweep, signals::Span, wire::Answer};
use tracklayer_edge::{
    aws::{clicks::Clicks, clients::Aws, ledger::Ledger, queue::Queue},
    lambda::{
        clock::{self, SystemClock},
        config,
        telemetry::{self, StandardOutput},
    },
    ports::LedgerError,
};

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
        let (now, deadline_ms) = (clock::now(), event.context.deadline);
        let swept = sweep.handle(now, deadline_ms).await;
        // What is due comes first; the audit takes the time that is left.
        let span = Span { now, deadline_ms };
        let released = sweep.release_held(&span).await;
        let audited = sweep.audit(&span, i64::from(audit_hours)).await;
        match (swept, released, audited) {
            (Ok(summary), Ok(released), Ok(audit)) => Ok(Answer { summary, released, audit }),
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => Err(failed(error)),
        }
    };
    run(service_fn(serve)).await.map_err(anyhow::Error::from_boxed)
}

/// Lambda reports a failed run by the name of its error.
fn failed(error: LedgerError) -> Diagnostic {
    Diagnostic { error_type: "LedgerError".to_owned(), error_message: error.to_string() }
}
