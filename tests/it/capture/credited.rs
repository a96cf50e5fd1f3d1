//! Which click a sale is credited to, in the order in which pages, shops and CRMs really speak.

use serde_json::{Value, json};
use test_support::events::{click, purchase, refund, time, with};
use test_support::rig::operator::{CONVERSIONS, ago, quick, row_errors};
use test_support::rig::{KEY, World};
use tracklayer_core::time::EventTime;

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

/// Microsoft, which knows when the click was made, counts it.
#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_says_it_was_before_its_click_is_sent_with_the_second_after_it() {
    let world = World::with(|options| options.hour = 600).await;
    let landed = time(-100);
    let sent = EventTime::parse_rfc3339(&landed).expect("a time").plus_seconds(1).to_string();
    let known = json!({"clickId": click(1), "at": landed, "account": "7654321"});
    world.microsoft().declare_clicks([serde_json::from_value(known).expect("a click")]);
    world.microsoft().update_settings(|settings| {
        settings.refuse_by_click = true;
        settings.click_settles_after_seconds = 0;
    });
    land(&world, json!({"msclkid": click(1), "sessionId": "s", "landedAt": landed})).await;
    world.queued(&sale("lead", 400, json!({"sessionId": "s"}))).await;
    let record = world.until_state("lead", "accepted").await;
    assert_eq!(record["click"]["clickedAt"], json!(landed));
    assert_eq!(record["microsoft"]["conversionTime"], json!(sent));
    let counted = world.conversion(&click(1)).await;
    assert_eq!((&counted["conversionTime"], &counted["counts"]), (&json!(sent), &json!(true)));
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

/// Microsoft knows when a click was made: one that is later than the sale is taken from it.
#[tokio::test(flavor = "multi_thread")]
async fn a_click_that_microsoft_calls_later_than_the_sale_is_replaced_by_the_next_or_by_hashes() {
    let world = World::with(quick).await;
    for (n, session, ago) in [(1, "two", 600), (2, "two", 300), (3, "mail", 300), (4, "one", 300)] {
        let landed = time(-ago);
        land(&world, json!({"msclkid": click(n), "sessionId": session, "landedAt": landed})).await;
    }
    let too_late = || world.faults(vec![row_errors(&[(0, 5616)])]);
    too_late();
    world.queued(&sale("two", 60, json!({"sessionId": "two"}))).await;
    let record = world.until_state("two", "accepted").await;
    assert_eq!(record["click"]["msclkid"], json!(click(1)), "{record:#}");
    assert_eq!((world.sent(&click(2)).len(), world.sent(&click(1)).len()), (1, 1));

    too_late();
    let by = json!({"sessionId": "mail", "email": "jane@x.example"});
    world.queued(&sale("mail", 60, by)).await;
    let record = world.until_state("mail", "accepted").await;
    assert_eq!((&record["click"], world.sent(&click(3)).len()), (&Value::Null, 1), "{record:#}");
    let last = world.calls(CONVERSIONS).pop().expect("a call").body;
    assert!(last.contains("HashedEmailAddress") && !last.contains(&click(3)), "{last}");

    too_late();
    world.queued(&sale("one", 60, json!({"sessionId": "one"}))).await;
    let record = world.until_state("one", "waiting").await;
    assert_eq!((&record["reason"], &record["click"]), (&json!("no_click"), &Value::Null));
    assert_eq!(record["lastAttempt"]["code"], 5616, "{record:#}");
    world.until_drained().await;
    assert_eq!((world.conversions().await.len(), world.messages("uploads-dlq").await), (2, 0));
    world.stop().await;
}
