//! The log of calls: every request on Microsoft's paths, with the status of its answer.

use std::collections::BTreeMap;

use serde::Serialize;
use time::OffsetDateTime;

use crate::instant;

/// Headers that the log keeps, in lower case.
const KEPT_HEADERS: [&str; 8] = [
    "authorization",
    "developertoken",
    "customerid",
    "customeraccountid",
    "content-type",
    "user-agent",
    "api-revision",
    "accept-encoding",
];

/// A request and the status of its answer. `GET /simulator/calls` does not show headers and bodies,
/// because these contain tokens and hashed data.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// When it came in.
    #[serde(serialize_with = "instant::serialize")]
    pub at: OffsetDateTime,
    /// HTTP method.
    #[serde(skip)]
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// Header `CustomerAccountId`.
    pub account: Option<String>,
    /// Rows of an Apply; none for other calls and unreadable bodies.
    pub rows: Option<usize>,
    /// HTTP status of the answer; none when the connection was closed without one.
    pub status: Option<u16>,
    /// Header `TrackingId` of the answer.
    pub tracking_id: String,
    /// Some of its headers, names in lower case.
    #[serde(skip)]
    pub headers: BTreeMap<String, String>,
    /// The body as it came.
    #[serde(skip)]
    pub body: String,
}

impl Call {
    /// The body as JSON; null when it is none. Numbers pass through binary fractions here.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The body as a form post.
    pub fn form(&self) -> BTreeMap<String, String> {
        form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }

    /// A header that the log keeps, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// The headers of a request that the log keeps.
pub(crate) fn kept(headers: &axum::http::HeaderMap) -> BTreeMap<String, String> {
    let text = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        Some((name.to_owned(), value.to_owned()))
    };
    KEPT_HEADERS.into_iter().filter_map(text).collect()
}

/// The number of rows in the body of an Apply; its path names their list.
pub(crate) fn count_rows(path: &str, body: &str) -> Option<usize> {
    let list = path.strip_suffix("/Apply")?.rsplit('/').next()?;
    let request: serde_json::Value = serde_json::from_str(body).ok()?;
    request.get(list)?.as_array().map(Vec::len)
}
