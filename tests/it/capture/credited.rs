//! Which click a sale is credited to, in the order in which pages, shops and CRMs really speak.

use serde_json::{Value, json};
use test_support::{
    events::{click, purchase, refund, time, with},
    rig::{KEY, World, operator::ago},
};

use super::{JSON, cookie, credited, land, sale};

/// When the click of a record was first seen, as status says.
async fn clicked_at(world: &World, id: &str) -> Value {
    world.record(id).await["click"]["clickedAt"].clone()
}

async fn denies(world: &World, cookie: &str, session: &str) {
    let denied = json!({"sessionId": session, "consent": "denied"}).to_string();
    let header = format!("tl_ref={cookie}");
    assert_eq!(world.landing(&[JSON, ("cookie", &header)], denied).await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_that_comes_after_the_event_is_found_before_the_first_attempt() {
    let world = World::with(|options| options.min_click_age = 8).await;
    let by = json!({"sessionId": "s", "email": "jane@x.example"});
    let said = world.queued(&sale("fast-webhook", 1, by)).await;
    assert_eq!((&said["state"], &said["reason"]), (&json!("queued"), &json!(null)));
    land(&world, json!({"msclkid": click(1), "sessionId": "s", "landedAt": time(-60)})).await;
    world.until_state("fast-webhook", "accepted").await;
    assert_eq!(credited(&world, "fast-webhook").await, (json!("session"), json!(click(1))));
    assert_eq!(world.sent(&click(1)).len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bookmark_makes_a_click_no_newer() {
    let world = World::with(|options| options.hour = 600).await;
    for (n, minutes) in [(1, 25), (2, 15), (1, 5)] {
        let at = time(-60 * minutes);
        land(&world, json!({"msclkid": click(n), "sessionId": "s", "landedAt": at})).await;
    }
    world.queued(&sale("sale", 60, json!({"sessionId": "s"}))).await;
    assert_eq!(credited(&world, "sale").await, (json!("session"), json!(click(2))));
    // Brought by the event, the click has the time at which it was first seen.
    let first = time(-60 * 25);
    let brought = json!({"sessionId": "s", "msclkid": click(1)});
    world.queued(&sale("brought", 50, brought)).await;
    assert_eq!(credited(&world, "brought").await, (json!("event"), json!(click(1))));
    let seen = clicked_at(&world, "brought").await;
    assert!(seen.as_str().is_some_and(|seen| seen <= first.as_str()), "{seen} after {first}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_banner_that_is_answered_on_the_thank_you_page_costs_no_click() {
    let world = World::with(|options| options.hour = 600).await;
    let landed = time(-40 * 60);
    land(&world, json!({"msclkid": click(1), "sessionId": "s", "landedAt": landed})).await;
    world.queued(&sale("sale", 120, json!({"sessionId": "s"}))).await;
    assert_eq!(credited(&world, "sale").await, (json!("session"), json!(click(1))));
    assert_eq!(clicked_at(&world, "sale").await, json!(landed));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_posts_click_and_lead_at_once_is_credited_though_the_crms_clock_is_behind() {
    let world = World::start().await;
    land(&world, json!({"msclkid": click(1), "sessionId": "s", "leadId": "l"})).await;
    world.queued(&sale("lead", 3, json!({"leadId": "l"}))).await;
    assert_eq!(credited(&world, "lead").await, (json!("lead"), json!(click(1))));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_of_five_sessions_has_the_latest_click_before_the_event() {
    let world = World::with(|options| options.hour = 600).await;
    for n in 1..=5 {
        let session = format!("s-{n}");
        let at = time(-1_000 + 100 * i64::from(n));
        let body =
            json!({"msclkid": click(n), "sessionId": session, "leadId": "l", "landedAt": at});
        land(&world, body).await;
    }
    world.queued(&sale("lead", 650, json!({"leadId": "l"}))).await;
    assert_eq!(credited(&world, "lead").await, (json!("lead"), json!(click(3))));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_click_and_withdrawal_in_somebody_elses_session_end_no_sale() {
    let world = World::with(|options| options.min_click_age = 4).await;
    land(&world, json!({"msclkid": click(1), "sessionId": "known", "landedAt": time(-90)})).await;
    let mut strangers = Vec::new();
    for (n, session) in [(2, "known"), (3, "granted")] {
        let body = json!({"msclkid": click(n), "sessionId": session, "landedAt": time(-60)});
        strangers.push((cookie(&world.landing(&[JSON], body.to_string()).await), session));
    }
    let by = |session: &str| json!({"sessionId": session, "email": "jane@x.example"});
    world.queued(&sale("known", 0, by("known"))).await;
    let granted = with(&by("granted"), &json!({"consent": "granted"}));
    world.queued(&sale("granted", 0, granted)).await;
    assert_eq!(credited(&world, "known").await.1, json!(click(2)));
    assert_eq!(credited(&world, "granted").await.1, json!(click(3)));
    for (cookie, session) in &strangers {
        denies(&world, cookie, session).await;
    }
    for id in ["known", "granted"] {
        world.until_state(id, "accepted").await;
    }
    assert_eq!(credited(&world, "known").await, (json!("session"), json!(click(1))));
    assert_eq!(world.record("granted").await["click"], Value::Null, "it went with its hash");
    world.stop().await;
}

/// DynamoDB deletes expired items days later.
#[tokio::test(flavor = "multi_thread")]
async fn rows_clicks_and_ties_past_their_time_to_live_are_as_good_as_deleted() {
    let world = World::start().await;
    for session in ["old-click", "old-tie"] {
        let landing = json!({"msclkid": click(1), "sessionId": session, "landedAt": time(-600)});
        let tied = with(&landing, &json!({"orderId": format!("order-{session}")}));
        assert_eq!(world.capture(&tied).await.status, 204);
    }
    world.change_items("Clicks", "session old-click", json!({"ttl": ago(1)})).await;
    world.change_items("Clicks", "order order-old-tie", json!({"ttl": ago(1)})).await;
    for by in [json!({"sessionId": "old-click"}), json!({"orderId": "order-old-tie"})] {
        let id = by.to_string().replace(['{', '}', '"', ':'], "");
        let sale = with(&purchase(&id, "", &json!(10)), &with(&by, &json!({"msclkid": null})));
        assert_eq!(world.queued(&sale).await["reason"], "no_click", "{by}");
    }

    let sale = purchase("row", &click(2), &json!(10));
    world.queued(&sale).await;
    world.until_state("row", "accepted").await;
    let other = with(&sale, &json!({"value": 11}));
    assert_eq!(world.post(&other).await.body["status"], "conflict");
    world.change_items("Conversions", "event shop row", json!({"ttl": ago(1)})).await;
    assert_eq!(world.status(KEY, "shop/row").await.status, 404);
    assert_eq!(world.queued(&refund("r", "row", &json!(1))).await["reason"], "original_missing");
    world.queued(&other).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brand_search_after_the_order_is_none_of_its_clicks() {
    let world = World::start().await;
    let ago = 15 * 60;
    land(&world, json!({"msclkid": click(1), "sessionId": "s"})).await;
    let by = json!({"sessionId": "s", "email": "jane@x.example"});
    world.queued(&sale("order", ago, by)).await;
    let record = world.until_state("order", "accepted").await;
    assert_eq!(record["click"], Value::Null, "{record:#}");
    assert!(world.sent(&click(1)).is_empty());
    // Without an address it waits.
    let said = world.queued(&sale("waits", ago, json!({"sessionId": "s"}))).await;
    assert_eq!((&said["state"], &said["reason"]), (&json!("waiting"), &json!("no_click")));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tie_made_with_a_key_outranks_those_of_browsers_of_any_record() {
    let world = World::with(|options| options.hour = 600).await;
    for (n, session) in [(1, "keyed"), (2, "browser")] {
        let at = time(-300 + i64::from(n));
        land(&world, json!({"msclkid": click(n), "sessionId": session, "landedAt": at})).await;
    }
    land(&world, json!({"sessionId": "browser", "leadId": "l"})).await;
    let key = format!("Bearer {KEY}");
    let tie = json!({"sessionId": "keyed", "orderId": "o"}).to_string();
    assert_eq!(world.landing(&[JSON, ("authorization", &key)], tie).await.status, 204);
    world.queued(&sale("both", 60, json!({"leadId": "l", "orderId": "o"}))).await;
    assert_eq!(credited(&world, "both").await, (json!("order"), json!(click(1))));
    world.stop().await;
}
