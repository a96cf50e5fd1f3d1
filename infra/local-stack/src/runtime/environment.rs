//! An execution environment: a process, its runtime API on a port of its own, and one invocation at
//! a time.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use super::api::{self, Exchange, Invocation};
use super::process::{Process, Tail};
use super::{Failure, FunctionSpec, Guard};

/// How long a process may take until it asks for work. Lambda allows ten seconds; unoptimized builds
/// on a busy machine need more.
const INIT_LIMIT: Duration = Duration::from_secs(30);

/// How an invocation ended.
pub(super) enum Outcome {
    /// The process received it, and how long it then took.
    Ran(Result<Bytes, Failure>, Duration),
    /// The process ended before it received it, so that another environment may run it.
    NotDelivered(String),
}

pub(super) struct Environment {
    process: Process,
    inbox: mpsc::Sender<Invocation>,
    exchange: Arc<Exchange>,
    server: AbortHandle,
}

impl Environment {
    pub(super) async fn start(spec: &FunctionSpec, guard: &Guard) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (inbox, waiting) = mpsc::channel(1);
        let exchange = Exchange::new(waiting);
        let router = api::router(exchange.clone());
        let server =
            tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        let process = Process::start(spec, &address, guard).await?;
        Ok(Self { process, inbox, exchange, server })
    }

    pub(super) async fn invoke(&self, spec: &FunctionSpec, payload: Bytes) -> Outcome {
        let ((delivered, was_delivered), (answer, mut answered)) =
            (oneshot::channel(), oneshot::channel());
        let invocation =
            Invocation { payload, timeout: spec.timeout, arn: spec.arn(), delivered, answer };
        let deliver = async {
            // If the process ends meanwhile, another branch notices it.
            let _ = self.inbox.send(invocation).await;
            let _ = was_delivered.await;
        };
        tokio::select! {
            biased;
            () = deliver => {}
            how = self.process.ended() => return Outcome::NotDelivered(how),
            () = sleep(INIT_LIMIT) => return Outcome::NotDelivered(self.kill("it asked for no work").await),
        }
        let began = Instant::now();
        let result = tokio::select! {
            biased;
            Ok(result) = &mut answered => result,
            how = self.process.ended() => Err(Failure::Exited(how)),
            () = sleep(spec.timeout) => {
                self.kill("timeout").await;
                Err(Failure::TimedOut)
            }
        };
        Outcome::Ran(result, began.elapsed())
    }

    /// Waits until the process asks for work for the first time.
    pub(super) async fn ready(&self) -> Result<(), String> {
        tokio::select! {
            () = self.exchange.asked() => Ok(()),
            how = self.process.ended() => Err(how),
            () = sleep(INIT_LIMIT) => Err(self.kill("it asked for no work").await),
        }
    }

    pub(super) fn process_id(&self) -> Option<u32> {
        self.process.id
    }

    /// The last bytes of its output.
    pub(super) fn tail(&self) -> Tail {
        self.process.tail.clone()
    }

    pub(super) fn is_alive(&self) -> bool {
        self.process.is_alive()
    }

    /// Kills the process without waiting.
    pub(super) fn abort(&self) {
        self.process.kill();
    }

    /// Kills the process and waits until it is gone.
    pub(super) async fn kill(&self, why: &str) -> String {
        self.process.kill();
        format!("{why}, {}", self.process.ended().await)
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.server.abort();
    }
}
