use lambda_runtime::Diagnostic;
use serde::de::IgnoredAny;
use sweep::{Sweep, span::Span};
use tracklayer_edge::lambda::config;
use tracklayer_edge::lambda::telemetry::StandardOutput;
use tracklayer_edge::live::Live;
use tracklayer_edge::ports::LedgerError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let live = Live::start()?;
    let sweep: Sweep = Sweep {
        policy: config::policy()?,
        mapping: config::mapping()?,
        ledger: live.ledger()?,
        clicks: live.clicks()?,
        queue: live.queue()?,
        clock: live.clock,
        telemetry: StandardOutput,
    };
    let audit_hours = config::number("TRACKLAYER_AUDIT_HOURS", 168)?;
    // What the event says doesn't matter: a schedule's and a person's mean the same.
    live.serve(async |_: IgnoredAny, deadline| {
        let span = Span::new(deadline, &sweep.clock);
        sweep.handle(&span, i64::from(audit_hours)).await.map_err(failed)
    })
    .await?;
    Ok(())
}

/// Lambda reports a failed run by the name of its error.
fn failed(error: LedgerError) -> Diagnostic {
    Diagnostic { error_type: "LedgerError".to_owned(), error_message: error.to_string() }
}
