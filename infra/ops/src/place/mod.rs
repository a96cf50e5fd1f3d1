//! The stack, by what CloudFormation says of it, and the clients of its parts.

mod credentials;
mod deployment;
mod microsoft;

use std::path::Path;

use aws_config::SdkConfig;
use tracklayer_core::{mapping::Mapping, reconcile::decide::Policy, time::EventTime};
use tracklayer_edge::aws::account_secrets::Secrets;
use tracklayer_edge::aws::clicks::Clicks;
use tracklayer_edge::aws::ledger::Ledger;
use tracklayer_edge::aws::queue::Queue;
use tracklayer_edge::lambda::clock::SystemClock;
use tracklayer_edge::ports::Clock as _;

use crate::{failure::Failure, options::Place};
pub use deployment::Deployment;
pub use microsoft::Microsoft;

/// A system that is asked.
pub struct Ops {
    /// The ledger.
    pub ledger: Ledger,
    /// The clicks.
    pub clicks: Clicks,
    /// The queue of upload.
    pub queue: Queue,
    /// The secrets.
    pub secrets: Secrets,
    /// What the stack says.
    pub deployment: Deployment,
    /// For clients that only one command needs.
    pub config: SdkConfig,
    /// Whether it is the system of `cargo local`.
    pub is_local: bool,
    /// Where the HTTP API is.
    pub api_url: String,
    /// Where the queue of upload is.
    pub uploads_url: String,
    /// Where its dead-letter queue is.
    pub dead_letters_url: String,
    /// The function that checks goals.
    pub goals_function: String,
    /// The function that reads the queue.
    pub upload_function: String,
    /// The mapping that the functions use.
    pub mapping: Mapping,
    /// The waits of the deployment.
    pub policy: Policy,
    clock: SystemClock,
}

impl Ops {
    /// Finds the parts of the stack.
    pub async fn find(place: &Place) -> Result<Self, Failure> {
        let config = credentials::config(place).await?;
        let deployment = Deployment::read(&config, place).await?;
        let tables = aws_sdk_dynamodb::Client::new(&config);
        let secrets = aws_sdk_secretsmanager::Client::new(&config);
        let output = |name: &str| deployment.output(name);
        let uploads_url = output("UploadsUrl")?;
        Ok(Ops {
            ledger: Ledger::new(tables.clone(), output("ConversionsTable")?),
            clicks: Clicks::new(tables, output("ClicksTable")?),
            queue: Queue::new(aws_sdk_sqs::Client::new(&config), uploads_url.clone()),
            secrets: Secrets::new(secrets, output("SecretPrefix")?),
            is_local: place.local.is_some(),
            api_url: output("ApiUrl")?,
            uploads_url,
            dead_letters_url: output("UploadsDlqUrl")?,
            goals_function: output("GoalsFunction")?,
            upload_function: output("UploadFunction")?,
            mapping: mapping(place, &deployment)?,
            policy: deployment.policy()?,
            clock: SystemClock::default(),
            config,
            deployment,
        })
    }

    /// How many items the table has that is this output of the stack, as DynamoDB counts them every
    /// six hours; 0 if it does not say. For the progress of long reads only.
    pub async fn size_of(&self, output: &str) -> u64 {
        let Ok(name) = self.deployment.output(output) else { return 0 };
        let tables = aws_sdk_dynamodb::Client::new(&self.config);
        let answer = tables.describe_table().table_name(name).send().await;
        let count = answer.ok().and_then(|answer| answer.table?.item_count);
        count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
    }

    /// Now, in whole seconds.
    pub fn now(&self) -> EventTime {
        self.clock.now()
    }
}

/// The mapping in the file that is named; that of `cargo local` is a file of this machine.
fn mapping(place: &Place, deployment: &Deployment) -> Result<Mapping, Failure> {
    let deployed = deployment.parameter("MappingPath");
    match (&place.mapping, deployed) {
        (Some(path), _) => read_mapping(path),
        (None, None) => Ok(Mapping::shipped()),
        (None, Some(path)) if place.local.is_some() => read_mapping(Path::new(path)),
        (None, Some(path)) => Err(Failure::input(
            "mapping_needed",
            format!("the stack {} has a mapping of its own, {path}", deployment.name),
            "Name the same file with --mapping.",
        )),
    }
}

fn read_mapping(path: &Path) -> Result<Mapping, Failure> {
    let bad = |error: String| {
        let message = format!("{}: {error}", path.display());
        Failure::input("bad_mapping", message, "Name the mapping that is deployed with --mapping.")
    };
    let json = std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
    Mapping::parse(&json).map_err(|error| bad(error.to_string()))
}
