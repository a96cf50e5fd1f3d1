//! `goals`: checks the mapping's goals against each ad account.

use goals::Goals;
use lambda_runtime::{LambdaEvent, run, service_fn};
use tracklayer_edge::aws::account_secrets::Secrets;
use tracklayer_edge::aws::clients::Aws;
use tracklayer_edge::aws::ledger::Ledger;
use tracklayer_edge::lambda::clock::SystemClock;
use tracklayer_edge::lambda::deadline::Deadline;
use tracklayer_edge::lambda::telemetry::StandardOutput;
use tracklayer_edge::lambda::{config, telemetry};
use tracklayer_edge::microsoft::client::{Client, Endpoints};
use tracklayer_edge::microsoft::tokens::Auth;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    telemetry::init();
    let aws = Aws::from_env()?;
    let endpoints = Endpoints::from_env()?;
    let http = Client::http()?;
    let goals: Goals = Goals {
        mapping: config::mapping()?,
        policy: config::policy()?,
        ledger: Ledger::new(aws.dynamodb(), config::text("TRACKLAYER_CONVERSIONS_TABLE")?),
        secrets: Secrets::new(aws.secrets(), config::text("TRACKLAYER_SECRET_PREFIX")?),
        auth: Auth::new(http.clone(), endpoints.token.clone(), endpoints.environment),
        microsoft: Client::new(http, &endpoints),
        clock: SystemClock::default(),
        telemetry: StandardOutput,
    };
    let goals = &goals;
    // What the event says doesn't matter: a schedule's and a person's mean the same.
    let serve = move |event: LambdaEvent<serde::de::IgnoredAny>| async move {
        let deadline = Deadline::at_epoch_ms(event.context.deadline, &goals.clock);
        Ok::<_, std::convert::Infallible>(goals.handle(deadline).await)
    };
    run(service_fn(serve)).await.map_err(anyhow::Error::from_boxed)
}
