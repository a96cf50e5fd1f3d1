use status::Status;
use tracklayer_edge::lambda::config;
use tracklayer_edge::lambda::http_api::Request;
use tracklayer_edge::lambda::telemetry::StandardOutput;
use tracklayer_edge::live::Live;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let live = Live::start()?;
    let status: Status = Status {
        policy: config::policy()?,
        clock: live.clock,
        keys: live.keys()?,
        ledger: live.ledger()?,
        telemetry: StandardOutput,
    };
    live.serve(async |request: Request, _| Ok(status.handle(&request).await)).await?;
    Ok(())
}
