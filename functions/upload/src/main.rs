//! `upload`: reads signals, decides what each row needs, and sends it to Microsoft in batches.

use lambda_runtime::{LambdaEvent, run, service_fn};
use tracklayer_edge::aws::account_secrets::Secrets;
use tracklayer_edge::aws::clicks::Clicks;
use tracklayer_edge::aws::clients::Aws;
use tracklayer_edge::aws::ledger::Ledger;
use tracklayer_edge::aws::queue::Queue;
use tracklayer_edge::lambda::clock::SystemClock;
use tracklayer_edge::lambda::telemetry::StandardOutput;
use tracklayer_edge::lambda::{config, telemetry};
use tracklayer_edge::microsoft::client::{Client, Endpoints};
use tracklayer_edge::microsoft::tokens::Auth;
use upload::{Deadline, Upload, wire::SqsEvent};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    telemetry::init();
    let aws = Aws::from_env()?;
    let dynamodb = aws.dynamodb();
    let endpoints = Endpoints::from_env()?;
    let http = Client::http()?;
    let upload: Upload = Upload {
        mapping: config::mapping()?,
        policy: config::policy()?,
        max_receives: config::number("TRACKLAYER_MAX_RECEIVE_COUNT", 12)?,
        environment: endpoints.environment,
        clock: SystemClock::default(),
        clicks: Clicks::new(dynamodb.clone(), config::text("TRACKLAYER_CLICKS_TABLE")?),
        ledger: Ledger::new(dynamodb, config::text("TRACKLAYER_CONVERSIONS_TABLE")?),
        queue: Queue::new(aws.sqs(), config::text("TRACKLAYER_QUEUE_URL")?),
        secrets: Secrets::new(aws.secrets(), config::text("TRACKLAYER_SECRET_PREFIX")?),
        auth: Auth::new(http.clone(), endpoints.token.clone(), endpoints.environment),
        microsoft: Client::new(http, &endpoints),
        telemetry: StandardOutput,
    };
    let upload = &upload;
    let serve = move |event: LambdaEvent<SqsEvent>| async move {
        let deadline = Deadline::at_epoch_ms(event.context.deadline, &upload.clock);
        Ok::<_, std::convert::Infallible>(upload.handle(event.payload, deadline).await)
    };
    run(service_fn(serve)).await.map_err(anyhow::Error::from_boxed)
}
