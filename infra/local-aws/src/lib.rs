//! A stand-in for the three AWS services the system uses, on one HTTP endpoint of one machine.
//!
//! **A development and test tool, never a production engine**: no signatures, no encryption,
//! one process, and only the operations that the system, its operators and its tests use.
//! Everything else is refused by name with `UnknownOperationException`.
//!
//! | module | what |
//! |---|---|
//! | [`Aws`] | opens the services, the axum router, in-process calls |
//! | `http`, `refusal` | the endpoint: `X-Amz-Target` to service, errors as AWS words them |
//! | `access` | what the policies of restricted access keys allow, and what a request needs |
//! | `dynamo` | DynamoDB: the embedded `dynoxide` |
//! | `halved` | batch requests that are done in part, on purpose |
//! | `meter` | what DynamoDB would charge |
//! | [`sqs`] | standard queues, redrive, message moves (no FIFO) |
//! | [`secrets`] | Secrets Manager: versions, stages, rotation on request, deletion |
//! | `functions` | Lambda's Invoke, and the rotation of secrets, with functions that the host runs |
//! | `cloudformation` | DescribeStacks, of the one stack that the host describes |
//! | `store` | keeps queues and secrets over restarts |

mod access;
mod cloudformation;
mod dynamo;
mod error;
mod functions;
mod halved;
mod http;
mod meter;
mod refusal;
pub mod secrets;
pub mod sqs;
mod store;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde_json::Value;

pub use access::Statement;
pub use cloudformation::StackDescription;
pub use error::{AwsError, Error};
pub use functions::{FunctionError, Functions, Invocation, LOG_TAIL, Logged};
pub use meter::{Calls, ReadAndWrite, Units};
use secrets::Secrets;
use sqs::Sqs;

/// The names that ARNs and queue addresses are made of.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Region in ARNs.
    pub region: String,
    /// Account number in ARNs and queue addresses.
    pub account: String,
    /// Start of queue addresses for in-process calls; over HTTP it is the request's host.
    pub url: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            region: "eu-west-1".to_owned(),
            account: "000000000000".to_owned(),
            url: "http://127.0.0.1:9401".to_owned(),
        }
    }
}

/// The running services; clones share them.
#[derive(Clone)]
pub struct Aws {
    services: Arc<Services>,
}

struct Services {
    dynamo: dynamo::Dynamo,
    sqs: Sqs,
    secrets: Secrets,
    functions: OnceLock<Arc<dyn Functions>>,
    stack: OnceLock<StackDescription>,
    settings: Settings,
    access: access::Access,
    refusals: Mutex<Vec<Refusal>>,
    halved: Mutex<Vec<Refusal>>,
    meter: meter::Meter,
    /// Microseconds.
    delay: AtomicU64,
    changes: AtomicU64,
}

/// How the names of operations begin that only read.
const READS: [&str; 7] = ["BatchGet", "Describe", "Get", "List", "Query", "Scan", "TransactGet"];

/// Requests to be refused, or done in part: the start of their target, and how many are left.
struct Refusal {
    target: String,
    left: usize,
}

impl Aws {
    /// Opens the services. With a folder, tables, queues and secrets are kept there; messages that
    /// were in flight when it was last closed (or killed) are visible at once, with their receive count.
    ///
    /// # Errors
    /// The folder or one of its files cannot be used, or no loopback port is free.
    pub async fn open(data: Option<&Path>, settings: Settings) -> Result<Self, Error> {
        if let Some(folder) = data {
            std::fs::create_dir_all(folder)?;
        }
        let services = Services {
            dynamo: dynamo::Dynamo::open(data).await?,
            sqs: Sqs::open(data, settings.clone())?,
            secrets: Secrets::open(data, settings.clone())?,
            functions: OnceLock::new(),
            stack: OnceLock::new(),
            settings,
            access: access::Access::default(),
            refusals: Mutex::default(),
            halved: Mutex::default(),
            meter: meter::Meter::default(),
            delay: AtomicU64::new(0),
            changes: AtomicU64::new(0),
        };
        Ok(Self { services: Arc::new(services) })
    }

    /// The endpoint, at `/`, `/{account}/{queue}` and Lambda's path of invocations; merge further
    /// routes as needed.
    pub fn router(&self) -> axum::Router {
        http::router(self.clone())
    }

    /// The queues, for a poller in this process.
    pub fn queues(&self) -> &Sqs {
        &self.services.sqs
    }

    /// The secrets, to create those that are missing at start.
    pub fn secrets(&self) -> &Secrets {
        &self.services.secrets
    }

    /// Sets what runs the functions that are invoked here and that rotate secrets. Only the first
    /// call has an effect; without one no function is known.
    pub fn on_invoke(&self, functions: Arc<dyn Functions>) {
        let _ = self.services.functions.set(functions);
    }

    /// Sets the stack that CloudFormation describes. Only the first call has an effect; without one
    /// there is none.
    pub fn describe_stack(&self, stack: StackDescription) {
        let _ = self.services.stack.set(stack);
    }

    pub(crate) fn stack(&self) -> Option<&StackDescription> {
        self.services.stack.get()
    }

    pub(crate) fn functions(&self) -> Option<Arc<dyn Functions>> {
        self.services.functions.get().cloned()
    }

    /// Lets the requests over HTTP that are signed with this access key id do what the statements
    /// allow and nothing else; `user` is the ARN that refusals name. Other keys, and calls from this
    /// process, may do everything.
    pub fn restrict(&self, key_id: &str, user: String, statements: Vec<Statement>) {
        self.services.access.restrict(key_id, user, statements);
    }

    pub(crate) fn access(&self) -> &access::Access {
        &self.services.access
    }

    /// The ARN of something of this region and account.
    pub(crate) fn arn(&self, service: &str, rest: &str) -> String {
        let Settings { region, account, .. } = &self.services.settings;
        format!("arn:aws:{service}:{region}:{account}:{rest}")
    }

    /// Makes one request from this process, as an SDK would send it: `target` is the value of `X-Amz-Target`,
    /// for example `DynamoDB_20120810.CreateTable`, `AmazonSQS.CreateQueue`, `secretsmanager.CreateSecret`.
    ///
    /// # Errors
    /// The error that the service answers with.
    pub async fn call(&self, target: &str, body: Value) -> Result<Value, AwsError> {
        let answer = if target.starts_with("DynamoDB") {
            self.dynamo().call(target, &body).await
        } else {
            self.dispatch(target, body, None).await
        };
        self.note_change(target);
        answer
    }

    /// Simulates an outage: the next `times` requests over HTTP whose target begins with `target`
    /// (`DynamoDB`, `AmazonSQS.SendMessage`) are answered with 500 `InternalFailure` and do
    /// nothing. With an access key id before it (`upload DynamoDB`) those of one function, say. A second
    /// call for the same `target` replaces the first; 0 ends the outage. SDKs try
    /// a request three times. Calls from this process, such as the event source's, are not refused.
    pub fn refuse(&self, target: &str, times: usize) {
        set(&self.services.refusals, target, times);
    }

    /// Simulates trouble within batch requests: of the next `times` over HTTP whose target begins with
    /// `target` (`DynamoDB_20120810.BatchGetItem`, `…BatchExecuteStatement`,
    /// `AmazonSQS.SendMessageBatch`) every other entry is done, and the answer says so. As
    /// [`Aws::refuse`] otherwise.
    pub fn halve(&self, target: &str, times: usize) {
        set(&self.services.halved, target, times);
    }

    /// Starts counting, from zero, what DynamoDB would charge for the requests over HTTP.
    pub fn measure(&self) {
        self.services.meter.start();
    }

    /// Capacity units since [`Aws::measure`], by operation and table.
    pub fn units(&self) -> Units {
        self.services.meter.read()
    }

    /// Capacity units since [`Aws::measure`] of the requests that this access key id signed.
    pub fn units_of(&self, key_id: &str) -> ReadAndWrite {
        self.services.meter.units_of(key_id)
    }

    /// Requests since [`Aws::measure`] that this access key id signed.
    pub fn calls_of(&self, key_id: &str) -> Calls {
        self.services.meter.calls_of(key_id)
    }

    /// Lets every request over HTTP wait so long before it is served, as on a network.
    pub fn set_delay(&self, delay: Duration) {
        let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.services.delay.store(micros, Ordering::Relaxed);
    }

    /// How many requests, over HTTP or by [`Aws::call`], may have changed something so far.
    pub fn changes(&self) -> u64 {
        self.services.changes.load(Ordering::Relaxed)
    }

    /// Counts a request that is done, unless it only reads.
    pub(crate) fn note_change(&self, target: &str) {
        let operation = target.split_once('.').map_or(target, |(_, operation)| operation);
        if !READS.iter().any(|reads| operation.starts_with(reads)) {
            self.services.changes.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn delay(&self) -> Duration {
        Duration::from_micros(self.services.delay.load(Ordering::Relaxed))
    }

    pub(crate) fn meter(&self) -> &meter::Meter {
        &self.services.meter
    }

    /// Uses up one refusal of an outage; false if no outage covers this request.
    pub(crate) fn use_up_refusal(&self, target: &str) -> bool {
        use_up(&self.services.refusals, target)
    }

    /// Whether only every other entry of this request is to be done, this once.
    pub(crate) fn use_up_half(&self, target: &str) -> bool {
        use_up(&self.services.halved, target)
    }

    pub(crate) fn dynamo(&self) -> &dynamo::Dynamo {
        &self.services.dynamo
    }

    async fn dispatch(
        &self, target: &str, body: Value, url: Option<&str>,
    ) -> Result<Value, AwsError> {
        match target.split_once('.') {
            Some(("AmazonSQS", operation)) => self.services.sqs.call(operation, body, url).await,
            Some(("secretsmanager", "RotateSecret")) => secrets::rotate_secret(self, body),
            Some(("secretsmanager", operation)) => self.services.secrets.call(operation, body),
            _ => Err(AwsError::unknown_operation(target)),
        }
    }
}

fn set(refusals: &Mutex<Vec<Refusal>>, target: &str, times: usize) {
    // No code panics while it holds this lock.
    let mut refusals = refusals.lock().unwrap_or_else(PoisonError::into_inner);
    refusals.retain(|refusal| refusal.target != target);
    refusals.push(Refusal { target: target.to_owned(), left: times });
}

fn use_up(refusals: &Mutex<Vec<Refusal>>, target: &str) -> bool {
    let mut refusals = refusals.lock().unwrap_or_else(PoisonError::into_inner);
    let covers = |refusal: &&mut Refusal| refusal.left > 0 && target.starts_with(&refusal.target);
    let refusal = refusals.iter_mut().find(covers);
    refusal.map(|refusal| refusal.left -= 1).is_some()
}

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// A time as AWS writes it in JSON: seconds since 1970 with fractions.
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

fn request<T: DeserializeOwned>(body: Value) -> Result<T, AwsError> {
    serde_json::from_value(body).map_err(|error| AwsError::serialization(&error))
}
