//! Lambda's Invoke, for functions that somebody else runs: this stand-in only takes the call.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use crate::Aws;
use crate::error::AwsError;
use crate::http::refusal;

/// An answer to come.
pub type Invocation = Pin<Box<dyn Future<Output = Result<Bytes, FunctionError>> + Send>>;

/// An answer to come, with what the function writes until then.
pub type Logged = Pin<Box<dyn Future<Output = (Result<Bytes, FunctionError>, Vec<u8>)> + Send>>;

/// How much of its log an invocation answers with, in bytes.
pub const LOG_TAIL: usize = 4_096;

/// Whoever runs functions; see [`Aws::on_invoke`].
pub trait Functions: Send + Sync {
    /// Whether there is a function of this name or ARN.
    fn has(&self, name: &str) -> bool;

    /// Runs it once. Only called for functions that there are.
    fn invoke(&self, name: &str, payload: Bytes) -> Invocation;

    /// As `invoke`, with the last [`LOG_TAIL`] bytes of the log, where one is kept.
    fn invoke_logged(&self, name: &str, payload: Bytes) -> Logged {
        let invocation = self.invoke(name, payload);
        Box::pin(async { (invocation.await, Vec::new()) })
    }
}

/// Why a function that ran, or should have, has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FunctionError {
    /// The event is larger than Lambda takes; the function never ran.
    #[error("the event is too large")]
    TooLarge,
    /// It failed, ended, or took too long.
    #[error("{kind}: {message}")]
    Failed {
        /// Type of the error.
        kind: String,
        /// What it says.
        message: String,
    },
}

/// `POST /2015-03-31/functions/{name}/invocations`.
pub(crate) async fn invoke(
    State(aws): State<Aws>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(functions) = aws.functions().filter(|functions| functions.has(&name)) else {
        return unknown(&aws, &name);
    };
    let asked = headers.get("x-amz-invocation-type").and_then(|value| value.to_str().ok());
    let body = if body.is_empty() { Bytes::from_static(b"{}") } else { body };
    match asked.unwrap_or("RequestResponse") {
        "RequestResponse" if headers.get("x-amz-log-type").is_some_and(|kind| kind == "Tail") => {
            let (result, log) = functions.invoke_logged(&name, body).await;
            ([("x-amz-log-result", BASE64.encode(log))], answer(result)).into_response()
        }
        "RequestResponse" => answer(functions.invoke(&name, body).await),
        "Event" => {
            start(functions, &name, body);
            StatusCode::ACCEPTED.into_response()
        }
        "DryRun" => StatusCode::NO_CONTENT.into_response(),
        other => refused(400, "InvalidParameterValueException", format!("no type {other}")),
    }
}

/// Unlike Lambda it is not tried again.
fn start(functions: Arc<dyn Functions>, name: &str, body: Bytes) {
    let invocation = functions.invoke(name, body);
    // Whoever runs functions tells of a failure; nobody waits for it here.
    drop(tokio::spawn(invocation));
}

fn answer(result: Result<Bytes, FunctionError>) -> Response {
    let version = [("x-amz-executed-version", "$LATEST")];
    match result {
        Ok(bytes) => (version, bytes).into_response(),
        Err(FunctionError::Failed { kind, message }) => {
            let body = json!({ "errorType": kind, "errorMessage": message }).to_string();
            (version, [("x-amz-function-error", "Unhandled")], body).into_response()
        }
        Err(error @ FunctionError::TooLarge) => {
            refused(413, "RequestTooLargeException", error.to_string())
        }
    }
}

fn unknown(aws: &Aws, name: &str) -> Response {
    let arn = match name.starts_with("arn:") {
        true => name.to_owned(),
        false => format!("{}{name}", aws.function_arns()),
    };
    refused(404, "ResourceNotFoundException", format!("Function not found: {arn}"))
}

fn refused(status: u16, kind: &'static str, message: String) -> Response {
    let mut error = AwsError::new(kind, message);
    error.status = status;
    refusal(&error)
}
