//! The Lambda runtime API as one environment sees it: `next`, `response`, `error`, `init/error`.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::sync::Arc;
use std::time::Duration;

use crate::console::say;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode};
use axum::routing::{get, post};
use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use uuid::Uuid;

use super::{Failure, PAYLOAD_LIMIT};

/// An answer is read to its end even if it is too large: a connection closed early would end the
/// runtime's process.
const READ_LIMIT: usize = 64 * 1024 * 1024;

type Answer = oneshot::Sender<Result<Bytes, Failure>>;

/// One invocation of a process, and the channels on which its course is reported.
pub(super) struct Invocation {
    pub(super) payload: Bytes,
    /// Counted from the moment the process receives the payload.
    pub(super) timeout: Duration,
    pub(super) arn: String,
    /// Sent once the process has received the payload.
    pub(super) delivered: oneshot::Sender<()>,
    pub(super) answer: Answer,
}

/// The exchange between a process and its environment.
pub(super) struct Exchange {
    waiting: Mutex<mpsc::Receiver<Invocation>>,
    /// Id of the invocation that is running, and where its answer goes.
    running: Mutex<Option<(String, Answer)>>,
    /// Whether the process has asked for work.
    has_asked: watch::Sender<bool>,
}

impl Exchange {
    pub(super) fn new(waiting: mpsc::Receiver<Invocation>) -> Arc<Self> {
        let has_asked = watch::Sender::new(false);
        Arc::new(Self { waiting: Mutex::new(waiting), running: Mutex::new(None), has_asked })
    }

    /// Waits until the process asks for work for the first time.
    pub(super) async fn asked(&self) {
        let mut has_asked = self.has_asked.subscribe();
        // The sender is a part of this exchange: it is there as long as this waits.
        let _ = has_asked.wait_for(|has_asked| *has_asked).await;
    }

    async fn finish(&self, id: &str, result: Result<Bytes, Failure>) -> StatusCode {
        let mut running = self.running.lock().await;
        match running.take_if(|(current, _)| current == id) {
            Some((_, answer)) => {
                // After a timeout nobody waits for the answer; the process is being killed.
                let _ = answer.send(result);
                StatusCode::ACCEPTED
            }
            None => StatusCode::BAD_REQUEST,
        }
    }
}

pub(super) fn router(exchange: Arc<Exchange>) -> axum::Router {
    axum::Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .with_state(exchange)
}

async fn next(State(exchange): State<Arc<Exchange>>) -> Response<Body> {
    exchange.has_asked.send_replace(true);
    let Some(invocation) = exchange.waiting.lock().await.recv().await else {
        return plain(StatusCode::GONE);
    };
    let id = Uuid::new_v4().to_string();
    let response = Response::builder()
        .header("Content-Type", "application/json")
        .header("Lambda-Runtime-Aws-Request-Id", &id)
        .header("Lambda-Runtime-Deadline-Ms", deadline(invocation.timeout).to_string())
        .header("Lambda-Runtime-Invoked-Function-Arn", invocation.arn)
        .header("Lambda-Runtime-Trace-Id", trace_id())
        .body(Body::from(invocation.payload));
    *exchange.running.lock().await = Some((id, invocation.answer));
    let _ = invocation.delivered.send(());
    response.unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR))
}

async fn response(
    State(exchange): State<Arc<Exchange>>, Path(id): Path<String>, body: Body,
) -> Response<Body> {
    match to_bytes(body, READ_LIMIT).await {
        Ok(bytes) if bytes.len() <= PAYLOAD_LIMIT => plain(exchange.finish(&id, Ok(bytes)).await),
        _ => {
            exchange.finish(&id, Err(too_large())).await;
            plain(StatusCode::PAYLOAD_TOO_LARGE)
        }
    }
}

fn too_large() -> Failure {
    Failure::FunctionError {
        kind: "Function.ResponseSizeTooLarge".to_owned(),
        message: format!(
            "Response payload size exceeded maximum allowed payload size ({PAYLOAD_LIMIT} bytes)."
        ),
    }
}

async fn error(
    State(exchange): State<Arc<Exchange>>, Path(id): Path<String>, body: Bytes,
) -> Response<Body> {
    plain(exchange.finish(&id, Err(failure(&body))).await)
}

/// Only logged: the process ends by itself afterwards, which is what the environment reacts to.
async fn init_error(body: Bytes) -> Response<Body> {
    say(format!("a function failed at INIT: {}", failure(&body)));
    plain(StatusCode::ACCEPTED)
}

fn failure(body: &[u8]) -> Failure {
    let error: Json = serde_json::from_slice(body).unwrap_or_default();
    let text = |key: &str| error[key].as_str().unwrap_or("unknown").to_owned();
    Failure::FunctionError { kind: text("errorType"), message: text("errorMessage") }
}

fn plain(status: StatusCode) -> Response<Body> {
    let text = if status.is_success() {
        json!({"status": "OK"})
    } else {
        json!({"errorMessage": status.as_str()})
    };
    let mut response = Response::new(Body::from(text.to_string()));
    *response.status_mut() = status;
    response
}

fn deadline(timeout: Duration) -> i128 {
    (OffsetDateTime::now_utc() + timeout).unix_timestamp_nanos() / 1_000_000
}

fn trace_id() -> String {
    let (root, parent) = (Uuid::new_v4().simple().to_string(), Uuid::new_v4().simple().to_string());
    format!("Root=1-{}-{};Parent={};Sampled=0", &root[..8], &root[8..], &parent[..16])
}
