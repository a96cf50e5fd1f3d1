use enqueue::Enqueue;
use tracklayer_edge::lambda::config;
use tracklayer_edge::lambda::http_api::Request;
use tracklayer_edge::lambda::telemetry::StandardOutput;
use tracklayer_edge::live::Live;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let live = Live::start()?;
    let enqueue: Enqueue = Enqueue {
        mapping: config::mapping()?,
        policy: config::policy()?,
        retention_days: config::retention_days()?,
        clock: live.clock,
        keys: live.keys()?,
        clicks: live.clicks()?,
        ledger: live.ledger()?,
        queue: live.queue()?,
        telemetry: StandardOutput,
    };
    live.serve(async |request: Request, deadline| Ok(enqueue.handle(&request, deadline).await))
        .await?;
    Ok(())
}
