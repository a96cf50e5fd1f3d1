//! The tables: dynoxide behind a loopback port of its own.
//!
//! dynoxide does not expose its router, and its in-process calls skip the checks and headers
//! (`x-amz-crc32`) of its HTTP server. So requests are forwarded to that server unchanged.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use dynoxide::Database;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::error::{AwsError, Error};
use crate::refusal::refusal;

/// How often expired items are deleted; AWS takes days.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// Headers that belong to the caller's connection and are not forwarded.
const OF_THE_CONNECTION: [&str; 3] = ["connection", "expect", "transfer-encoding"];

/// dynoxide requires a signature but does not verify it.
const SIGNATURE: [(&str, &str); 3] = [
    ("content-type", "application/x-amz-json-1.0"),
    ("x-amz-date", "20260101T000000Z"),
    (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=local/20260101/local/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
    ),
];

/// The running tables; dropping it stops their server.
pub(crate) struct Dynamo {
    address: SocketAddr,
    client: Client<HttpConnector, Body>,
    _stop: oneshot::Sender<()>,
}

impl Dynamo {
    pub(crate) async fn open(folder: Option<&Path>) -> Result<Self, Error> {
        let database = match folder {
            Some(folder) => Database::new(&folder.join("tables.sqlite").to_string_lossy()),
            None => Database::memory(),
        }
        .map_err(|error| Error::Storage(error.to_string()))?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            let swept = database.clone();
            tokio::select! {
                ended = dynoxide::server::serve_with_shutdown(listener, database, stopped) => drop(ended),
                () = sweep(swept) => {}
            }
        });
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { address, client, _stop: stop })
    }

    /// Forwards a request as it came and returns the response of the tables.
    pub(crate) async fn forward(&self, headers: HeaderMap, body: Bytes) -> Response {
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = Method::POST;
        *request.headers_mut() = headers;
        for name in OF_THE_CONNECTION {
            request.headers_mut().remove(name);
        }
        match format!("http://{}/", self.address).parse() {
            Ok(uri) => *request.uri_mut() = uri,
            Err(error) => return refusal(&AwsError::internal(error)),
        }
        match self.client.request(request).await {
            Ok(response) => response.into_response(),
            Err(error) => refusal(&AwsError::internal(error)),
        }
    }

    /// Sends one request from this process; `target` is the value of `X-Amz-Target`.
    pub(crate) async fn call(&self, target: &str, body: &Value) -> Result<Value, AwsError> {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-target", target.parse().map_err(AwsError::internal)?);
        for (name, value) in SIGNATURE {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let response = self.forward(headers, Bytes::from(body.to_string())).await;
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await;
        let bytes = bytes.map_err(AwsError::internal)?;
        let answer = serde_json::from_slice(&bytes).map_err(AwsError::internal)?;
        if status.is_success() { Ok(answer) } else { Err(refused(status, &answer)) }
    }
}

/// Deletes expired items for ever. A sweep that fails is not reported: the next request finds the
/// same database.
async fn sweep(database: Database) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let database = database.clone();
        drop(tokio::task::spawn_blocking(move || database.sweep_ttl()).await);
    }
}

fn refused(status: StatusCode, answer: &Value) -> AwsError {
    let text = |key: &str| answer.get(key).and_then(Value::as_str).map(str::to_owned);
    let kind = text("__type").unwrap_or_else(|| "InternalFailure".to_owned());
    let message = text("message").or_else(|| text("Message")).unwrap_or_default();
    AwsError { status: status.as_u16(), ..AwsError::new(kind, message) }
}
