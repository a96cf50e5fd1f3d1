//! `token`: the rotation function of the account secrets.

use lambda_runtime::{Diagnostic, LambdaEvent, run, service_fn};
use token::{Token, wire::Event};
use tracklayer_edge::aws::clients::Aws;
use tracklayer_edge::aws::ledger::Ledger;
use tracklayer_edge::aws::secret_versions::SecretVersions;
use tracklayer_edge::lambda::{config, telemetry};
use tracklayer_edge::microsoft::client::{Client, Endpoints};
use tracklayer_edge::microsoft::tokens::Auth;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    telemetry::init();
    let aws = Aws::from_env()?;
    let microsoft = Endpoints::from_env()?;
    let token = Token {
        versions: SecretVersions::new(&aws.secrets()),
        consents: Auth::new(Client::http()?, microsoft.token, microsoft.environment),
        refusals: Ledger::new(aws.dynamodb(), config::text("TRACKLAYER_CONVERSIONS_TABLE")?),
    };
    let token = &token;
    let serve = move |event: LambdaEvent<Event>| async move {
        let event = event.payload;
        let answer = token.handle(&event).await;
        answer.map_err(|error| Diagnostic {
            error_type: "TokenError".to_owned(),
            error_message: format!("{}, {:?}: {error}", event.secret_id, event.step),
        })
    };
    run(service_fn(serve)).await.map_err(anyhow::Error::from_boxed)
}
