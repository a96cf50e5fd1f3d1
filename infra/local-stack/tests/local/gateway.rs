//! The HTTP API in front of a real function.

use std::net::SocketAddr;
use std::time::Duration;

use crate::common::{Answer, echo, echo_with_timeout, request};
use local_stack::gateway::{Route, router};
use local_stack::runtime::Function;
use local_stack::template::Cors;
use serde_json::{Value, json};

async fn serve(function: Function) -> String {
    let routes = vec![
        Route::new("POST", "/events", function.clone()),
        Route::new("GET", "/events/{source}/{eventId+}", function),
    ];
    let cors = Cors {
        allow_origins: vec!["https://a.example".into()],
        allow_methods: vec!["POST".into()],
        ..Cors::default()
    };
    let service = router(routes, Some(cors), "000000000000")
        .into_make_service_with_connect_info::<SocketAddr>();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("address").to_string();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

async fn post(address: &str, body: Value) -> Answer {
    request(
        address,
        "POST /events?a=1",
        "Content-Type: application/json\r\nOrigin: https://a.example\r\n",
        body.to_string().as_bytes(),
    )
    .await
}

#[tokio::test]
async fn a_request_reaches_the_function_as_payload_2() {
    let address = serve(echo()).await;
    let answer = request(&address, "GET /events/shop/a%2Fb", "Cookie: x=1; y=2\r\n", b"").await;
    assert_eq!(answer.status, 200);
    let event: Value = serde_json::from_str(&answer.body).expect("bare JSON is the body");
    assert_eq!(event["version"], "2.0");
    assert_eq!(event["routeKey"], "GET /events/{source}/{eventId+}");
    assert_eq!(event["rawPath"], "/events/shop/a/b");
    assert_eq!(event["pathParameters"], json!({"source": "shop", "eventId": "a/b"}));
    assert_eq!(event["cookies"], json!(["x=1", "y=2"]));
    assert_eq!(event["requestContext"]["http"]["method"], "GET");
    assert_eq!(event["requestContext"]["http"]["sourceIp"], "127.0.0.1");
}

#[tokio::test]
async fn the_functions_answer_is_the_response() {
    let address = serve(echo()).await;
    let reply = json!({"statusCode": 202, "headers": {"x-a": "b"}, "cookies": ["tl_ref=1", "b=2"], "body": "done"});
    let answer = post(&address, json!({"do": "reply", "reply": reply})).await;
    assert_eq!((answer.status, answer.body.as_str()), (202, "done"));
    for line in [
        "x-a: b",
        "set-cookie: tl_ref=1",
        "set-cookie: b=2",
        "access-control-allow-origin: https://a.example",
    ] {
        assert!(answer.head.contains(line), "{line} in {}", answer.head);
    }
}

#[tokio::test]
async fn the_gateways_own_words() {
    let address = serve(echo_with_timeout(Duration::from_secs(2))).await;
    let unknown = request(&address, "GET /nothing", "", b"").await;
    assert_eq!((unknown.status, unknown.body.as_str()), (404, r#"{"message":"Not Found"}"#));
    let method = request(&address, "DELETE /events", "", b"").await;
    assert_eq!(method.status, 404);
    let error = post(&address, json!({"do": "error"})).await;
    assert_eq!(
        (error.status, error.body.as_str()),
        (500, r#"{"message":"Internal Server Error"}"#)
    );
    let malformed = post(&address, json!({"do": "reply", "reply": {"statusCode": "x"}})).await;
    assert_eq!(malformed.status, 500);
    let timeout = post(&address, json!({"do": "hang"})).await;
    assert_eq!(
        (timeout.status, timeout.body.as_str()),
        (503, r#"{"message":"Service Unavailable"}"#)
    );
}

#[tokio::test]
async fn sizes() {
    let address = serve(echo()).await;
    let headers = "Content-Type: text/plain\r\n";
    // Escaped, each of these characters is two: above Lambda's 6 MB, below the gateway's 10.
    let escaped = request(&address, "POST /events", headers, &vec![b'"'; 4 * 1024 * 1024]).await;
    assert_eq!(
        (escaped.status, escaped.body.as_str()),
        (413, r#"{"message":"Request Entity Too Large"}"#)
    );
    let small = request(&address, "POST /events", headers, &vec![b'x'; 1024 * 1024]).await;
    assert_eq!(small.status, 200);
}

#[tokio::test]
async fn a_preflight_never_reaches_the_function() {
    let address = serve(echo()).await;
    let answer = request(
        &address,
        "OPTIONS /events",
        "Origin: https://a.example\r\nAccess-Control-Request-Method: POST\r\n",
        b"",
    )
    .await;
    assert_eq!(answer.status, 204);
    assert!(answer.head.contains("access-control-allow-methods: post"), "{}", answer.head);
}
