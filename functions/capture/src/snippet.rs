//! The browser snippet, as the build script has prepared it. Its source is `web/ms-attribution.js`.

use http::{HeaderName, HeaderValue, Method, header};
use tracklayer_edge::lambda::http_api::{self, Request, Response};

const HASH: &str = include_str!(concat!(env!("OUT_DIR"), "/snippet.hash"));
/// Names of encodings, and the snippet in each, the smallest first.
const COMPRESSED: [(&str, &[u8]); 2] = [
    ("br", include_bytes!(concat!(env!("OUT_DIR"), "/snippet.js.br"))),
    ("gzip", include_bytes!(concat!(env!("OUT_DIR"), "/snippet.js.gz"))),
];
/// The snippet as browsers run it.
pub const SNIPPET: &str = include_str!(concat!(env!("OUT_DIR"), "/snippet.js"));
const PLAIN: (&str, &[u8]) = ("", SNIPPET.as_bytes());

/// Whether a request is for the snippet, and no landing.
pub(crate) fn is_wanted(request: &Request) -> bool {
    request.raw_path.as_deref().is_some_and(|path| path.ends_with(".js"))
}

/// The snippet in the smallest encoding that the browser accepts; 304 if the browser has it. `HEAD` is
/// answered like `GET`, without the bytes.
pub(crate) fn answer(request: &Request) -> Response {
    let accepted = http_api::header(request, "accept-encoding").unwrap_or_default();
    let fitting = COMPRESSED.into_iter().find(|(encoding, _)| accepts(accepted, encoding));
    let (encoding, bytes) = fitting.unwrap_or(PLAIN);
    // The tag belongs to these bytes: another encoding has another one.
    let tag = format!("\"{HASH}{encoding}\"");
    let known = http_api::header(request, "if-none-match").unwrap_or_default();
    let is_known = known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag);

    let mut response = http_api::empty(if is_known { 304 } else { 200 });
    set(&mut response, header::ETAG, &tag);
    set(&mut response, header::CACHE_CONTROL, "public, max-age=3600");
    set(&mut response, header::VARY, "accept-encoding");
    if !is_known {
        set(&mut response, header::CONTENT_TYPE, "text/javascript; charset=utf-8");
        set(&mut response, header::CONTENT_ENCODING, encoding);
        set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        // A page that isolates itself from other origins may load it, too.
        let policy = HeaderName::from_static("cross-origin-resource-policy");
        set(&mut response, policy, "cross-origin");
        if request.request_context.http.method != Method::HEAD {
            response.body = Some(bytes.to_vec().into());
            response.is_base64_encoded = true;
        }
    }
    response
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Some(value) = HeaderValue::from_str(value).ok().filter(|value| !value.is_empty()) {
        response.headers.insert(name, value);
    }
}

/// Whether an `Accept-Encoding` names an encoding, or all, and does not rule it out by `q=0`.
/// <https://www.rfc-editor.org/rfc/rfc9110#field.accept-encoding>
fn accepts(accepted: &str, encoding: &str) -> bool {
    let weight = |wanted: &str| {
        accepted.split(',').find_map(|offer| {
            let (name, parameters) = offer.split_once(';').unwrap_or((offer, ""));
            let q = parameters.trim().strip_prefix("q=").unwrap_or("1");
            name.trim().eq_ignore_ascii_case(wanted).then(|| q.trim().parse().unwrap_or(0.0))
        })
    };
    weight(encoding).or_else(|| weight("*")).is_some_and(|q: f32| q > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a browser may have to wait for, in bytes.
    const LIMIT: usize = 3 * 1_024;

    fn asked(headers: &[(&'static str, &str)]) -> Response {
        let mut request = Request::default();
        for (name, value) in headers {
            request.headers.insert(*name, HeaderValue::from_str(value).expect("a value"));
        }
        answer(&request)
    }

    fn header_of<'a>(response: &'a Response, name: &str) -> &'a str {
        response.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    #[test]
    fn it_is_small() {
        for (encoding, bytes) in COMPRESSED {
            println!("{encoding}: {} of {} bytes", bytes.len(), PLAIN.1.len());
            assert!(bytes.len() <= LIMIT, "{encoding}: {}", bytes.len());
        }
    }

    #[test]
    fn the_browser_chooses_the_encoding() {
        for (accepted, encoding) in [
            ("gzip, deflate, br, zstd", "br"),
            ("gzip, br;q=0", "gzip"),
            ("GZIP;q=0.5", "gzip"),
            ("*", "br"),
            ("br;q=0, *;q=0.1", "gzip"),
            ("*;q=0", ""),
            ("deflate", ""),
            ("identity", ""),
            ("", ""),
        ] {
            let response = asked(&[("accept-encoding", accepted)]);
            assert_eq!(header_of(&response, "content-encoding"), encoding, "{accepted}");
            assert_eq!(response.status_code, 200);
            assert_eq!(header_of(&response, "vary"), "accept-encoding");
            let expected = COMPRESSED.into_iter().find(|it| it.0 == encoding).unwrap_or(PLAIN);
            assert_eq!(response.body.as_deref(), Some(expected.1), "{accepted}");
        }
    }

    #[test]
    fn a_browser_that_has_it_gets_nothing() {
        let first = asked(&[("accept-encoding", "br")]);
        let tag = header_of(&first, "etag").to_owned();
        assert_eq!(header_of(&first, "cache-control"), "public, max-age=3600");
        for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}")] {
            let again = asked(&[("accept-encoding", "br"), ("if-none-match", &known)]);
            assert_eq!((again.status_code, again.body.is_none()), (304, true), "{known}");
            assert_eq!(header_of(&again, "etag"), tag);
        }
        let mut head = Request::default();
        head.request_context.http.method = Method::HEAD;
        head.headers.insert("accept-encoding", HeaderValue::from_static("br"));
        let head = answer(&head);
        assert_eq!((head.headers, head.body), (first.headers.clone(), None));
        let other_encoding = asked(&[("accept-encoding", "gzip"), ("if-none-match", &tag)]);
        assert_eq!(other_encoding.status_code, 200);
    }
}
