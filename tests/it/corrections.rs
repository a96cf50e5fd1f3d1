//! Corrections at the API: which original they mean, and when they are refused.

use serde_json::{Value, json};
use test_support::events::{click, purchase, refund, time, with};
use test_support::rig::api::JSON;
use test_support::rig::operator::ago;
use test_support::rig::{KEY, World, until};

fn of(correction: &Value, original: Value) -> Value {
    with(correction, &json!({"original": original}))
}

/// Ids of the corrections in a record, with their status and reason.
fn corrections(record: &Value) -> Vec<(String, String, Value)> {
    let list = record["desired"]["corrections"].as_array().unwrap_or_else(|| panic!("{record:#}"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    list.iter().map(|c| (text(&c["eventId"]), text(&c["status"]), c["reason"].clone())).collect()
}

fn counted(id: &str) -> (String, String, Value) {
    (id.to_owned(), "counted".to_owned(), json!(null))
}

fn refused(id: &str, reason: &str) -> (String, String, Value) {
    (id.to_owned(), "refused".to_owned(), json!(reason))
}

async fn rejected(world: &World, event: &Value, code: &str, field: &str) {
    let answer = world.post(event).await;
    assert_eq!(answer.problem(), (422, code, Some(field)), "{event}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_goes_to_the_one_original_it_can_mean() {
    let world = World::with(|options| options.hour = 600).await;
    let phone = json!({"event": "phone_sale", "occurredAt": time(-9)});
    world.queued(&purchase("both", &click(1), &json!(10))).await;
    world.queued(&with(&purchase("both", &click(1), &json!(20)), &phone)).await;
    world.queued(&with(&purchase("phone", &click(2), &json!(20)), &phone)).await;
    world.queued(&purchase("euro", &click(3), &json!(10))).await;

    let back = refund("both-r", "both", &json!(1));
    rejected(&world, &back, "ambiguous_original", "original").await;
    let wrong = of(&back, json!({"eventId": "both", "event": "subscription_start"}));
    assert_eq!(world.queued(&wrong).await["reason"], "original_missing");
    let named =
        of(&refund("both-p", "both", &json!(2)), json!({"eventId": "both", "event": "phone_sale"}));
    world.queued(&named).await;
    for record in world.records("both").await {
        let expected = match record["event"].as_str() {
            Some("phone_sale") => vec![counted("both-p")],
            Some(_) => vec![],
            None => vec![counted("both-r")],
        };
        assert_eq!(corrections(&record), expected, "{record:#}");
    }

    // No event is named, and purchase is only the default while nothing is known.
    world.queued(&refund("phone-r", "phone", &json!(3))).await;
    let restated = json!({"event": "refund", "eventId": "phone-n", "source": "shop",
        "occurredAt": time(1), "original": {"eventId": "phone"}, "newValue": 12.5, "currency": "USD"});
    world.queued(&restated).await;
    let record = world.record("phone").await;
    assert_eq!(record["event"], "phone_sale");
    assert_eq!(corrections(&record), [counted("phone-r"), counted("phone-n")]);
    assert_eq!(record["desired"]["netValue"], 12.5);

    let euros = with(&refund("euro-r", "euro", &json!(1)), &json!({"currency": "EUR"}));
    rejected(&world, &euros, "currency_mismatch", "currency").await;
    assert_eq!(corrections(&world.record("euro").await), []);
    assert_eq!(world.status(KEY, "shop/euro-r").await.status, 404);
    // Refused is not known: put right, it is taken.
    world.queued(&refund("euro-r", "euro", &json!(1))).await;

    // Another system's correction, and its own id space.
    let stripe = json!({"source": "stripe", "original": {"eventId": "euro", "source": "shop"}});
    world.queued(&with(&refund("euro-r", "euro", &json!(2)), &stripe)).await;
    let record = world.record("euro").await;
    assert_eq!(corrections(&record), [counted("euro-r"), counted("euro-r")]);
    let of_stripe = world.status(KEY, "stripe/euro-r").await;
    assert_eq!((of_stripe.status, &of_stripe.body["records"]), (200, &json!([record])));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_is_one_whatever_original_it_names_and_an_original_takes_fifty() {
    let world = World::with(|options| options.hour = 600).await;
    world.queued(&purchase("a", &click(1), &json!(1_000))).await;
    world.queued(&purchase("b", &click(2), &json!(1_000))).await;
    let first = refund("r", "a", &json!(10));
    world.queued(&first).await;
    for other in [
        of(&first, json!({"eventId": "b"})),
        of(&first, json!({"eventId": "not-yet"})),
        with(&first, &json!({"amount": 11})),
        with(&first, &json!({"amount": null, "currency": null})),
        with(&first, &json!({"occurredAt": time(-40)})),
    ] {
        let answer = world.post(&other).await;
        assert_eq!((answer.status, &answer.body["status"]), (409, &json!("conflict")), "{other}");
        assert_eq!(answer.problem(), (409, "conflict", None));
    }
    for again in [first.clone(), with(&first, &json!({"unknown": 1}))] {
        let answer = world.post(&again).await;
        assert_eq!((answer.status, &answer.body["status"]), (200, &json!("duplicate")));
    }
    assert_eq!(corrections(&world.record("a").await), [counted("r")]);
    assert_eq!(corrections(&world.record("b").await), []);
    assert_eq!(world.records("not-yet").await, Vec::<Value>::new());

    // Twice in one request, and once more alone.
    let twin = refund("twin", "b", &json!(1));
    let answer = world.post(&json!([twin, twin])).await;
    assert_eq!(answer.body["counts"], json!({"queued": 1, "duplicate": 1}));

    let many: Vec<Value> = (2..=50).map(|n| refund(&format!("r-{n}"), "a", &json!(1))).collect();
    let answer = world.post(&json!(many)).await;
    assert_eq!(answer.body["counts"], json!({"queued": 49}));
    rejected(&world, &refund("r-51", "a", &json!(1)), "invalid_original", "original").await;
    let answer = world.post(&first).await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("duplicate")));
    let record = world.record("a").await;
    assert_eq!(corrections(&record).len(), 50);
    assert_eq!(record["desired"]["netValue"], 941);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_goal_without_value_is_taken_back_whole_or_not_at_all() {
    let world = World::start().await;
    let lead = json!({"event": "qualified_lead", "value": null, "currency": null});
    let lead = |id: &str, number| with(&purchase(id, &click(number), &json!(1)), &lead);
    let array = json!([
        lead("part", 1),
        lead("full", 2),
        refund("part-r", "part", &json!(5)),
        refund("full-r", "full", &json!(null))
    ]);
    let answer = world.post(&array).await;
    assert_eq!(answer.body["counts"], json!({"queued": 4}), "{}", answer.body);
    let record = world.until_state("full", "retracted").await;
    assert_eq!(corrections(&record), [counted("full-r")]);
    let record = world.until_state("part", "accepted").await;
    let (id, status, reason) = corrections(&record).remove(0);
    assert_eq!((id.as_str(), status.as_str(), reason), ("part-r", "no_effect", json!(null)));
    assert_eq!(record["nextAction"], json!({"action": "None", "at": null}));
    world.until_drained().await;
    for conversion in world.conversions().await {
        let is_full = conversion["clickId"] == click(2);
        assert_eq!(conversion["state"], if is_full { "retracted" } else { "accepted" });
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn early_corrections_meet_their_original_and_are_refused_if_they_do_not_fit() {
    let world = World::with(|options| options.hour = 3).await;
    let euros = with(&refund("euro-r", "euro", &json!(1)), &json!({"currency": "EUR"}));
    let said = world.queued(&euros).await;
    assert_eq!((&said["state"], &said["reason"]), (&json!("waiting"), &json!("original_missing")));
    world.queued(&refund("euro-2", "euro", &json!(2))).await;
    world.queued(&purchase("euro", &click(1), &json!(10))).await;

    // The original comes under another name than a correction supposes.
    world.queued(&refund("phone-1", "phone", &json!(1))).await;
    let phone = json!({"event": "phone_sale"});
    world.queued(&with(&purchase("phone", &click(2), &json!(10)), &phone)).await;
    world.queued(&refund("phone-2", "phone", &json!(2))).await;
    let again = world.post(&refund("phone-2", "phone", &json!(2))).await;
    assert!(["duplicate", "conflict"].contains(&again.body["status"].as_str().unwrap()));

    let record = world.until_state("euro", "refused").await;
    assert_eq!(record["reason"], "currency_mismatch");
    let expected = [refused("euro-r", "currency_mismatch"), counted("euro-2")];
    assert_eq!(corrections(&record), expected);
    until("both corrections with the phone sale", || async {
        let records = world.records("phone").await;
        let [record] = records.as_slice() else { return Err(records) };
        let mut ids = corrections(record);
        ids.sort_by(|a, b| a.0.cmp(&b.0));
        let is_done =
            ids == [counted("phone-1"), counted("phone-2")] && record["microsoft"]["value"] == 7;
        if is_done { Ok(()) } else { Err(records) }
    })
    .await;
    until("what fits at Microsoft", || async {
        let mut values: Vec<_> =
            world.conversions().await.iter().map(|c| c["value"].to_string()).collect();
        values.sort();
        if values == ["7", "8"] { Ok(()) } else { Err(values) }
    })
    .await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ninety_days_after_the_sale_a_refund_is_recorded_and_refused() {
    let world = World::start().await;
    const SPARE: i64 = 8;
    let old = json!({"occurredAt": time(SPARE - 90 * 86_400)});
    let end = std::time::Instant::now() + std::time::Duration::from_secs(9);
    world.queued(&with(&purchase("old", &click(1), &json!(10)), &old)).await;
    world.until_state("old", "accepted").await;
    tokio::time::sleep_until(end.into()).await;
    let said = world.queued(&refund("old-r", "old", &json!(4))).await;
    let expected = (&json!("refused"), &json!("too_old_for_microsoft"));
    assert_eq!((&said["state"], &said["reason"]), expected);
    assert!(world.rings("CorrectionLost"), "counted");
    world.until_logged("enqueue", &["shop/old-r refund 4 USD: too_old_for_microsoft"]).await;
    let record = world.record("old").await;
    assert_eq!((&record["state"], &record["reason"]), expected);
    assert_eq!(corrections(&record), [refused("old-r", "too_old_for_microsoft")]);
    assert_eq!(record["desired"]["corrections"][0]["amount"], 4);
    assert_eq!(record["microsoft"]["value"], 10);
    assert_eq!(record["nextAction"]["action"], "None");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_last_day_of_its_click_a_refund_waits_no_settle_delay_and_after_it_is_refused() {
    let world = World::quick(|options| options.settle_delay = 600).await;
    let end = std::time::Instant::now() + std::time::Duration::from_secs(21);
    let landing =
        json!({"msclkid": click(1), "sessionId": "s", "landedAt": time(20 - 90 * 86_400)});
    let key = format!("Bearer {KEY}");
    let answer = world.landing(&[JSON, ("authorization", &key)], landing.to_string()).await;
    assert_eq!(answer.status, 204);
    let by = json!({"msclkid": null, "sessionId": "s", "occurredAt": time(-50 * 86_400)});
    world.queued(&with(&purchase("lead", "", &json!(10)), &by)).await;
    world.until_state("lead", "accepted").await;
    world.queued(&refund("last-day", "lead", &json!(4))).await;
    world.until_worth(&click(1), "6").await;
    tokio::time::sleep_until(end.into()).await;
    let said = world.queued(&refund("too-late", "lead", &json!(1))).await;
    let expected = (&json!("refused"), &json!("too_old_for_microsoft"));
    assert_eq!((&said["state"], &said["reason"]), expected);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_refunds_of_one_sale_in_one_request_are_all_recorded() {
    let world = World::start().await;
    world.queued(&purchase("many", &click(1), &json!(100))).await;
    let refunds: Vec<Value> =
        (0..40).map(|n| refund(&format!("many-{n}"), "many", &json!(1.5))).collect();
    let said = world.post(&json!(refunds)).await;
    assert_eq!((said.status, &said.body["counts"]), (200, &json!({"queued": 40})), "{}", said.body);
    until("restated to what is left", || async {
        let conversion = world.conversion(&click(1)).await;
        if conversion["value"] == 40 { Ok(()) } else { Err(conversion) }
    })
    .await;
    world.stop().await;
}

/// Both are gone by themselves at last.
#[tokio::test(flavor = "multi_thread")]
async fn a_correction_without_original_and_the_pointer_to_it_live_100_days() {
    let world = World::start().await;
    world.queued(&refund("early", "absent", &Value::Null)).await;
    let seconds = |time: &Value| time["N"].as_str().and_then(|text| text.parse::<i64>().ok());
    let mut lives = Vec::new();
    for item in world.items_with("Conversions", "early").await {
        let left = seconds(&item["ttl"]).zip(seconds(&ago(0))).map(|(ttl, now)| ttl - now);
        let days = left.map(|left| (left + 43_200) / 86_400);
        lives.push((item["sk"]["S"].as_str().expect("a key").to_owned(), days));
    }
    lives.sort();
    assert_eq!(lives, [("~correction".to_owned(), Some(100)), ("~orphan".to_owned(), Some(100))]);
    world.stop().await;
}
