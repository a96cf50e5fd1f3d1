use tracklayer_edge::lambda::config;
use tracklayer_edge::lambda::telemetry::StandardOutput;
use tracklayer_edge::live::Live;
use upload::{Upload, wire::SqsEvent};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let live = Live::start()?;
    let (auth, microsoft) = live.microsoft()?;
    let upload: Upload = Upload {
        mapping: config::mapping()?,
        policy: config::policy()?,
        max_receives: config::number("TRACKLAYER_MAX_RECEIVE_COUNT", 12)?,
        environment: config::environment()?,
        clock: live.clock,
        clicks: live.clicks()?,
        ledger: live.ledger()?,
        queue: live.queue()?,
        secrets: live.secrets()?,
        auth,
        microsoft,
        telemetry: StandardOutput,
    };
    live.serve(async |event: SqsEvent, deadline| Ok(upload.handle(event, deadline).await)).await?;
    Ok(())
}
