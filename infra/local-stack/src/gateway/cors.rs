//! CORS as an HTTP API does it by its configuration: it answers every preflight itself, and sets the
//! CORS headers of all other responses, replacing those of the functions.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>

use axum::body::Body;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode};

use crate::template::Cors;

const CORS_HEADERS: [HeaderName; 6] = [
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
];

/// The answer to an `OPTIONS` request: 204, and what is allowed if the origin is.
pub(super) fn preflight(cors: &Cors, request: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    if allow_origin(cors, request, headers) {
        set(headers, header::ACCESS_CONTROL_ALLOW_METHODS, &cors.allow_methods.join(","));
        set(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, &cors.allow_headers.join(","));
        if let Some(seconds) = cors.max_age {
            set(headers, header::ACCESS_CONTROL_MAX_AGE, &seconds.to_string());
        }
    }
    response
}

/// Sets the headers of any other response.
pub(super) fn set_headers(cors: &Cors, request: &HeaderMap, response: &mut HeaderMap) {
    for name in CORS_HEADERS {
        response.remove(name);
    }
    if allow_origin(cors, request, response) {
        set(response, header::ACCESS_CONTROL_EXPOSE_HEADERS, &cors.expose_headers.join(","));
    }
}

fn allow_origin(cors: &Cors, request: &HeaderMap, response: &mut HeaderMap) -> bool {
    let Some(origin) = request.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()) else {
        return false;
    };
    let anyone = cors.allow_origins.iter().any(|allowed| allowed == "*");
    let allowed =
        anyone || cors.allow_origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin));
    if allowed {
        set(response, header::ACCESS_CONTROL_ALLOW_ORIGIN, if anyone { "*" } else { origin });
        if cors.allow_credentials {
            set(response, header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
    }
    allowed
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Some(value) = HeaderValue::from_str(value).ok().filter(|_| !value.is_empty()) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors() -> Cors {
        Cors {
            allow_origins: vec!["https://shop.example".into()],
            allow_methods: vec!["POST".into()],
            allow_headers: vec!["content-type".into()],
            allow_credentials: true,
            max_age: Some(60),
            ..Cors::default()
        }
    }

    fn from(origin: &'static str) -> HeaderMap {
        [(header::ORIGIN, HeaderValue::from_static(origin))].into_iter().collect()
    }

    #[test]
    fn a_preflight_of_an_allowed_origin() {
        let response = preflight(&cors(), &from("https://shop.example"));
        assert_eq!(response.status(), 204);
        assert_eq!(response.headers()["access-control-allow-origin"], "https://shop.example");
        assert_eq!(response.headers()["access-control-allow-methods"], "POST");
        assert_eq!(response.headers()["access-control-allow-credentials"], "true");
        assert_eq!(response.headers()["access-control-max-age"], "60");
    }

    #[test]
    fn a_stranger_gets_nothing() {
        assert!(preflight(&cors(), &from("https://evil.example")).headers().is_empty());
        let mut answer = from("unused");
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        set_headers(&cors(), &from("https://evil.example"), &mut answer);
        assert_eq!(
            answer.get(header::ACCESS_CONTROL_ALLOW_ORIGIN),
            None,
            "the function's own header is dropped"
        );
    }
}
