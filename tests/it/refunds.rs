//! Corrections: whatever order they come in, Microsoft ends with the net, and hears it as seldom as
//! it can.

use std::time::Duration;

use microsoft_simulator::{AnswerBody, Fault, FaultRule, ThrottleAnswer};
use serde_json::{Value, json};
use test_support::events::{click, purchase, refund, time};
use test_support::rig::operator::{ADJUSTMENTS, CONVERSIONS, quick};
use test_support::rig::{World, until};

async fn accepted(id: &str, number: u32, value: Value) -> World {
    let world = World::with(quick).await;
    assert_eq!(world.post(&purchase(id, &click(number), &value)).await.status, 202);
    world.until_state(id, "accepted").await;
    world
}

/// The same event some seconds on: within the second of a refund it would be folded before it.
fn later(event: &Value) -> Value {
    let mut event = event.clone();
    event["occurredAt"] = json!(time(3));
    event
}

fn new_value(id: &str, original: &str, value: &Value) -> Value {
    json!({"event": "refund", "eventId": id, "source": "shop", "occurredAt": time(0),
           "original": {"eventId": original}, "newValue": value, "currency": "USD"})
}

/// Seconds between two corrections of one row: the settle delay and 1.5 runs of upload.
const SPACING: i64 = 1 + 6;

fn gaps(world: &World) -> Vec<i64> {
    let calls = world.calls(ADJUSTMENTS);
    calls.windows(2).map(|pair| (pair[1].at - pair[0].at).whole_seconds()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_and_its_refund_in_one_request_are_a_conversion_and_a_restatement() {
    let world = World::with(quick).await;
    let both = json!([refund("1-r", "1", &json!(30)), purchase("1", &click(1), &json!(129.95))]);
    let answer = world.post(&both).await;
    assert_eq!(answer.body["counts"]["queued"], 2, "{answer:?}");
    assert_eq!(answer.body["results"][0]["eventId"], "1-r");
    world.send_signals("1", "purchase", 2).await;
    let record = world.until_state("1", "restated").await;
    let applied = world.calls(CONVERSIONS);
    assert_eq!(applied[0].json()["OfflineConversions"][0]["ConversionValue"].to_string(), "129.95");
    let conversion = world.conversion(&click(1)).await;
    assert_eq!(conversion["value"].to_string(), "99.95");
    assert_eq!(conversion["adjustments"], 1);
    assert_eq!(record["microsoft"]["value"].to_string(), "99.95");
    world.until_drained().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_partial_refunds_in_quick_succession_go_as_one_net() {
    let world = accepted("1", 1, json!(100)).await;
    for (id, amount) in [("1-a", 30.1), ("1-b", 20.2)] {
        assert_eq!(world.post(&refund(id, "1", &json!(amount))).await.status, 202);
    }
    world.until_worth(&click(1), "49.7").await;
    world.until_drained().await;
    let record = world.until_state("1", "restated").await;
    assert_eq!(record["desired"]["corrections"].as_array().unwrap().len(), 2);
    let conversion = world.conversion(&click(1)).await;
    let calls = world.calls(ADJUSTMENTS).len();
    assert!(calls == 1 || (calls == 2 && gaps(&world)[0] >= SPACING - 1), "{calls} {conversion}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_after_a_restatement_is_sent_a_run_later() {
    let world = accepted("1", 1, json!(100)).await;
    assert_eq!(world.post(&refund("1-a", "1", &json!(30))).await.status, 202);
    world.until_worth(&click(1), "70").await;
    assert_eq!(world.post(&refund("1-b", "1", &json!(20))).await.status, 202);
    let record = until("spaced", || async {
        let record = world.record("1").await;
        if record["reason"] == "between_adjustments" { Ok(record) } else { Err(record) }
    })
    .await;
    assert_eq!(record["state"], "waiting");
    assert_eq!(record["microsoft"]["value"], 70);
    world.until_worth(&click(1), "50").await;
    assert!(gaps(&world).iter().all(|gap| *gap >= SPACING - 1), "{:?}", gaps(&world));
    let times: Vec<Value> = world
        .calls(ADJUSTMENTS)
        .iter()
        .map(|call| call.json()["OfflineConversionAdjustments"][0]["AdjustmentTime"].clone())
        .collect();
    assert!(times[0].as_str() < times[1].as_str(), "{times:?}");
    world.until_state("1", "restated").await;
    world.until_drained().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_refund_twice_counts_once() {
    let world = accepted("1", 1, json!(100)).await;
    let first = refund("1-a", "1", &json!(30));
    let (a, b) = tokio::join!(world.post(&first), world.post(&first));
    let mut answers = [a.body["status"].clone(), b.body["status"].clone()];
    answers.sort_by_key(ToString::to_string);
    assert_eq!(answers, [json!("duplicate"), json!("queued")]);
    world.until_state("1", "restated").await;
    assert_eq!(world.post(&first).await.body["status"], "duplicate");
    let other = world.post(&refund("1-a", "1", &json!(31))).await;
    assert_eq!((other.status, &other.body["status"]), (409, &json!("conflict")));
    tokio::time::sleep(Duration::from_secs(3)).await;
    let conversion = world.conversion(&click(1)).await;
    assert_eq!((&conversion["value"], &conversion["adjustments"]), (&json!(70), &json!(1)));
    world.until_drained().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_before_its_original_finds_it_under_another_event_name() {
    let world = World::with(quick).await;
    let answer = world.post(&refund("1-r", "1", &json!(4))).await;
    assert_eq!(answer.body["reason"], "original_missing", "{answer:?}");
    let mut sale = purchase("1", &click(1), &json!(10));
    sale["event"] = json!("phone_sale");
    assert_eq!(world.post(&sale).await.status, 202);
    // A later one goes straight to the original that is there now.
    assert_eq!(world.post(&refund("1-s", "1", &json!(1))).await.status, 202);
    world.until_worth(&click(1), "5").await;
    world.until_drained().await;
    let record = until("one record, in sync", || async {
        let records = world.records("1").await;
        match records.as_slice() {
            [record] if record["state"] == "restated" => Ok(record.clone()),
            _ => Err(records),
        }
    })
    .await;
    assert_eq!(
        (&record["event"], &record["desired"]["netValue"]),
        (&json!("phone_sale"), &json!(5))
    );
    let conversion = world.conversion(&click(1)).await;
    assert_eq!(
        (&conversion["goal"], &conversion["originalValue"]),
        (&json!("Purchase"), &json!(10))
    );
    assert_eq!(world.record("1-r").await["eventId"], "1", "its own id leads to the original");
    assert_eq!(world.post(&sale).await.body["status"], "duplicate");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_retraction_a_new_value_is_refused_and_shown() {
    let world = accepted("1", 1, json!(100)).await;
    assert_eq!(world.post(&refund("1-r", "1", &json!(null))).await.status, 202);
    world.until_state("1", "retracted").await;
    let said = world.queued(&later(&new_value("1-n", "1", &json!(50)))).await;
    let expected = (&json!("refused"), &json!("after_retraction"));
    assert_eq!((&said["state"], &said["reason"]), expected);
    tokio::time::sleep(Duration::from_secs(9)).await;
    let record = world.record("1").await;
    assert_eq!(record["state"], "retracted", "{record:#}");
    let shown = |id: &str| {
        let corrections = record["desired"]["corrections"].as_array().unwrap();
        let found = corrections.iter().find(|correction| correction["eventId"] == id).unwrap();
        (found["status"].clone(), found["reason"].clone())
    };
    assert_eq!(shown("1-r"), (json!("counted"), json!(null)));
    assert_eq!(shown("1-n"), (json!("refused"), json!("after_retraction")));
    let conversion = world.conversion(&click(1)).await;
    assert_eq!((&conversion["state"], &conversion["value"]), (&json!("retracted"), &json!(0)));
    assert_eq!(world.calls(ADJUSTMENTS).len(), 1);
    assert!(world.microsoft().unattributed().is_empty());
    world.until_drained().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_value_that_comes_while_a_retraction_is_on_its_way_changes_nothing() {
    let world = accepted("1", 1, json!(100)).await;
    let late = Fault::Latency { milliseconds: 1_500 };
    world.faults(vec![FaultRule::new(late).on(ADJUSTMENTS).times(1)]);
    assert_eq!(world.post(&refund("1-r", "1", &json!(null))).await.status, 202);
    world.until_called(ADJUSTMENTS, 1).await;
    let answer = world.post(&later(&new_value("1-n", "1", &json!(50)))).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    world.until_state("1", "retracted").await;
    tokio::time::sleep(Duration::from_secs(9)).await;
    let record = world.record("1").await;
    assert_eq!(record["state"], "retracted", "{record:#}");
    assert_eq!(record["desired"]["corrections"][1]["reason"], "after_retraction", "{record:#}");
    assert_eq!(world.conversion(&click(1)).await["state"], "retracted");
    assert!(world.microsoft().unattributed().is_empty(), "nothing is sent after a retraction");
    world.until_drained().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retraction_that_was_refused_with_its_call_bars_nothing() {
    let world = accepted("1", 1, json!(100)).await;
    let body = AnswerBody::Fault(106);
    let not_read = Fault::Status { status: 403, body, after_accepting: false };
    world.faults(vec![FaultRule::new(not_read).on(ADJUSTMENTS).times(1)]);
    world.queued(&refund("1-r", "1", &json!(null))).await;
    until("not taken", || async {
        let record = world.record("1").await;
        if record["lastAttempt"]["outcome"] == "refused" { Ok(()) } else { Err(record) }
    })
    .await;
    let said = world.queued(&later(&new_value("1-n", "1", &json!(50)))).await;
    assert_eq!(said["state"], "waiting", "{said}");
    world.until_worth(&click(1), "50").await;
    let record = world.until_state("1", "restated").await;
    assert_eq!(record["desired"]["corrections"][1]["status"], "counted", "{record:#}");
    world.until_drained().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retraction_that_was_throttled_leaves_no_claim_and_bars_nothing() {
    let world = accepted("1", 1, json!(100)).await;
    let throttle = Fault::Throttle { calls_per_minute: 0, answer: ThrottleAnswer::Fault117 };
    world.faults(vec![FaultRule::new(throttle).on(ADJUSTMENTS).times(1)]);
    world.queued(&refund("1-r", "1", &json!(null))).await;
    let record = until("throttled", || async {
        let record = world.record("1").await;
        if record["lastAttempt"]["code"] == 117 { Ok(record) } else { Err(record) }
    })
    .await;
    let attempt = &record["lastAttempt"];
    let told = (&attempt["kind"], &attempt["outcome"]);
    assert_eq!(told, (&json!("Retract"), &json!("refused")), "{record:#}");
    assert_eq!(record["nextAction"]["action"], "Retract", "{record:#}");
    let said = world.queued(&later(&new_value("1-n", "1", &json!(50)))).await;
    assert_eq!(said["state"], "waiting", "{said}");
    // Once the account's minute is over.
    world.until_worth(&click(1), "50").await;
    let record = world.until_state("1", "restated").await;
    assert_eq!(record["desired"]["corrections"][1]["status"], "counted", "{record:#}");
    let sent: Vec<_> = world.calls(ADJUSTMENTS);
    assert_eq!(sent.len(), 2, "{sent:#?}");
    assert!(sent[0].body.contains("Retract") && sent[1].body.contains("Restate"), "{sent:#?}");
    world.until_drained().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_of_one_second_count_in_the_order_of_their_milliseconds() {
    let world = accepted("1", 1, json!(100)).await;
    let edit = |id: &str, millis: &str, value: i64| {
        let mut event = new_value(id, "1", &json!(value));
        event["occurredAt"] = json!(time(0).replace('Z', millis));
        event
    };
    let edits = json!([edit("edit-10", ".900Z", 60), edit("edit-9", ".100Z", 80)]);
    assert_eq!(world.post(&edits).await.body["counts"]["queued"], 2);
    assert_eq!(world.record("1").await["desired"]["netValue"], 60);
    world.until_worth(&click(1), "60").await;
    world.until_drained().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_of_nothing_is_left_as_it_is() {
    let world = World::with(quick).await;
    let mut trial = purchase("1", &click(1), &json!(0));
    trial["event"] = json!("subscription_start");
    world.queued(&trial).await;
    world.until_state("1", "accepted").await;
    for correction in [new_value("1-n", "1", &json!(0)), refund("1-r", "1", &json!(0))] {
        world.queued(&correction).await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let record = world.record("1").await;
    assert_eq!(
        (&record["state"], &record["due"]),
        (&json!("accepted"), &Value::Null),
        "{record:#}"
    );
    assert!(world.calls(ADJUSTMENTS).is_empty());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_in_doubt_goes_again_with_the_net_of_then() {
    let world = accepted("1", 1, json!(100)).await;
    let lost = Fault::Status { status: 500, body: AnswerBody::Empty, after_accepting: true };
    world.faults(vec![FaultRule::new(lost).on(ADJUSTMENTS).times(1)]);
    assert_eq!(world.post(&refund("1-a", "1", &json!(30))).await.status, 202);
    let record = until("in doubt", || async {
        let record = world.record("1").await;
        if record["reason"] == "repeat_after_unknown" { Ok(record) } else { Err(record) }
    })
    .await;
    assert_eq!(record["lastAttempt"]["outcome"], "unknown");
    assert_eq!(record["microsoft"]["value"], 100, "what is known, not what is hoped");
    // Back at the first value: still not in sync, as nobody knows what stands there.
    assert_eq!(world.post(&later(&new_value("1-n", "1", &json!(100)))).await.status, 202);
    world.until_worth(&click(1), "100").await;
    world.until_drained().await;
    let conversion = world.conversion(&click(1)).await;
    assert_eq!((&conversion["state"], &conversion["adjustments"]), (&json!("restated"), &json!(2)));
    assert!(gaps(&world).iter().all(|gap| *gap >= SPACING - 1), "{:?}", gaps(&world));
    let record = world.record("1").await;
    assert_eq!(record["nextAction"]["action"], "None", "{record:#}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_of_several_originals_must_say_which() {
    let world = World::with(quick).await;
    let mut start = purchase("1", &click(1), &json!(25));
    start["event"] = json!("subscription_start");
    let sales = json!([purchase("1", &click(1), &json!(10)), start]);
    assert_eq!(world.post(&sales).await.body["counts"]["queued"], 2);
    let answer = world.post(&refund("1-r", "1", &json!(4))).await;
    assert_eq!((answer.status, &answer.body["error"]["code"]), (422, &json!("ambiguous_original")));
    let mut named = refund("1-r", "1", &json!(4));
    named["original"]["event"] = json!("subscription_start");
    assert_eq!(world.post(&named).await.status, 202);
    let both = || async { world.conversions().await };
    until("the one restated", || async {
        let conversions = both().await;
        let value = |goal: &str| {
            let found = conversions.iter().find(|conversion| conversion["goal"] == goal);
            found.map(|conversion| conversion["value"].to_string()).unwrap_or_default()
        };
        let values = (value("Purchase"), value("Subscription Start"));
        if values == ("10".to_owned(), "21".to_owned()) { Ok(()) } else { Err(values) }
    })
    .await;
    // One click, one second, two conversions: they differ in time, so that none is swallowed.
    let conversions = both().await;
    assert_ne!(conversions[0]["conversionTime"], conversions[1]["conversionTime"]);
    world.until_drained().await;
    world.stop().await;
}
