//! A refused request as an HTTP response, in AWS's words.

use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::error::AwsError;

/// The response to a refused request; `x-amzn-query-error` carries the older name that some SDKs
/// still show.
pub(crate) fn refusal(error: &AwsError) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, error.body().to_string()).into_response();
    if let Ok(value) = HeaderValue::from_str(error.code()) {
        response.headers_mut().insert("x-amzn-errortype", value);
    }
    if let Some(code) = error.query_code
        && let Ok(value) = HeaderValue::from_str(&format!("{code};Sender"))
    {
        response.headers_mut().insert("x-amzn-query-error", value);
    }
    response
}
