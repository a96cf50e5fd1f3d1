//! The stack, by what CloudFormation says of it, and the clients of its parts.

mod credentials;
mod deployment;

use std::path::Path;

use tracklayer_core::{mapping::Mapping, reconcile::decide::Policy, time::EventTime};
use tracklayer_edge::{
    aws::{clicks::Clicks, ledger::Ledger, queue::Queue},
    lambda::clock::SystemClock,
    ports::Clock as _,
};

use crate::{failure::Failure, options::Place};
use deployment::Deployment;

/// A system that is asked.
pub struct Ops {
    /// The ledger.
    pub ledger: Ledger,
    /// The clicks.
    pub clicks: Clicks,
    /// The queue of upload.
    pub queue: Queue,
    /// The mapping that the functions use.
    pub mapping: Mapping,
    /// The waits of the deployment.
    pub policy: Policy,
    clock: SystemClock,
}

impl Ops {
    /// Finds the parts of the stack.
    pub async fn connect(place: &Place) -> Result<Self, Failure> {
        let config = credentials::config(place).await?;
        let deployment = Deployment::read(&config, place).await?;
        let tables = aws_sdk_dynamodb::Client::new(&config);
        Ok(Ops {
            ledger: Ledger::new(tables.clone(), deployment.output("ConversionsTable")?),
            clicks: Clicks::new(tables, deployment.output("ClicksTable")?),
            queue: Queue::new(aws_sdk_sqs::Client::new(&config), deployment.output("UploadsUrl")?),
            mapping: mapping(place, &deployment)?,
            policy: deployment.policy()?,
            clock: SystemClock::default(),
        })
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
