//! The script for web pages, as a browser gets it; and whose pages may call capture.

use reqwest::Method;
use test_support::rig::{Answer, World, api::CAPTURE, operator::parameter};

const SNIPPET: &str = "/api/tracklayer/ms-attribution.js";

async fn asks(world: &World, headers: &[(&str, &str)]) -> Answer {
    world.request(Method::GET, SNIPPET, headers, "").await
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().expect("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_snippet_comes_compressed_once_an_hour_and_not_again_if_it_is_the_same() {
    let world = World::start().await;
    for (accepted, encoding) in [("gzip, deflate, br, zstd", "br"), ("gzip", "gzip"), ("", "")] {
        let answer = asks(&world, &[("accept-encoding", accepted)]).await;
        assert_eq!((answer.status, header(&answer, "content-encoding")), (200, encoding));
        assert_eq!(header(&answer, "content-type"), "text/javascript; charset=utf-8");
        assert_eq!(header(&answer, "cache-control"), "public, max-age=3600");
        let length: usize = header(&answer, "content-length").parse().expect("a length");
        assert!(length <= 3 * 1_024 || encoding.is_empty(), "{encoding}: {length}");
        let tag = header(&answer, "etag").to_owned();
        let known = [("accept-encoding", accepted), ("if-none-match", &tag)];
        let again = asks(&world, &known).await;
        assert_eq!((again.status, header(&again, "etag")), (304, &*tag));
        let headers = [("accept-encoding", accepted)];
        let head = world.request(Method::HEAD, SNIPPET, &headers, "").await;
        assert_eq!((head.status, header(&head, "etag")), (200, &*tag));
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_configured_origins_may_call_with_credentials_and_no_others() {
    let origins = "https://www.shop.example,https://shop.example:8443";
    let world = World::with(|options| parameter(options, "AllowedOrigins", origins)).await;
    for (origin, is_allowed) in [
        ("https://www.shop.example", true),
        ("https://shop.example:8443", true),
        ("https://shop.example", false),
        ("http://www.shop.example", false),
        ("https://www.shop.example.evil.example", false),
        ("https://evil-www.shop.example", false),
        ("null", false),
    ] {
        let preflight = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "content-type"),
        ];
        let answer = world.request(Method::OPTIONS, CAPTURE, &preflight, "").await;
        let landing = world.landing(&[("origin", origin)], "{}").await;
        for answer in [&answer, &landing] {
            let allowed = header(answer, "access-control-allow-origin");
            assert_eq!(allowed, if is_allowed { origin } else { "" });
            let credentials = header(answer, "access-control-allow-credentials");
            assert_eq!(credentials, if is_allowed { "true" } else { "" }, "{origin}");
        }
        let kept = header(&answer, "access-control-max-age");
        assert_eq!(kept, if is_allowed { "86400" } else { "" }, "{origin}");
    }
    world.stop().await;
}
