//! What is told of an event, and to whom.

use reqwest::Method;
use serde_json::{Value, json};
use test_support::events::{MSCLKID, click, purchase, refund, time, with};
use test_support::rig::api::EVENTS;
use test_support::rig::{KEY, World};

/// A time in the form of the API: whole seconds, UTC.
fn is_time(value: &Value) -> bool {
    let shape = |c: char| if c.is_ascii_digit() { '0' } else { c };
    value.as_str().is_some_and(|text| text.chars().map(shape).eq("0000-00-00T00:00:00Z".chars()))
}

/// Takes out what differs from run to run, having looked at its form.
fn take(record: &mut Value, path: &str) -> Value {
    record.pointer_mut(path).unwrap_or_else(|| panic!("no {path}")).take()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_tells_its_whole_story_from_acceptance_to_restatement() {
    let world = World::with(|options| options.settle_delay = 4).await;
    let (clicked, sold, returned) = (time(-600), time(-60), time(-1));
    let landing = json!({"msclkid": MSCLKID, "sessionId": "s-1", "landedAt": clicked});
    assert_eq!(world.capture(&landing).await.status, 204);
    let sale = json!({"event": "purchase", "eventId": "4711", "source": "shop",
        "occurredAt": sold, "value": 129.95, "currency": "USD", "sessionId": "s-1",
        "email": "jane@x.example"});
    world.queued(&sale).await;
    let mut record = world.until_state("4711", "accepted").await;
    assert!(is_time(&record["lastAttempt"]["at"]) && is_time(&record["microsoft"]["acceptedAt"]));
    assert!(record["microsoft"]["trackingId"].as_str().is_some_and(|id| !id.is_empty()));
    let tracked = take(&mut record, "/microsoft/trackingId");
    assert_eq!(take(&mut record, "/lastAttempt/trackingId"), tracked);
    let accepted_at = take(&mut record, "/microsoft/acceptedAt");
    take(&mut record, "/lastAttempt/at");
    let mut expected = json!({
        "eventId": "4711", "source": "shop", "event": "purchase", "account": "main",
        "state": "accepted", "reason": null, "due": null,
        "click": {"msclkid": MSCLKID, "clickedAt": clicked, "from": "session"},
        "desired": {"value": 129.95, "currency": "USD", "netValue": 129.95, "corrections": []},
        "microsoft": {"goal": "Purchase", "conversionTime": sold, "value": 129.95,
            "currency": "USD", "acceptedAt": null, "trackingId": null},
        "attempts": 1,
        "lastAttempt": {"at": null, "kind": "Apply", "outcome": "accepted", "code": null,
            "errorCode": null, "trackingId": null},
        "nextAction": {"action": "None", "at": null},
    });
    assert_eq!(record, expected);

    let back = with(&refund("4711-r1", "4711", &json!(30)), &json!({"occurredAt": returned}));
    let said = world.queued(&back).await;
    assert_eq!((&said["state"], &said["reason"]), (&json!("waiting"), &json!("settle_delay")));
    let waiting = world.record("4711").await;
    assert_eq!(
        (&waiting["state"], &waiting["reason"]),
        (&json!("waiting"), &json!("settle_delay"))
    );
    assert!(
        is_time(&waiting["due"]) && waiting["due"].as_str() > accepted_at.as_str(),
        "{waiting:#}"
    );
    assert_eq!(waiting["nextAction"], json!({"action": "Restate", "at": waiting["due"]}));
    assert_eq!(waiting["desired"]["netValue"], 99.95);
    assert_eq!(waiting["microsoft"]["value"], 129.95);

    let mut record = world.until_state("4711", "restated").await;
    let own = world.status(KEY, "shop/4711-r1").await;
    assert_eq!((own.status, &own.body), (200, &json!({"records": [record]})));
    for path in ["/microsoft/acceptedAt", "/lastAttempt/at"] {
        assert!(is_time(&take(&mut record, path)), "{path}");
    }
    for path in ["/microsoft/trackingId", "/lastAttempt/trackingId"] {
        assert!(take(&mut record, path).is_string(), "{path}");
    }
    let changes = json!({"state": "restated", "attempts": 2});
    expected = with(&expected, &changes);
    expected["desired"]["netValue"] = json!(99.95);
    expected["desired"]["corrections"] = json!([{"eventId": "4711-r1", "source": "shop",
        "occurredAt": returned, "amount": 30, "currency": "USD", "status": "counted",
        "reason": null}]);
    expected["microsoft"]["value"] = json!(99.95);
    expected["lastAttempt"]["kind"] = json!("Restate");
    assert_eq!(record, expected);

    world.queued(&refund("4711-r2", "4711", &json!(null))).await;
    let record = world.until_state("4711", "retracted").await;
    assert_eq!(record["microsoft"]["value"], json!(null));
    assert_eq!(record["lastAttempt"]["kind"], "Retract");
    assert_eq!(record["desired"]["netValue"], 0);
    assert_eq!(record["nextAction"], json!({"action": "None", "at": null}));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_id_an_event_can_have_can_be_asked_for() {
    let world = World::with(|options| options.hour = 600).await;
    let ids = ["2026/04/4711", "a:b+c~d!$&()*,;=e", "[x]{y}|<z>^`", "-", "%2F"];
    for (n, id) in (1..).zip(&ids[..4]) {
        world.queued(&purchase(id, &click(n), &json!(n))).await;
        let escaped: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for path in [(*id).to_owned(), escaped] {
            let answer = world.status(KEY, &format!("shop/{path}")).await;
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(answer.body["records"][0]["eventId"], *id, "{path}");
            assert_eq!(answer.body["records"].as_array().map(Vec::len), Some(1));
        }
    }
    // One record per event name.
    let phone = json!({"event": "phone_sale", "msclkid": null, "leadId": "l"});
    world.queued(&with(&purchase("2026/04/4711", "", &json!(5)), &phone)).await;
    let answer = world.status(KEY, "shop/2026/04/4711").await;
    let records = answer.body["records"].as_array().unwrap();
    let mut events: Vec<_> =
        records.iter().map(|record| record["event"].as_str().unwrap()).collect();
    events.sort_unstable();
    assert_eq!(events, ["phone_sale", "purchase"]);
    let waiting = records.iter().find(|record| record["event"] == "phone_sale").unwrap();
    assert_eq!((&waiting["state"], &waiting["reason"]), (&json!("waiting"), &json!("no_click")));
    assert_eq!((&waiting["click"], &waiting["microsoft"]), (&json!(null), &json!(null)));
    assert_eq!((&waiting["attempts"], &waiting["lastAttempt"]), (&json!(0), &json!(null)));
    assert_eq!(waiting["nextAction"], json!({"action": "Apply", "at": waiting["due"]}));

    // A refund whose original is not there yet, under both ids.
    world.queued(&refund("early/r", "early", &json!(3))).await;
    let orphan = world.record("early").await;
    assert!(is_time(&orphan["due"]), "{orphan:#}");
    let due = orphan["due"].clone();
    let correction = &orphan["desired"]["corrections"][0];
    assert_eq!(
        (&correction["eventId"], &correction["status"]),
        (&json!("early/r"), &json!("counted"))
    );
    assert_eq!(
        with(&orphan, &json!({"desired": null})),
        json!({"eventId": "early", "source": "shop", "event": null, "account": "main",
            "state": "waiting", "reason": "original_missing", "due": due, "click": null,
            "microsoft": null, "attempts": 0, "lastAttempt": null,
            "nextAction": {"action": "None", "at": null}})
    );
    assert_eq!(orphan["desired"]["value"], json!(null));
    assert_eq!(world.status(KEY, "shop/early/r").await.body["records"], json!([orphan]));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_shown_to_keys_that_may_read_its_source() {
    let world = World::with(|options| options.hour = 600).await;
    world.add_keys().await;
    world.queued(&purchase("1", &click(1), &json!(1))).await;
    world.queued(&with(&purchase("1", &click(2), &json!(1)), &json!({"source": "crm"}))).await;
    // A correction by the shop of a conversion that is not its own.
    let of_crm = json!({"original": {"eventId": "1", "source": "crm"}});
    world.queued(&with(&refund("2", "1", &json!(1)), &of_crm)).await;
    for (key, of, status, code) in [
        (KEY, "shop/1", 200, "none"),
        ("read-key", "crm/1", 200, "none"),
        ("shop-key", "shop/1", 200, "none"),
        ("shop-key", "crm/1", 403, "forbidden"),
        ("shop-key", "crm/unknown", 403, "forbidden"),
        ("shop-key", "shop/2", 403, "forbidden"),
        ("read-key", "shop/2", 200, "none"),
        ("write-key", "shop/1", 403, "forbidden"),
        ("nobody", "shop/1", 401, "unauthorized"),
        ("", "shop/1", 401, "unauthorized"),
        (KEY, "shop/unknown", 404, "not_found"),
        (KEY, "shop/1/", 404, "not_found"),
        (KEY, "elsewhere/1", 404, "not_found"),
        (KEY, "shop/jane@x.example", 404, "not_found"),
        (KEY, "no%20source/1", 404, "not_found"),
    ] {
        let answer = world.status(key, of).await;
        assert_eq!(answer.problem(), (status, code, None), "{key} {of}");
        if status != 200 {
            assert!(answer.body["error"]["message"].is_string(), "{of}");
            assert!(!answer.body.to_string().contains("jane"), "{of}");
        }
    }
    let answer = world.request(Method::GET, &format!("{EVENTS}/shop/1"), &[], "").await;
    assert_eq!(answer.problem(), (401, "unauthorized", None));
    for (method, path) in [(Method::POST, "/shop/1"), (Method::GET, "/shop"), (Method::GET, "")] {
        let answer = world.request(method, &format!("{EVENTS}{path}"), &[], "").await;
        assert_eq!(
            (answer.status, &answer.body),
            (404, &json!({"message": "Not Found"})),
            "{path}"
        );
    }
    world.stop().await;
}

/// After a roll-back, rows of a newer version have words that this one doesn't know.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_with_a_word_of_a_newer_version_costs_its_array_nothing() {
    let world = World::start().await;
    let waiting = with(&purchase("1", "", &json!(10)), &json!({"msclkid": null, "sessionId": "s"}));
    assert_eq!(world.queued(&waiting).await["reason"], "no_click");
    world.until_drained().await;
    let mut row = world.items_with("Conversions", "event shop 1").await.remove(0);
    row["reason"] = json!({"S": "moon_phase"});
    row["open"] = json!({"S": "moon#3"});
    row["microsoft"]["M"]["refusal"] =
        json!({"M": {"at": row["recordedAt"], "reason": {"S": "too_few_stars"}}});
    let put = json!({"TableName": "Conversions", "Item": row});
    world.aws("DynamoDB_20120810.PutItem", put).await;

    let answer = world.post(&json!([waiting, purchase("2", &click(2), &json!(20))])).await;
    assert_eq!(
        (answer.status, &answer.body["counts"]),
        (200, &json!({"duplicate": 1, "queued": 1}))
    );
    let record = world.record("1").await;
    assert_eq!((&record["state"], &record["reason"]), (&json!("refused"), &json!("other")));
    world.until_state("2", "accepted").await;
    world.stop().await;
}
