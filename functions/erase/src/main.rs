use erase::Erase;
use tracklayer_edge::lambda::config;
use tracklayer_edge::lambda::http_api::Request;
use tracklayer_edge::lambda::telemetry::StandardOutput;
use tracklayer_edge::live::Live;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let live = Live::start()?;
    let erase: Erase = Erase {
        keys: live.keys()?,
        clicks: live.clicks()?,
        ledger: live.ledger()?,
        mapping: config::mapping()?,
        clock: live.clock,
        telemetry: StandardOutput,
    };
    live.serve(async |request: Request, deadline| Ok(erase.handle(&request, deadline).await))
        .await?;
    Ok(())
}
