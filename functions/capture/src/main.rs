use capture::Capture;
use tracklayer_edge::lambda::http_api::Request;
use tracklayer_edge::lambda::telemetry::StandardOutput;
use tracklayer_edge::live::Live;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let live = Live::start()?;
    let capture: Capture = Capture {
        clock: live.clock,
        clicks: live.clicks()?,
        keys: live.keys()?,
        telemetry: StandardOutput,
    };
    live.serve(async |request: Request, deadline| Ok(capture.handle(&request, &deadline).await))
        .await?;
    Ok(())
}
