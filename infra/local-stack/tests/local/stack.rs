//! The whole stack with the product's own functions, once: that everything is put together.

use std::time::Duration;

use local_stack::{Options, Stack};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::common::request;

const HEADERS: &str = "Content-Type: application/json\r\nAuthorization: Bearer local-key\r\n";

fn address(stack: &Stack) -> String {
    stack.api_url().trim_start_matches("http://").to_owned()
}

async fn post(stack: &Stack, path: &str, body: serde_json::Value) -> u16 {
    let line = format!("POST /api/tracklayer/{path}");
    request(&address(stack), &line, HEADERS, body.to_string().as_bytes()).await.status
}

/// In whole seconds, as events carry it.
fn now() -> String {
    let now = time::OffsetDateTime::now_utc().replace_nanosecond(0).expect("valid");
    now.format(&time::format_description::well_known::Rfc3339).expect("formatted")
}

#[tokio::test]
async fn a_click_and_a_purchase_reach_microsoft() {
    let mapping =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/core/tests/fixtures/mapping.json");
    let options = Options {
        batch_window: Duration::ZERO,
        mapping: Some(mapping.into()),
        ..Options::on_free_ports()
    };
    let stack = Stack::start(options).await.expect("started");
    let click = json!({"msclkid": "dd4afcccb1c9a4cad9544dd7e5006", "sessionId": "s-1"});
    assert_eq!(post(&stack, "ms-attribution", click).await, 204);
    stack.kill_function("capture").await.expect("known");
    let purchase = json!({"event": "purchase", "eventId": "4711", "source": "shop", "sessionId": "s-1",
        "occurredAt": now(), "value": 129.95, "currency": "USD"});
    assert_eq!(post(&stack, "events", purchase).await, 202);

    let simulator = stack.simulator().expect("no other Microsoft was asked for").clone();
    let end = Instant::now() + Duration::from_secs(30);
    while simulator.conversions().is_empty() && Instant::now() < end {
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(simulator.conversions().len(), 1);

    let api = address(&stack);
    stack.stop().await;
    assert!(tokio::net::TcpStream::connect(&api).await.is_err(), "nothing listens any more");
}
