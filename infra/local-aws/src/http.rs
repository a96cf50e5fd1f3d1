//! The one endpoint: picks the service by the `X-Amz-Target` header and answers as AWS does.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;

use crate::error::AwsError;
use crate::refusal::refusal;
use crate::{Aws, access, cloudformation, functions, halved};

/// DynamoDB accepts 16 MB, the most of the three services.
const MAX_BODY: usize = 16 * 1024 * 1024;

pub(crate) fn router(aws: Aws) -> Router {
    Router::new()
        .route("/", get(greet).post(handle))
        // Some clients send to the queue's own address.
        .route("/{account}/{queue}", post(handle))
        .route("/2015-03-31/functions/{name}/invocations", post(functions::invoke))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(aws)
}

async fn greet() -> &'static str {
    "local stand-in for DynamoDB, SQS, Secrets Manager, Lambda's Invoke and CloudFormation's DescribeStacks: for development and tests only\n"
}

async fn handle(State(aws): State<Aws>, headers: HeaderMap, body: Bytes) -> Response {
    let target = text(&headers, "x-amz-target").unwrap_or_default().to_owned();
    let response = serve(&aws, &target, headers, body).await;
    aws.note_change(&target);
    response
}

async fn serve(aws: &Aws, target: &str, headers: HeaderMap, body: Bytes) -> Response {
    let content_type = text(&headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    if content_type.starts_with("application/x-www-form-urlencoded") {
        return cloudformation::answer(aws, &body);
    }
    let authorization = text(&headers, "authorization").unwrap_or_default();
    let key_id = access::key_id(authorization).unwrap_or_default().to_owned();
    if aws.use_up_refusal(target) || aws.use_up_refusal(&format!("{key_id} {target}")) {
        return refusal(&AwsError::internal("refused on purpose"));
    }
    if let Err(error) = access::check(aws, authorization, target, &body).await {
        return refusal(&error);
    }
    if aws.meter().is_running() {
        aws.meter().call(&key_id, target);
    }
    let delay = aws.delay();
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let is_halved = aws.use_up_half(target);
    if target.starts_with("DynamoDB_20120810.") && !is_halved {
        return if aws.meter().is_running() {
            metered(aws, &key_id, target, headers, body).await
        } else {
            aws.dynamo().forward(headers, body).await
        };
    }
    let url = text(&headers, "host").map(|host| format!("http://{host}"));
    let answer = match parse(&body) {
        Ok(body) if is_halved => halved::answer(aws, target, body).await,
        Ok(body) => aws.dispatch(target, body, url.as_deref()).await,
        Err(error) => Err(error),
    };
    let content_type = text(&headers, "content-type").unwrap_or("application/x-amz-json-1.0");
    let mut response = match answer {
        Ok(value) => Body::from(value.to_string()).into_response(),
        Err(error) => refusal(&error),
    };
    if let Ok(value) = HeaderValue::from_str(content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    if let Ok(id) = HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

/// Forwards a request to the tables and counts what it costs.
async fn metered(
    aws: &Aws, key_id: &str, target: &str, mut headers: HeaderMap, body: Bytes,
) -> Response {
    headers.remove(header::CONTENT_LENGTH);
    let response = aws.dynamo().forward(headers, crate::meter::asking(body)).await;
    let (parts, body) = response.into_parts();
    match axum::body::to_bytes(body, usize::MAX).await {
        Ok(bytes) => {
            aws.meter().add(key_id, target, &bytes);
            Response::from_parts(parts, Body::from(bytes))
        }
        Err(error) => refusal(&AwsError::internal(error)),
    }
}

fn parse(body: &[u8]) -> Result<Value, AwsError> {
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    serde_json::from_slice(body).map_err(|error| AwsError::serialization(&error))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
