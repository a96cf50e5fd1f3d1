//! Lambda's Invoke, synchronous only, for functions that the host of this stand-in runs.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

use std::future::Future;
use std::pin::Pin;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use crate::Aws;
use crate::error::AwsError;
use crate::refusal::refusal;

/// A running invocation; it ends with the function's answer.
pub type Invocation = Pin<Box<dyn Future<Output = Result<Bytes, FunctionError>> + Send>>;

/// A running invocation; it ends with the answer and the end of what the function has logged.
pub type Logged = Pin<Box<dyn Future<Output = (Result<Bytes, FunctionError>, Vec<u8>)> + Send>>;

/// Bytes of its log that an invocation answers with.
pub const LOG_TAIL: usize = 4_096;

/// What runs the functions; see [`Aws::on_invoke`].
pub trait Functions: Send + Sync {
    /// Whether there is a function of this name or ARN.
    fn has(&self, name: &str) -> bool;

    /// Runs a function once. It is only called for names that [`has`](Self::has) accepts.
    fn invoke(&self, name: &str, payload: Bytes) -> Invocation;

    /// Like [`invoke`](Self::invoke), with the last [`LOG_TAIL`] bytes of the log, if one is kept.
    fn invoke_logged(&self, name: &str, payload: Bytes) -> Logged {
        let invocation = self.invoke(name, payload);
        Box::pin(async { (invocation.await, Vec::new()) })
    }
}

/// Why an invocation has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FunctionError {
    /// The event is larger than Lambda accepts; the function never ran.
    #[error("the event is too large")]
    TooLarge,
    /// The function failed, its process ended, or it took too long.
    #[error("{kind}: {message}")]
    Failed {
        /// Lambda's `errorType`, such as `Sandbox.Timedout`.
        kind: String,
        /// Lambda's `errorMessage`.
        message: String,
    },
}

/// `POST /2015-03-31/functions/{name}/invocations`.
pub(crate) async fn invoke(
    State(aws): State<Aws>, Path(name): Path<String>, headers: HeaderMap, body: Bytes,
) -> Response {
    let Some(functions) = aws.functions().filter(|functions| functions.has(&name)) else {
        return unknown(&aws, &name);
    };
    let asked = headers.get("x-amz-invocation-type").and_then(|value| value.to_str().ok());
    let body = if body.is_empty() { Bytes::from_static(b"{}") } else { body };
    if let Some(other) = asked.filter(|kind| *kind != "RequestResponse") {
        let message = format!("invocation type {other} is not supported by this local stand-in");
        return refused(400, "InvalidParameterValueException", message);
    }
    if headers.get("x-amz-log-type").is_some_and(|kind| kind == "Tail") {
        let (result, log) = functions.invoke_logged(&name, body).await;
        return ([("x-amz-log-result", BASE64.encode(log))], answer(result)).into_response();
    }
    answer(functions.invoke(&name, body).await)
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
    let arn = || aws.arn("lambda", &format!("function:{name}"));
    let arn = if name.starts_with("arn:") { name.to_owned() } else { arn() };
    refused(404, "ResourceNotFoundException", format!("Function not found: {arn}"))
}

fn refused(status: u16, kind: &'static str, message: String) -> Response {
    let mut error = AwsError::new(kind, message);
    error.status = status;
    refusal(&error)
}
