//! A function: keeps environments warm, starts new ones up to its limit and replaces those that
//! crashed or timed out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::Semaphore;

use super::environment::{Environment, Outcome};
use super::process::Tail;
use super::{Failure, Guard, PAYLOAD_LIMIT};

/// Everything that is needed to run a function.
#[derive(Clone, Debug)]
pub struct FunctionSpec {
    /// Its name, shown in front of its output.
    pub name: String,
    /// The binary: an ordinary Lambda bootstrap.
    pub program: PathBuf,
    /// Its environment variables.
    pub env: BTreeMap<String, String>,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// MiB; the function can read it, nothing enforces it.
    pub memory: u64,
    /// Region of its ARN and of its SDK clients.
    pub region: String,
    /// Account of its ARN.
    pub account: String,
    /// Most environments at the same time; further invocations wait.
    pub concurrency: usize,
    /// Where its output is kept.
    pub lines: Option<Lines>,
}

/// The lines that functions wrote, each with the function's name.
pub type Lines = Arc<Mutex<Vec<(String, String)>>>;

impl FunctionSpec {
    pub(super) fn arn(&self) -> String {
        format!("arn:aws:lambda:{}:{}:function:{}", self.region, self.account, self.name)
    }
}

/// The access key id of a function's own credentials.
pub(crate) fn access_key_id(function: &str) -> String {
    format!("local-{function}")
}

/// A function that can be invoked. Clones share its environments.
#[derive(Clone)]
pub struct Function(Arc<Inner>);

struct Inner {
    spec: FunctionSpec,
    guard: Guard,
    permits: Semaphore,
    idle: Mutex<Vec<Arc<Environment>>>,
    all: Mutex<Vec<Weak<Environment>>>,
    last_run: Mutex<Option<Duration>>,
}

impl Function {
    /// A function without environments.
    pub fn new(spec: FunctionSpec, guard: Guard) -> Self {
        let permits = Semaphore::new(spec.concurrency);
        Self(Arc::new(Inner {
            spec,
            guard,
            permits,
            idle: Mutex::default(),
            all: Mutex::default(),
            last_run: Mutex::default(),
        }))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.spec.name
    }

    /// Runs it once. As on Lambda, the run continues if the caller stops waiting.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn invoke(&self, payload: impl Into<Bytes>) -> Result<Bytes, Failure> {
        self.run(payload.into()).await.0
    }

    /// Like [`Function::invoke`], with the last bytes that the function wrote meanwhile.
    pub async fn invoke_logged(&self, payload: Bytes) -> (Result<Bytes, Failure>, Vec<u8>) {
        let (result, tail) = self.run(payload).await;
        // The last lines arrive a moment after the answer.
        tokio::time::sleep(Duration::from_millis(50)).await;
        (result, tail.drain())
    }

    async fn run(&self, payload: Bytes) -> (Result<Bytes, Failure>, Tail) {
        let (inner, tail) = (self.0.clone(), Tail::default());
        if payload.len() > PAYLOAD_LIMIT {
            return (Err(Failure::RequestTooLarge), tail);
        }
        let run = tokio::spawn(async move {
            let mut tail = tail;
            (inner.run(payload, &mut tail).await, tail)
        });
        run.await.unwrap_or((Err(Failure::Stopping), Tail::default()))
    }

    /// Starts an environment that waits for its first invocation, as Lambda does with provisioned
    /// concurrency; returns once its process asks for work.
    ///
    /// # Errors
    /// The process can't be started or ends.
    pub async fn start(&self) -> Result<(), Failure> {
        let inner = &self.0;
        let environment = Arc::new(inner.new_environment().await?);
        inner.remember(&environment);
        environment.ready().await.map_err(Failure::Exited)?;
        lock(&inner.idle).push(environment);
        Ok(())
    }

    /// How long the last invocation took that has ended, without the start of its environment.
    pub fn last_run(&self) -> Option<Duration> {
        *lock(&self.0.last_run)
    }

    /// The process ids of its environments.
    pub fn processes(&self) -> Vec<u32> {
        let all = lock(&self.0.all);
        let alive = all.iter().filter_map(Weak::upgrade).filter(|it| it.is_alive());
        alive.filter_map(|environment| environment.process_id()).collect()
    }

    /// Kills its processes to simulate a crash; the next invocation starts a new one.
    pub async fn kill(&self) {
        let all: Vec<_> = lock(&self.0.all).drain(..).collect();
        for environment in all.iter().filter_map(Weak::upgrade) {
            environment.kill("killed").await;
        }
    }

    /// Ends it for good and waits until no process is left.
    pub async fn stop(&self) {
        self.0.permits.close();
        self.kill().await;
    }

    /// Ends it for good without waiting.
    pub fn abort(&self) {
        self.0.permits.close();
        for environment in lock(&self.0.all).iter().filter_map(Weak::upgrade) {
            environment.abort();
        }
        lock(&self.0.idle).clear();
    }
}

impl Inner {
    async fn run(&self, payload: Bytes, tail: &mut Tail) -> Result<Bytes, Failure> {
        let _permit = self.permits.acquire().await.map_err(|_| Failure::Stopping)?;
        // A warm environment may have ended unnoticed since its last answer. The invocation was not
        // delivered to it, so another environment can run it.
        while let Some(environment) = self.warm() {
            if let Outcome::Ran(result, _) = self.run_in(environment, payload.clone(), tail).await {
                return result;
            }
        }
        let environment = Arc::new(self.new_environment().await?);
        self.remember(&environment);
        if self.permits.is_closed() {
            // Stopped while it started: dropping it kills it.
            return Err(Failure::Stopping);
        }
        match self.run_in(environment, payload, tail).await {
            Outcome::Ran(result, _) => result,
            Outcome::NotDelivered(how) => Err(Failure::Exited(how)),
        }
    }

    async fn new_environment(&self) -> Result<Environment, Failure> {
        let started = Environment::start(&self.spec, &self.guard).await;
        started.map_err(|error| Failure::Exited(format!("could not start: {error}")))
    }

    async fn run_in(
        &self, environment: Arc<Environment>, payload: Bytes, tail: &mut Tail,
    ) -> Outcome {
        *tail = environment.tail();
        tail.drain();
        let outcome = environment.invoke(&self.spec, payload).await;
        if let Outcome::Ran(_, lasted) = &outcome {
            *lock(&self.last_run) = Some(*lasted);
        }
        if environment.is_alive() {
            lock(&self.idle).push(environment);
        }
        outcome
    }

    fn warm(&self) -> Option<Arc<Environment>> {
        let mut idle = lock(&self.idle);
        idle.retain(|environment| environment.is_alive());
        idle.pop()
    }

    fn remember(&self, environment: &Arc<Environment>) {
        let mut all = lock(&self.all);
        all.retain(|earlier| earlier.strong_count() > 0);
        all.push(Arc::downgrade(environment));
    }
}

/// No code panics while it holds one of these locks, and a poisoned list would still be a list.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
