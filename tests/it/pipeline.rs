//! The main road: click, sale, refund, Microsoft.

use serde_json::json;
use test_support::events::{MSCLKID, purchase, refund, time};
use test_support::rig::{World, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_click_a_purchase_and_a_partial_refund_reach_microsoft() {
    let world = World::start().await;
    let landing = json!({"msclkid": MSCLKID, "sessionId": "s-1",
                         "landingUrl": "https://shop.example/?utm_source=bing&email=a@b.example"});
    let answer = world.capture(&landing).await;
    assert_eq!(answer.status, 204);
    assert!(answer.headers["set-cookie"].to_str().unwrap().starts_with("tl_ref="));

    let sale = json!({"event": "purchase", "eventId": "4711", "source": "shop",
        "occurredAt": time(0), "value": 129.95, "currency": "USD", "sessionId": "s-1"});
    let answer = world.post(&sale).await;
    assert_eq!((answer.status, &answer.body["status"]), (202, &json!("queued")));
    world.until_state("4711", "accepted").await;
    let conversions = world.conversions().await;
    assert_eq!(conversions.len(), 1);
    assert_eq!(conversions[0]["clickId"], MSCLKID);
    assert_eq!(conversions[0]["goal"], "Purchase");
    assert_eq!(conversions[0]["originalValue"].to_string(), "129.95");

    let answer = world.post(&refund("4711-r1", "4711", &json!(30))).await;
    assert_eq!((answer.status, &answer.body["status"]), (202, &json!("queued")));
    let record = world.until_state("4711", "restated").await;
    assert_eq!(record["microsoft"]["value"].to_string(), "99.95");
    let conversions = world.conversions().await;
    assert_eq!(conversions[0]["value"].to_string(), "99.95");
    assert_eq!(conversions[0]["adjustments"], 1);
    world.until_drained().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_refund_retracts_and_a_repeated_event_changes_nothing() {
    let world = World::start().await;
    let sale = purchase("1", "f894f652ea334e739002f7167ab8f8e3", &json!(10.5));
    assert_eq!(world.post(&sale).await.status, 202);
    world.until_state("1", "accepted").await;
    let gone = refund("1-r", "1", &json!(null));
    assert_eq!(world.post(&gone).await.status, 202);
    world.until_state("1", "retracted").await;

    for event in [&sale, &gone] {
        let answer = world.post(event).await;
        assert_eq!((answer.status, &answer.body["status"]), (200, &json!("duplicate")));
    }
    world.until_drained().await;
    let conversions = world.conversions().await;
    assert_eq!(conversions.len(), 1);
    assert_eq!(conversions[0]["state"], "retracted");
    assert_eq!(
        (&conversions[0]["adjustments"], &conversions[0]["duplicates"]),
        (&json!(1), &json!(0))
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_before_its_original_waits_and_is_counted() {
    let world = World::start().await;
    let early = refund("2-r", "2", &json!(4));
    let answer = world.post(&early).await;
    assert_eq!((answer.status, &answer.body["state"]), (202, &json!("waiting")));
    assert_eq!(world.record("2").await["reason"], "original_missing");
    assert_eq!(world.record("2-r").await["microsoft"], json!(null));

    let sale = purchase("2", "f894f652ea334e739002f7167ab8f8e3", &json!(10));
    assert_eq!(world.post(&sale).await.status, 202);
    world.until_state("2", "restated").await;
    until("restated at Microsoft", || async {
        let conversions = world.conversions().await;
        let value = conversions.first().map(|c| c["value"].to_string());
        if value.as_deref() == Some("6") { Ok(()) } else { Err(conversions) }
    })
    .await;
    world.stop().await;
}
