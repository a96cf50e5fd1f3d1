//! A person is erased: clicks, ties and identities go, the money stays, and Microsoft has what it has.

mod audit;

use std::time::Duration;

use microsoft_simulator::{Fault, FaultRule};
use serde_json::{Value, json};
use test_support::events::{click, purchase, refund, time, with};
use test_support::rig::api::ERASURES;
use test_support::rig::operator::{ADJUSTMENTS, CONVERSIONS, quick};
use test_support::rig::{Answer, KEY, World, until};

/// SHA-256 of `janedoe@example.org`.
const JANE: &str = "ebc4e4fa571d149a9f15b4a0dcaaaa91085ed91311072c967ba2cc18ee7798bd";
const EMAIL: &str = "Jane.Doe@Example.org";

/// A sale without click id, found by these members.
fn sale(id: &str, found_by: Value) -> Value {
    with(&with(&purchase(id, "", &json!(10)), &json!({"msclkid": null})), &found_by)
}

/// One that waits: it lies a little ahead.
fn later(id: &str, found_by: Value) -> Value {
    with(&sale(id, found_by), &json!({"occurredAt": time(240)}))
}

async fn land(world: &World, body: Value) {
    assert_eq!(world.capture(&body).await.status, 204, "{body}");
}

async fn erased(world: &World, body: Value) -> Value {
    let answer = world.erase(KEY, body.to_string()).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.body
}

/// Asks until the audit is through.
async fn done(world: &World, key: &str, body: Value) -> Value {
    until("erased", || async {
        let answer = world.erase(key, body.to_string()).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        match answer.body["pending"] == false {
            true => Ok(answer.body),
            false => Err(answer.body),
        }
    })
    .await
}

fn said(record: &Value) -> (&Value, &Value, &Value) {
    (&record["state"], &record["reason"], &record["click"])
}

async fn is_refused(world: &World, id: &str, reason: &str) {
    let record = world.record(id).await;
    let expected = (&json!("refused"), &json!(reason), &Value::Null);
    assert_eq!(said(&record), expected, "{record:#}");
    assert_eq!((&record["nextAction"]["action"], &record["due"]), (&json!("None"), &Value::Null));
}

/// The rows of the ledger that hold this text; not the erasure itself, which names the person.
async fn rows_with(world: &World, text: &str) -> Vec<Value> {
    let mut items = world.items_with("Conversions", text).await;
    items.retain(|item| item["pk"]["S"] != "erasure");
    items
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_the_money_stays_and_what_microsoft_has_is_told() {
    let world = World::with(quick).await;
    let msclkid = click(1);
    land(&world, json!({"msclkid": msclkid, "sessionId": "s", "landedAt": time(-60)})).await;
    land(&world, json!({"orderId": "o", "sessionId": "s"})).await;
    land(&world, json!({"msclkid": click(2), "sessionId": "other", "landedAt": time(-60)})).await;
    let sold = sale("sold", json!({"sessionId": "s"}));
    for event in [
        &sold,
        &sale("tied", json!({"orderId": "o", "consent": "granted", "occurredAt": time(-3)})),
        &later("waits", json!({"sessionId": "s", "leadId": "l"})),
        &sale("others", json!({"sessionId": "other"})),
    ] {
        world.queued(event).await;
    }
    for id in ["sold", "tied", "others"] {
        world.until_state(id, "accepted").await;
    }
    let record = world.record("waits").await;
    assert_eq!(
        (&record["reason"], &record["click"]["msclkid"]),
        (&json!("time_in_future"), &json!(msclkid))
    );

    let answer = erased(&world, json!({"sessionId": "s"})).await;
    let first =
        json!({"removed": {"clicks": 1, "ties": 0, "rows": 0}, "pending": true, "microsoft": []});
    assert_eq!(answer, first, "rows are the audit's");
    let answer = done(&world, KEY, json!({"sessionId": "s"})).await;
    assert_eq!(answer["removed"], json!({"clicks": 1, "ties": 1, "rows": 3}));
    let held = answer["microsoft"].as_array().expect("a list");
    let names: Vec<&Value> = held.iter().map(|held| &held["eventId"]).collect();
    assert_eq!(names, ["sold", "tied"]);
    let record = world.record("sold").await;
    let time_of = &record["microsoft"]["conversionTime"];
    assert_eq!(
        held[0],
        json!({"eventId": "sold", "source": "shop", "event": "purchase", "goal": "Purchase",
               "conversionTime": time_of, "value": 10, "currency": "USD", "state": "accepted"})
    );

    assert_eq!(said(&record), (&json!("accepted"), &Value::Null, &Value::Null));
    assert_eq!(record["microsoft"]["value"], json!(10));
    is_refused(&world, "waits", "identity_erased").await;
    assert_eq!(world.record("others").await["click"]["msclkid"], json!(click(2)));
    for gone in [msclkid.as_str(), "\"s\"", "\"o\"", "\"l\""] {
        assert_eq!(rows_with(&world, gone).await, Vec::<Value>::new(), "{gone}");
    }
    assert_eq!(world.items_with("Clicks", &msclkid).await, Vec::<Value>::new());
    assert_eq!(world.items("Clicks").await.len(), 1, "another session's click stays");

    // Sent again, redelivered, corrected: nothing more is sent, and it shows.
    assert_eq!(world.post(&sold).await.body["status"], "duplicate");
    let calls = world.calls(CONVERSIONS).len();
    world.send_signals("waits", "purchase", 2).await;
    let back = world.queued(&refund("sold-r", "sold", &json!(3))).await;
    assert_eq!((&back["state"], &back["reason"]), (&json!("refused"), &json!("identity_erased")));
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.until_drained().await;
    assert_eq!((world.calls(CONVERSIONS).len(), world.calls(ADJUSTMENTS).len()), (calls, 0));
    assert_eq!(world.messages("uploads-dlq").await, 0);
    let record = world.record("sold").await;
    let correction = &record["desired"]["corrections"][0];
    assert_eq!(
        (&correction["status"], &correction["reason"]),
        (&json!("refused"), &json!("identity_erased"))
    );
    assert_eq!((&record["state"], &record["microsoft"]["value"]), (&json!("refused"), &json!(10)));
    assert_eq!(record["desired"]["netValue"], json!(7), "the money is right");

    // Asked again, the story is the same.
    assert_eq!(erased(&world, json!({"sessionId": "s"})).await, answer);
    world.stop().await;
}

/// What was removed: clicks, ties, rows. Where request and audit meet at a click or tie, both count it.
fn has_removed(answer: &Value, expected: [u64; 3]) {
    let removed = ["clicks", "ties", "rows"].map(|what| answer["removed"][what].as_u64());
    for (removed, expected) in removed.into_iter().flatten().zip(expected).take(2) {
        assert!(removed.div_ceil(2) <= expected && removed >= expected, "{answer}");
    }
    assert_eq!(removed[2], Some(expected[2]), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_erased_by_lead_cart_order_or_hash_with_the_clicks_that_lead_to_it() {
    let world = World::with(|options| options.hour = 600).await;
    let mut number = 10;
    for (member, value) in [("leadId", "l"), ("cartId", "c"), ("orderId", "o")] {
        number += 1;
        let session = format!("s-{value}");
        land(&world, json!({"msclkid": click(number), "sessionId": session, member: value, "landedAt": time(-60)})).await;
        world.queued(&later(value, json!({member: value, "email": EMAIL}))).await;
        assert_eq!(world.record(value).await["click"]["msclkid"], json!(click(number)));
        let answer = done(&world, KEY, json!({member: value})).await;
        has_removed(&answer, [1, 1, 1]);
        assert_eq!(answer["microsoft"], json!([]), "{member}");
        is_refused(&world, value, "identity_erased").await;
    }
    land(&world, json!({"msclkid": click(20), "sessionId": "s", "landedAt": time(-60)})).await;
    world
        .queued(&later(
            "mail",
            json!({"sessionId": "s", "email": EMAIL, "phone": "+4915112345678"}),
        ))
        .await;
    world.queued(&later("bob", json!({"email": "bob@example.org"}))).await;
    let answer = done(&world, KEY, json!({"hashedEmail": JANE.to_uppercase()})).await;
    has_removed(&answer, [1, 0, 1]);
    is_refused(&world, "mail", "identity_erased").await;
    assert_eq!(world.record("bob").await["state"], "waiting");
    assert_eq!(rows_with(&world, JANE).await, Vec::<Value>::new());
    assert_eq!(world.items("Clicks").await, Vec::<Value>::new());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_leads_to_its_visitor_and_a_session_to_its_cookie() {
    let world = World::with(quick).await;
    let msclkid = click(1);
    land(
        &world,
        json!({"msclkid": msclkid, "sessionId": "sK", "leadId": "leadK", "landedAt": time(-60)}),
    )
    .await;
    world.queued(&sale("bought", json!({"sessionId": "sK", "email": EMAIL}))).await;
    world.queued(&later("others", json!({"sessionId": "s", "email": EMAIL}))).await;
    world.until_state("bought", "accepted").await;
    let answer = done(&world, KEY, json!({"leadId": "leadK"})).await;
    assert_eq!(answer["removed"], json!({"clicks": 1, "ties": 1, "rows": 1}));
    let held = &answer["microsoft"];
    assert_eq!((&held[0]["eventId"], &held[1]), (&json!("bought"), &Value::Null));
    for gone in [msclkid.as_str(), "\"sK\""] {
        assert_eq!(rows_with(&world, gone).await, Vec::<Value>::new(), "{gone}");
    }
    assert_eq!(rows_with(&world, JANE).await.len(), 1, "of the one that nothing leads to");
    assert_eq!(erased(&world, json!({"leadId": "leadK"})).await, answer, "told again");

    let json_type = ("content-type", "application/json");
    let first = json!({"msclkid": click(2), "landedAt": time(-50)}).to_string();
    let answer = world.landing(&[json_type], first).await;
    let cookie =
        answer.headers["set-cookie"].to_str().expect("text").split(';').next().expect("a pair");
    let then = json!({"msclkid": click(3), "sessionId": "s", "landedAt": time(-40)}).to_string();
    world.landing(&[json_type, ("cookie", cookie)], then).await;
    let tie = json!({"orderId": "o-cookie"}).to_string();
    world.landing(&[json_type, ("cookie", cookie)], tie).await;
    world.queued(&later("by-cookie", json!({"orderId": "o-cookie"}))).await;
    assert_eq!(world.record("by-cookie").await["click"]["msclkid"], json!(click(2)));
    land(&world, json!({"msclkid": click(4), "landedAt": time(-30)})).await;
    let answer = done(&world, KEY, json!({"sessionId": "s"})).await;
    assert_eq!(answer["removed"], json!({"clicks": 2, "ties": 1, "rows": 2}));
    is_refused(&world, "by-cookie", "identity_erased").await;
    assert_eq!(world.items("Clicks").await.len(), 1, "of another browser");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_with_too_many_cookies_says_so() {
    let world = World::with(|options| options.hour = 600).await;
    for number in 1..=26 {
        land(&world, json!({"msclkid": click(number), "sessionId": "s"})).await;
    }
    let answer = erased(&world, json!({"sessionId": "s"})).await;
    assert_eq!((&answer["removed"]["clicks"], &answer["cookiesLeft"]), (&json!(26), &json!(1)));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_without_answer_is_not_repeated_and_is_told() {
    // The audit comes before the next attempt, which would end the row by itself.
    let world = World::quick(|options| options.retry_base = Duration::from_secs(10)).await;
    let lost = Fault::Status { status: 503, body: Default::default(), after_accepting: true };
    world.faults(vec![FaultRule::new(lost).on(CONVERSIONS)]);
    land(&world, json!({"msclkid": click(1), "sessionId": "s", "landedAt": time(-60)})).await;
    world.queued(&sale("doubt", json!({"sessionId": "s"}))).await;
    until("unknown", || async {
        let record = world.record("doubt").await;
        if record["lastAttempt"]["outcome"] == "unknown" { Ok(()) } else { Err(record) }
    })
    .await;
    let answer = done(&world, KEY, json!({"sessionId": "s"})).await;
    assert_eq!(answer["microsoft"][0]["state"], "unknown");
    world.faults(Vec::new());
    world.until_drained().await;
    is_refused(&world, "doubt", "may_already_count").await;
    assert_eq!(world.conversions().await.len(), 1, "Microsoft has it once");
    assert_eq!(world.messages("uploads-dlq").await, 0);
    world.stop().await;
}

/// Upload finds the click gone and ends the row by itself, which then names nobody.
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_without_answer_is_told_though_its_row_ends_before_the_audit() {
    let world = World::quick(|options| {
        options.retry_base = Duration::from_secs(10);
        options.sweep_every = Duration::from_secs(1_000);
    })
    .await;
    let lost = Fault::Status { status: 503, body: Default::default(), after_accepting: true };
    world.faults(vec![FaultRule::new(lost).on(CONVERSIONS)]);
    land(&world, json!({"msclkid": click(1), "sessionId": "s", "landedAt": time(-60)})).await;
    world.queued(&sale("doubt", json!({"sessionId": "s"}))).await;
    until("unknown", || async {
        let record = world.record("doubt").await;
        if record["lastAttempt"]["outcome"] == "unknown" { Ok(()) } else { Err(record) }
    })
    .await;
    assert_eq!(erased(&world, json!({"sessionId": "s"})).await["pending"], true);
    world.until_drained().await;
    is_refused(&world, "doubt", "may_already_count").await;
    world.stack.invoke("sweep", &json!({})).await.expect("an audit");
    let answer = done(&world, KEY, json!({"sessionId": "s"})).await;
    assert_eq!(answer["removed"]["rows"], 1, "{answer}");
    assert_eq!(answer["microsoft"][0]["state"], "unknown", "{answer}");
    assert_eq!(answer["microsoft"][0]["eventId"], "doubt");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_not_told_while_a_correction_has_no_answer() {
    let world = World::with(quick).await;
    land(&world, json!({"msclkid": click(1), "sessionId": "s", "landedAt": time(-60)})).await;
    world.queued(&sale("doubt", json!({"sessionId": "s"}))).await;
    world.until_state("doubt", "accepted").await;
    let lost = Fault::Status { status: 503, body: Default::default(), after_accepting: true };
    world.faults(vec![FaultRule::new(lost).on(ADJUSTMENTS)]);
    world.queued(&refund("r", "doubt", &json!(3))).await;
    until("unknown", || async {
        let record = world.record("doubt").await;
        if record["lastAttempt"]["outcome"] == "unknown" { Ok(()) } else { Err(record) }
    })
    .await;
    let answer = done(&world, KEY, json!({"sessionId": "s"})).await;
    let held = &answer["microsoft"][0];
    let told = (&held["state"], &held["value"], &held["currency"]);
    assert_eq!(told, (&json!("unknown"), &Value::Null, &Value::Null), "{held:#}");
    is_refused(&world, "doubt", "may_already_count").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_key_with_the_right_erases_and_only_where_it_may_speak() {
    let world = World::with(|options| options.hour = 600).await;
    world.add_keys().await;
    let landed =
        json!({"msclkid": click(1), "sessionId": "s", "leadId": "l", "landedAt": time(-60)});
    land(&world, landed).await;
    for (source, id, by) in [
        ("shop", "of-shop", json!({"leadId": "l"})),
        ("crm", "of-crm", json!({"leadId": "l"})),
        ("crm", "of-session", json!({"sessionId": "s"})),
    ] {
        let by = with(&by, &json!({"source": source, "email": EMAIL}));
        world.queued(&later(id, by)).await;
    }
    let good = json!({"leadId": "l"}).to_string();
    let problem = |answer: Answer| {
        let (status, code, field) = answer.problem();
        (status, code.to_owned(), field.map(str::to_owned))
    };
    let told = |status, code: &str, field: Option<&str>| {
        (status, code.to_owned(), field.map(str::to_owned))
    };
    for key in ["read-key", "write-key", "shop-key"] {
        assert_eq!(problem(world.erase(key, &*good).await), told(403, "forbidden", None), "{key}");
    }
    assert_eq!(problem(world.erase("nobody", &*good).await), told(401, "unauthorized", None));
    let long = json!({"leadId": "l", "pad": "x".repeat(9_000)}).to_string();
    for (body, code, expected, field) in [
        ("{", 400, "invalid_json", None),
        ("[]", 400, "invalid_json", None),
        (&*long, 413, "body_too_large", None),
        ("{}", 422, "missing_field", Some("sessionId")),
        (r#"{"orderId":5}"#, 422, "wrong_type", Some("orderId")),
        (r#"{"leadId":"jane@x.example"}"#, 422, "invalid_id", Some("leadId")),
        (r#"{"hashedEmail":"jane@x.example"}"#, 422, "invalid_value", Some("hashedEmail")),
    ] {
        let answer = world.erase(KEY, body).await;
        assert!(!answer.body.to_string().contains("jane"), "{answer:?}");
        assert_eq!(problem(answer), told(code, expected, field), "{body:.40}");
    }
    let headers = [("content-type", "text/plain"), ("authorization", "Bearer local-key")];
    let answer = world.request(reqwest::Method::POST, ERASURES, &headers, good.clone()).await;
    assert_eq!(problem(answer), told(415, "unsupported_media_type", None));
    assert_eq!(world.items_with("Conversions", "\"erasure\"").await, Vec::<Value>::new());

    let of_crm = || async {
        let mut rows = rows_with(&world, "event crm").await;
        rows.retain(|row| row["pk"]["S"].as_str().is_some_and(|pk| pk.starts_with("event crm ")));
        rows
    };
    let before = of_crm().await;
    assert_eq!(before.len(), 2);
    let answer = done(&world, "erase-shop-key", json!({"leadId": "l"})).await;
    assert_eq!(answer["removed"], json!({"clicks": 1, "ties": 1, "rows": 1}));
    is_refused(&world, "of-shop", "identity_erased").await;
    assert_eq!(of_crm().await, before, "rows of others stay as they are");
    let all = done(&world, KEY, json!({"leadId": "l"})).await;
    assert_eq!(all["removed"], json!({"clicks": 0, "ties": 0, "rows": 1}));
    world.stop().await;
}
