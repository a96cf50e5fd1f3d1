use lambda_runtime::Diagnostic;
use token::{Token, wire::Event};
use tracklayer_edge::live::Live;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let live = Live::start()?;
    let (consents, _) = live.microsoft()?;
    let token = Token { versions: live.secret_versions(), consents, refusals: live.ledger()? };
    live.serve(async |event: Event, _| {
        token.handle(&event).await.map_err(|error| Diagnostic {
            error_type: "TokenError".to_owned(),
            error_message: format!("{}, {:?}: {error}", event.secret_id, event.step),
        })
    })
    .await?;
    Ok(())
}
