//! What the audit of the ledger erases after the request.

use std::time::Duration;

use serde_json::{Value, json};
use test_support::events::{click, refund, time};
use test_support::rig::operator::parameter;
use test_support::rig::{KEY, World, until};

use super::{EMAIL, JANE, done, erased, land, rows_with, said, sale};

fn epoch() -> u64 {
    std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_carries_out_what_a_request_could_not_and_what_came_after_it() {
    let world = World::with(|options| parameter(options, "AuditHours", "4")).await;
    land(&world, json!({"msclkid": click(1), "sessionId": "s", "landedAt": time(-60)})).await;
    world.queued(&sale("jane", json!({"sessionId": "s", "email": EMAIL}))).await;
    world.until_state("jane", "accepted").await;
    assert_eq!(erased(&world, json!({"hashedEmail": JANE})).await["pending"], true);
    let record = until("erased", || async {
        let record = world.record("jane").await;
        if record["click"].is_null() { Ok(record) } else { Err(record) }
    })
    .await;
    assert_eq!((&record["state"], &record["microsoft"]["value"]), (&json!("accepted"), &json!(10)));
    assert_eq!(rows_with(&world, JANE).await, Vec::<Value>::new());
    until("no click is left", || async {
        let items = world.items("Clicks").await;
        if items.is_empty() { Ok(()) } else { Err(items) }
    })
    .await;

    // One of before that comes when the erasure is done already, but not long ago.
    let before = json!({"email": EMAIL, "occurredAt": time(-3_600)});
    world.queued(&sale("late", before)).await;
    until("erased, too", || async {
        let rows = rows_with(&world, JANE).await;
        if rows.is_empty() { Ok(()) } else { Err(rows) }
    })
    .await;
    // What was found by the audit is told when asked.
    let answer = done(&world, KEY, json!({"hashedEmail": JANE})).await;
    let found = (&answer["microsoft"][0]["eventId"], &answer["removed"]["rows"]);
    assert_eq!(found, (&json!("jane"), &json!(2)));
    // In the end not even the erasure knows the person.
    until("forgotten", || async {
        let items = world.items_with("Conversions", JANE).await;
        let now = epoch();
        let left = |item: &Value| item["ttl"]["N"].as_str().and_then(|ttl| ttl.parse::<u64>().ok());
        let over = items.iter().all(|item| left(item).is_some_and(|ttl| ttl <= now));
        if over { Ok(()) } else { Err(items) }
    })
    .await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_made_after_the_erasure_keeps_its_identity_and_its_refund_is_told() {
    let world = World::with(|options| parameter(options, "AuditHours", "4")).await;
    let landed = |number, order| {
        json!({"msclkid": click(number), "sessionId": "s", "orderId": order,
               "consent": "granted", "landedAt": time(-1)})
    };
    land(&world, landed(1, "o-1")).await;
    world.queued(&sale("first", json!({"orderId": "o-1", "occurredAt": time(0)}))).await;
    world.until_state("first", "accepted").await;
    let answer = done(&world, KEY, json!({"orderId": "o-1"})).await;
    assert_eq!(answer["removed"]["rows"], json!(1));

    // The erasure knows the session, and is still applied.
    tokio::time::sleep(Duration::from_secs(3)).await;
    land(&world, landed(2, "o-2")).await;
    world.queued(&sale("second", json!({"orderId": "o-2", "occurredAt": time(0)}))).await;
    world.until_state("second", "accepted").await;
    let since = epoch() + 2;
    until("audited", || async {
        let state = world.items_with("Conversions", "finishedAt").await;
        let at = state.first().and_then(|state| state["finishedAt"]["N"].as_str()?.parse().ok());
        if at.is_some_and(|at: u64| at >= since) { Ok(()) } else { Err(state) }
    })
    .await;
    assert_eq!(world.items_with("Conversions", "\"tiedTo\"").await.len(), 1, "not forgotten yet");
    let record = world.record("second").await;
    assert_eq!(said(&record), (&json!("accepted"), &Value::Null, &record["click"]));
    assert_eq!(record["click"]["msclkid"], json!(click(2)));
    world.queued(&refund("second-r", "second", &Value::Null)).await;
    world.until_state("second", "retracted").await;
    assert!(rows_with(&world, &click(1)).await.is_empty());
    world.stop().await;
}
