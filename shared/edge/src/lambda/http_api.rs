//! Requests and answers of the HTTP API (payload format 2.0).

use std::fmt::Display;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::encodings::Body;
use base64::Engine as _;
use serde::Serialize;

use crate::ports::{IngestKey, KeyError, Keys, LedgerError, Right};

/// What some editors and exports begin their files with.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A request as it comes from the gateway.
pub type Request = ApiGatewayV2httpRequest;
/// An answer as the gateway takes it.
pub type Response = ApiGatewayV2httpResponse;

/// Why a request is refused as a whole: what the caller is answered, and what only the log gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub code: &'static str,
    /// For people; never holds what was sent.
    pub message: String,
    pub field: Option<&'static str>,
    #[serde(skip)]
    pub status: u16,
    #[serde(skip)]
    pub cause: Option<String>,
}

impl Problem {
    /// A problem with the request as a whole. Status and code are ones that callers can look up
    /// (see [`crate::lambda::problems::PROBLEMS`]).
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        debug_assert!(crate::lambda::problems::is_documented(status, code), "{status} {code}");
        Problem { code, message: message.into(), field: None, status, cause: None }
    }

    /// 403.
    pub fn forbidden(message: &str) -> Self {
        Self::new(403, "forbidden", message)
    }

    /// 503: nothing is promised.
    pub fn unavailable() -> Self {
        Self::new(503, "unavailable", "not everything could be stored; send it again")
    }

    /// The same problem, with what failed.
    pub fn because(self, cause: impl Display) -> Self {
        Problem { cause: Some(cause.to_string()), ..self }
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Unknown => {
                let message = "send a known ingest key as Authorization: Bearer <key>";
                Problem::new(401, "unauthorized", message)
            }
            KeyError::Secret(error) => Problem::unavailable().because(error),
        }
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        Problem::unavailable().because(error)
    }
}

/// The answer to a request that is refused; the log gets the cause, or else what was wrong with it.
pub fn refusal(problem: Problem) -> Response {
    if let Some(error) = &problem.cause {
        tracing::error!(error, code = problem.code, "request failed");
    } else {
        let field = problem.field.unwrap_or_default();
        tracing::info!(code = problem.code, field, status = problem.status, "request refused");
    }
    json(problem.status, &serde_json::json!({"error": problem}))
}

/// The ingest key that comes with a request, if it has the right.
///
/// # Errors
/// If there is none, it is unknown or lacks the right, or the keys can't be read.
pub async fn key_of(
    request: &Request, keys: &impl Keys, right: Right,
) -> Result<IngestKey, Problem> {
    let key = keys.check(header(request, "authorization")).await?;
    if key.may(right) {
        Ok(key)
    } else {
        Err(Problem::forbidden(&format!("the key has no right to {}", right.as_str())))
    }
}

/// An answer with a JSON body.
pub fn json(status: u16, body: &impl Serialize) -> Response {
    let mut response = empty(status);
    match serde_json::to_string(body) {
        Ok(text) => {
            response.body = Some(Body::Text(text));
            let json = http::HeaderValue::from_static("application/json");
            response.headers.insert(http::header::CONTENT_TYPE, json);
        }
        Err(error) => {
            tracing::error!(%error, "answer can't be written");
            response.status_code = 500;
        }
    }
    response
}

pub fn empty(status: u16) -> Response {
    let mut response = Response::default();
    response.status_code = i64::from(status);
    response
}

/// A header's value, if it is text.
pub fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.get(name).and_then(|value| value.to_str().ok())
}

pub fn cookie<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let cookies = request.cookies.iter().flatten();
    let pairs = cookies.filter_map(|cookie| cookie.trim().split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// The body as text, decoded if the gateway encoded it, without a byte order mark. No content type is
/// as good as the right one.
///
/// # Errors
/// If its content type is not `accepted`, it is larger than `limit` bytes, or no UTF-8.
pub fn body(request: &Request, accepted: &[&str], limit: usize) -> Result<String, Problem> {
    if is_other_type(request, accepted) {
        let message = format!("send {}", accepted.join(" or "));
        return Err(Problem::new(415, "unsupported_media_type", message));
    }
    let too_large = || Problem::new(413, "body_too_large", format!("at most {limit} bytes"));
    let raw = request.body.as_deref().unwrap_or_default();
    if raw.len() > limit * 2 {
        return Err(too_large());
    }
    let mut text = if request.is_base64_encoded { decode(raw)? } else { raw.to_owned() };
    if text.len() > limit {
        return Err(too_large());
    }
    if text.starts_with(BYTE_ORDER_MARK) {
        text.drain(..BYTE_ORDER_MARK.len_utf8());
    }
    Ok(text)
}

fn decode(raw: &str) -> Result<String, Problem> {
    let not_text = || Problem::new(400, "invalid_json", "the body is not UTF-8 text");
    let bytes = base64::engine::general_purpose::STANDARD.decode(raw).map_err(|_| not_text())?;
    String::from_utf8(bytes).map_err(|_| not_text())
}

/// Whether a content type is given and is none of these media types.
fn is_other_type(request: &Request, accepted: &[&str]) -> bool {
    let Some(given) = header(request, "content-type") else { return false };
    let media = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = media.starts_with("application/") && media.ends_with("+json");
    !(json || media.is_empty() || accepted.contains(&media.as_str()))
}
