use goals::Goals;
use serde::de::IgnoredAny;
use tracklayer_edge::lambda::config;
use tracklayer_edge::lambda::telemetry::StandardOutput;
use tracklayer_edge::live::Live;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let live = Live::start()?;
    let (auth, microsoft) = live.microsoft()?;
    let goals: Goals = Goals {
        mapping: config::mapping()?,
        policy: config::policy()?,
        ledger: live.ledger()?,
        secrets: live.secrets()?,
        auth,
        microsoft,
        clock: live.clock,
        telemetry: StandardOutput,
    };
    // What the event says doesn't matter: a schedule's and a person's mean the same.
    live.serve(async |_: IgnoredAny, deadline| Ok(goals.handle(deadline).await)).await?;
    Ok(())
}
