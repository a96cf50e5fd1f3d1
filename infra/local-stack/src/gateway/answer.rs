//! The answer of a function as an HTTP response, payload format 2.0.

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value as Json;

/// `None` if the answer is malformed: the gateway responds with 500 then.
pub(super) fn response(reply: &[u8]) -> Option<Response<Body>> {
    let reply: Json = serde_json::from_slice(reply).ok()?;
    match reply.get("statusCode") {
        Some(status) => structured(status, &reply),
        // Any other JSON is the body itself, a text without its quotes.
        None => {
            let body = reply.as_str().map_or_else(|| reply.to_string(), str::to_owned);
            Response::builder()
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body))
                .ok()
        }
    }
}

fn structured(status: &Json, reply: &Json) -> Option<Response<Body>> {
    let number = status.as_u64().or_else(|| status.as_str()?.parse().ok())?;
    let status = StatusCode::from_u16(u16::try_from(number).ok()?).ok()?;
    let mut builder = Response::builder().status(status);
    let mut has_type = false;
    for (name, value) in reply["headers"].as_object().into_iter().flatten() {
        has_type |= name.eq_ignore_ascii_case("content-type");
        builder = builder.header(name, text(value)?);
    }
    for cookie in reply["cookies"].as_array().into_iter().flatten() {
        builder = builder.header(header::SET_COOKIE, cookie.as_str()?);
    }
    let body = body(reply)?;
    if !has_type && !body.is_empty() {
        builder = builder.header(header::CONTENT_TYPE, "text/plain;charset=UTF-8");
    }
    builder.body(Body::from(body)).ok()
}

fn body(reply: &Json) -> Option<Vec<u8>> {
    let text = match &reply["body"] {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    match reply["isBase64Encoded"].as_bool() {
        Some(true) => BASE64.decode(text).ok(),
        _ => Some(text.into_bytes()),
    }
}

fn text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(_) | Json::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;

    async fn body_of(response: Response<Body>) -> Vec<u8> {
        to_bytes(response.into_body(), usize::MAX).await.expect("a body").to_vec()
    }

    #[tokio::test]
    async fn structured_answers() {
        let reply = br#"{"statusCode":201,"headers":{"X-N":1,"Content-Type":"a/b"},"cookies":["a=1","b=2"],"body":"aGk=","isBase64Encoded":true}"#;
        let response = response(reply).expect("a response");
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["x-n"], "1");
        assert_eq!(response.headers()["content-type"], "a/b");
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
        assert_eq!(body_of(response).await, b"hi");
    }

    #[tokio::test]
    async fn bare_json_is_the_body() {
        let response = response(br#"{"a":1}"#).expect("a response");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(body_of(response).await, br#"{"a":1}"#);
        assert_eq!(body_of(super::response(br#""hi""#).expect("a response")).await, b"hi");
    }

    #[test]
    fn what_is_no_answer() {
        for reply in [
            &b"no json"[..],
            br#"{"statusCode":"x"}"#,
            br#"{"statusCode":200,"isBase64Encoded":true,"body":"!"}"#,
        ] {
            assert!(response(reply).is_none(), "{}", String::from_utf8_lossy(reply));
        }
    }
}
