//! The event in which a function receives a request, payload format 2.0.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Version, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::path::percent_decode;

/// What the gateway knows about a request beside its head and body.
pub(super) struct Incoming {
    pub(super) route_key: String,
    pub(super) account: String,
    pub(super) source_ip: String,
    /// Percent-decoded.
    pub(super) path: String,
    pub(super) parameters: BTreeMap<String, String>,
}

pub(super) fn event(incoming: &Incoming, parts: &Parts, body: &Bytes) -> Json {
    let query = parts.uri.query().unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": incoming.route_key,
        "rawPath": incoming.path,
        "rawQueryString": query,
        "headers": headers(&parts.headers, &incoming.source_ip),
        "requestContext": context(incoming, parts),
        "isBase64Encoded": false,
    });
    let cookies = cookies(&parts.headers);
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    if !query.is_empty() {
        event["queryStringParameters"] = json!(query_parameters(query));
    }
    if !incoming.parameters.is_empty() {
        event["pathParameters"] = json!(incoming.parameters);
    }
    if !body.is_empty() {
        let text = std::str::from_utf8(body).ok().filter(|_| is_text(&parts.headers));
        event["isBase64Encoded"] = json!(text.is_none());
        event["body"] = text.map_or_else(|| json!(BASE64.encode(body)), |text| json!(text));
    }
    event
}

fn context(incoming: &Incoming, parts: &Parts) -> Json {
    let now = OffsetDateTime::now_utc();
    let domain =
        parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let user_agent = parts
        .headers
        .get(header::USER_AGENT)
        .and_then(|agent| agent.to_str().ok())
        .unwrap_or_default();
    json!({
        "accountId": incoming.account,
        "apiId": "local",
        "domainName": domain,
        "domainPrefix": domain.split(['.', ':']).next(),
        "http": {
            "method": parts.method.as_str(),
            "path": incoming.path,
            "protocol": if parts.version == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" },
            "sourceIp": incoming.source_ip,
            "userAgent": user_agent,
        },
        "requestId": Uuid::new_v4().to_string(),
        "routeKey": incoming.route_key,
        "stage": "$default",
        "time": common_log_time(now),
        "timeEpoch": i64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or_default(),
    })
}

/// Names in lower case, values of one name joined with a comma; cookies are elsewhere in the event.
fn headers(given: &HeaderMap, source_ip: &str) -> Map<String, Json> {
    let mut headers = BTreeMap::<String, String>::new();
    for (name, value) in given.iter().filter(|(name, _)| *name != header::COOKIE) {
        let value = String::from_utf8_lossy(value.as_bytes());
        let joined = headers.entry(name.as_str().to_owned()).or_default();
        if !joined.is_empty() {
            joined.push(',');
        }
        joined.push_str(&value);
    }
    let forwarded = headers
        .get("x-forwarded-for")
        .map_or_else(|| source_ip.to_owned(), |before| format!("{before}, {source_ip}"));
    headers.insert("x-forwarded-for".to_owned(), forwarded);
    headers.insert("x-forwarded-port".to_owned(), "443".to_owned());
    headers.insert("x-forwarded-proto".to_owned(), "https".to_owned());
    headers.into_iter().map(|(name, value)| (name, Json::String(value))).collect()
}

fn cookies(given: &HeaderMap) -> Vec<String> {
    let values = given.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(';'))
        .map(|cookie| cookie.trim().to_owned())
        .filter(|cookie| !cookie.is_empty())
        .collect()
}

fn query_parameters(query: &str) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::<String, String>::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decode = |text: &str| percent_decode(&text.replace('+', " "));
        let joined = parameters.entry(decode(name));
        joined
            .and_modify(|earlier| *earlier = format!("{earlier},{}", decode(value)))
            .or_insert_with(|| decode(value));
    }
    parameters
}

/// Whether the body is passed on as text; everything else, and a body without a type, is base64.
fn is_text(headers: &HeaderMap) -> bool {
    let value =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let application = ["application/json", "application/xml", "application/javascript"];
    kind.starts_with("text/")
        || application.contains(&kind.as_str())
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
}

/// As in `12/Mar/2020:19:03:58 +0000`.
fn common_log_time(now: OffsetDateTime) -> String {
    let month = &now.month().to_string()[..3];
    let (hour, minute, second) = now.to_hms();
    format!("{:02}/{month}/{}:{hour:02}:{minute:02}:{second:02} +0000", now.day(), now.year())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn event_of(request: Request<()>, body: &'static [u8]) -> Json {
        let incoming = Incoming {
            route_key: "POST /x/{id}".into(),
            account: "000000000000".into(),
            source_ip: "127.0.0.1".into(),
            path: "/x/a b".into(),
            parameters: [("id".to_owned(), "a b".to_owned())].into(),
        };
        event(&incoming, &request.into_parts().0, &Bytes::from_static(body))
    }

    #[test]
    fn carries_everything_of_the_request() {
        let request = Request::post("/x/a%20b?a=1&b=2&a=%203")
            .header("Host", "127.0.0.1:9400")
            .header("Content-Type", "application/json; charset=utf-8")
            .header("X-Many", "one")
            .header("X-Many", "two")
            .header("Cookie", "a=1; b=2")
            .header("User-Agent", "test");
        let event = event_of(request.body(()).expect("a request"), b"{}");
        assert_eq!(event["rawPath"], "/x/a b");
        assert_eq!(event["rawQueryString"], "a=1&b=2&a=%203");
        assert_eq!(event["queryStringParameters"], json!({"a": "1, 3", "b": "2"}));
        assert_eq!(event["pathParameters"], json!({"id": "a b"}));
        assert_eq!(event["headers"]["x-many"], "one,two");
        assert_eq!(event["headers"].get("cookie"), None);
        assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("{}"), &json!(false)));
        assert_eq!(event["requestContext"]["http"]["userAgent"], "test");
        assert_eq!(event["requestContext"]["routeKey"], "POST /x/{id}");
    }

    #[test]
    fn binary_and_unknown_types_are_base64() {
        for kind in ["application/octet-stream", "application/x-www-form-urlencoded", "image/png"] {
            let event = event_of(
                Request::post("/").header("Content-Type", kind).body(()).expect("a request"),
                b"a=b",
            );
            assert_eq!(
                (&event["body"], &event["isBase64Encoded"]),
                (&json!("YT1i"), &json!(true)),
                "{kind}"
            );
        }
        let untyped = event_of(Request::post("/").body(()).expect("a request"), b"a");
        assert_eq!(untyped["isBase64Encoded"], true);
        let broken = event_of(
            Request::post("/").header("Content-Type", "text/plain").body(()).expect("a request"),
            b"\xff",
        );
        assert_eq!(broken["isBase64Encoded"], true);
    }

    #[test]
    fn without_body_query_or_cookies_those_keys_are_missing() {
        let event = event_of(Request::get("/x/a").body(()).expect("a request"), b"");
        for key in ["body", "cookies", "queryStringParameters"] {
            assert_eq!(event.get(key), None, "{key}");
        }
    }

    #[test]
    fn time_is_written_as_in_a_log() {
        let time = OffsetDateTime::from_unix_timestamp(1_584_039_838).expect("a time");
        assert_eq!(common_log_time(time), "12/Mar/2020:19:03:58 +0000");
    }
}
