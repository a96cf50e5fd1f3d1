//! The resources of the template as types.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// All resources of the template that the local stack creates or runs.
#[derive(Clone, Debug)]
pub struct Plan {
    /// DynamoDB tables.
    pub tables: Vec<TablePlan>,
    /// Queues, dead-letter queues first.
    pub queues: Vec<QueuePlan>,
    /// Secrets, by name.
    pub secrets: Vec<SecretPlan>,
    /// Functions, by their ids in the template.
    pub functions: Vec<FunctionPlan>,
    /// Routes of the HTTP API.
    pub routes: Vec<RoutePlan>,
    /// CORS of the HTTP API, if it has any.
    pub cors: Option<Cors>,
    /// Queues that functions read.
    pub event_sources: Vec<EventSource>,
    /// Functions that run on a schedule.
    pub schedules: Vec<SchedulePlan>,
    /// Secrets that a function rotates.
    pub rotations: Vec<RotationPlan>,
    /// The values of all parameters, as CloudFormation shows them.
    pub parameters: BTreeMap<String, String>,
    /// The outputs whose condition holds.
    pub outputs: BTreeMap<String, String>,
}

/// A table: the request that creates it.
#[derive(Clone, Debug)]
pub struct TablePlan {
    /// Its name.
    pub name: String,
    /// Body of `CreateTable`.
    pub create: Json,
    /// Attribute that holds the time of expiry.
    pub ttl: Option<String>,
}

/// A queue: the request that creates it.
#[derive(Clone, Debug)]
pub struct QueuePlan {
    /// Its name.
    pub name: String,
    /// Attributes as `CreateQueue` expects them, all texts.
    pub attributes: Map<String, Json>,
}

/// A secret.
#[derive(Clone, Debug)]
pub struct SecretPlan {
    /// Its name, prefix included.
    pub name: String,
}

/// A function.
#[derive(Clone, Debug)]
pub struct FunctionPlan {
    /// Logical id in the template.
    pub logical: String,
    /// Cargo's name of the binary; the local stack calls the function by it.
    pub name: String,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// MiB; the function can read it, nothing enforces it.
    pub memory: u64,
    /// Statements of its policies.
    pub policy: Vec<Json>,
}

/// One route of the HTTP API.
#[derive(Clone, Debug)]
pub struct RoutePlan {
    /// Upper case, `ANY` for all.
    pub method: String,
    /// Template of the path, as `/events/{source}/{eventId+}`.
    pub path: String,
    /// Name of the function.
    pub function: String,
}

/// `CorsConfiguration` of the HTTP API.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Cors {
    /// Origins that may call, or `*`.
    pub allow_origins: Vec<String>,
    /// Methods, or `*`.
    pub allow_methods: Vec<String>,
    /// Headers that a page may send.
    pub allow_headers: Vec<String>,
    /// Headers that a page may read.
    pub expose_headers: Vec<String>,
    /// Whether cookies go along.
    pub allow_credentials: bool,
    /// Seconds a browser may keep the answer.
    pub max_age: Option<u64>,
}

/// A queue that a function reads.
#[derive(Clone, Debug)]
pub struct EventSource {
    /// Name of the function.
    pub function: String,
    /// Name of the queue.
    pub queue: String,
    /// ARN of the queue.
    pub arn: String,
    /// Most messages of one batch.
    pub batch_size: usize,
    /// How long a batch may be filled.
    pub window: Duration,
    /// Whether the function names the messages that failed.
    pub reports_failures: bool,
    /// Most batches at the same time.
    pub concurrency: usize,
}

/// A function that runs on a schedule.
#[derive(Clone, Debug)]
pub struct SchedulePlan {
    /// Name of the function.
    pub function: String,
    /// Time between two runs in a deployment; options of the local stack shorten it.
    pub every: Duration,
}

/// A secret that a function rotates, on request.
#[derive(Clone, Debug)]
pub struct RotationPlan {
    /// ARN of the secret, without the random end.
    pub secret: String,
    /// Name of the function.
    pub function: String,
    /// `RotationRules` as the API expects them.
    pub rules: Json,
}

impl Plan {
    /// The function of that name.
    ///
    /// # Errors
    /// There is none.
    pub fn function(&self, name: &str) -> Result<&FunctionPlan> {
        self.functions
            .iter()
            .find(|function| function.name == name)
            .with_context(|| format!("there is no function {name}"))
    }
}
