//! The answer, compared as JSON text: numbers must keep their digits.

use tracklayer_core::ledger::correction::{Change, CorrectionRefusal};
use tracklayer_core::ledger::facts::Click as ClickFact;
use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::observed::{Refusal, RefusalReason};
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::reconcile::erasure::erase;
use tracklayer_core::time::DAY;

use super::*;

pub(crate) mod rows;

use rows::{accepted, adjusted, amount, at, correction, orphan, refund, row};

const POLICY: Policy =
    Policy { settle_delay: 43_200, run_margin: 900, min_click_age: 3_600, hour: 3_600 };

fn story(partition: &Partition, now: &str) -> String {
    let found = std::slice::from_ref(partition);
    serde_json::to_string(&Story::of(found, &Accounts::new(), &POLICY, at(now))).expect("JSON")
}

fn text(row: &Row, now: &str) -> String {
    story(&Partition { rows: vec![row.clone()], ..Partition::default() }, now)
}

fn record(row: &Row, now: &str) -> serde_json::Value {
    let mut story: serde_json::Value = serde_json::from_str(&text(row, now)).expect("JSON");
    story["records"][0].take()
}

#[test]
fn a_restated_purchase() {
    let mut row = row("shop", "4711", Some("129.95"));
    row.corrections.push(refund("4711-r1", "30.00"));
    accepted(&mut row);
    adjusted(&mut row, Some("99.95"));
    let expected = concat!(
        r#"{"records":[{"eventId":"4711","source":"shop","event":"purchase","account":"main","#,
        r#""state":"restated","reason":null,"due":null,"#,
        r#""click":{"msclkid":"dd4afcccb1c9a4cad9544dd7e5006","#,
        r#""clickedAt":"2026-04-22T07:00:00Z","from":"session"},"#,
        r#""desired":{"value":129.95,"currency":"USD","netValue":99.95,"corrections":["#,
        r#"{"eventId":"4711-r1","source":"shop","occurredAt":"2026-04-25T08:05:00Z","#,
        r#""amount":30,"currency":"USD","status":"counted","reason":null}]},"#,
        r#""microsoft":{"goal":"Purchase","conversionTime":"2026-04-24T09:42:13Z","#,
        r#""value":99.95,"currency":"USD","acceptedAt":"2026-04-24T10:00:00Z","#,
        r#""trackingId":"track-1"},"attempts":2,"#,
        r#""lastAttempt":{"at":"2026-04-25T08:10:00Z","kind":"Restate","outcome":"accepted","#,
        r#""code":null,"errorCode":null,"trackingId":"track-2"},"#,
        r#""nextAction":{"action":"None","at":null}}]}"#,
    );
    assert_eq!(text(&row, "2026-04-26T00:00:00Z"), expected);
}

#[test]
fn an_attempt_that_was_refused_says_why_and_what_helps() {
    let mut row = row("shop", "4711", Some("129.95"));
    accepted(&mut row);
    adjusted(&mut row, Some("99.95"));
    let last = row.observed.last.as_mut().expect("an attempt");
    last.outcome = AttemptOutcome::Refused;
    last.code = Some(5606);
    let entry = errors::look_up(Some(5606), None).expect("a line of the table");
    let shown = record(&row, "2026-04-26T00:00:00Z");
    assert_eq!(shown["lastAttempt"]["cause"], entry.cause);
    assert_eq!(shown["lastAttempt"]["cure"], entry.cure);
    row.observed.last.as_mut().expect("an attempt").code = Some(99_999);
    assert!(record(&row, "2026-04-26T00:00:00Z")["lastAttempt"].get("cause").is_none());
}

#[test]
fn a_queued_row_goes_now_or_when_its_click_is_old_enough() {
    let row = row("shop", "1", Some("0.1"));
    let shown = record(&row, "2026-04-24T09:45:00Z");
    assert_eq!(
        (&shown["state"], &shown["microsoft"]),
        (&"queued".into(), &serde_json::Value::Null)
    );
    assert_eq!(shown["nextAction"]["action"], "Apply");
    assert_eq!(shown["nextAction"]["at"], "2026-04-24T09:45:00Z");
    let mut young = row;
    young.facts.click =
        Some(ClickFact { clicked_at: None, from: ClickOrigin::Event, reference: None });
    let shown = record(&young, "2026-04-24T09:45:00Z");
    assert_eq!(shown["click"]["clickedAt"], serde_json::Value::Null);
    assert_eq!(shown["nextAction"]["at"], "2026-04-24T10:42:13Z");
}

#[test]
fn a_correction_waits_for_its_settle_delay() {
    let mut row = row("shop", "4711", Some("129.95"));
    row.corrections.push(refund("4711-r1", "30"));
    accepted(&mut row);
    let due = at("2026-04-24T22:00:00Z");
    row.open = Some(IndexClass::Wait.entry(due, due, Some(WaitReason::SettleDelay)));
    let shown = record(&row, "2026-04-24T12:00:00Z");
    assert_eq!((&shown["state"], &shown["reason"]), (&"waiting".into(), &"settle_delay".into()));
    assert_eq!(shown["due"], "2026-04-24T22:00:00Z");
    assert_eq!(shown["microsoft"]["value"].to_string(), "129.95");
    let next = serde_json::json!({"action": "Restate", "at": "2026-04-24T22:00:00Z"});
    assert_eq!(shown["nextAction"], next);
    row.corrections.push(correction("4711-r2", Change::default()));
    assert_eq!(record(&row, "2026-04-25T12:00:00Z")["nextAction"]["action"], "Retract");
}

#[test]
fn a_row_without_click_shows_when_it_is_looked_at_again() {
    let mut row = row("shop", "4711", Some("129.95"));
    row.facts.identity.click_id = None;
    row.facts.click = None;
    let due = at("2026-04-24T10:42:13Z");
    row.open = Some(IndexClass::Look.entry(due, due, Some(WaitReason::NoClick)));
    let shown = record(&row, "2026-04-24T10:00:00Z");
    assert_eq!((&shown["reason"], &shown["click"]), (&"no_click".into(), &serde_json::Value::Null));
    let next = serde_json::json!({"action": "Apply", "at": "2026-04-24T10:42:13Z"});
    assert_eq!(shown["nextAction"], next);
}

#[test]
fn after_a_retract_nothing_stands_and_a_later_value_is_refused() {
    let mut row = row("shop", "4711", Some("129.95"));
    row.corrections.push(correction("4711-c", Change::default()));
    accepted(&mut row);
    adjusted(&mut row, None);
    let mut later = correction(
        "4711-v",
        Change {
            new_value: Some(amount("50")),
            currency: Currency::parse("USD").ok(),
            ..Change::default()
        },
    );
    later.occurred_at = at("2026-04-25T09:00:00Z").into();
    row.corrections.push(later);
    let shown = record(&row, "2026-04-26T00:00:00Z");
    assert_eq!(shown["state"], "retracted");
    assert_eq!(shown["microsoft"]["value"], serde_json::Value::Null);
    let (full, value) = (&shown["desired"]["corrections"][0], &shown["desired"]["corrections"][1]);
    assert_eq!((&full["amount"], &full["status"]), (&serde_json::Value::Null, &"counted".into()));
    assert_eq!((&value["newValue"], &value["amount"]), (&50.into(), &serde_json::Value::Null));
    assert_eq!(value["reason"], CorrectionRefusal::AfterRetraction.as_str());
    assert_eq!(shown["nextAction"]["action"], "None");
}

#[test]
fn a_net_is_shown_as_it_is_sent_with_its_digits_and_never_below_nothing() {
    let of = |refunded| {
        let mut row = row("shop", "4711", Some("999999999998.125"));
        row.corrections.push(refund("4711-r1", refunded));
        record(&row, "2026-04-24T12:00:00Z")["desired"]["netValue"].to_string()
    };
    assert_eq!(of("0.25"), "999999999997.875");
    assert_eq!(of("999999999998.25"), "0");
    assert_eq!(of("999999999998.122"), "0", "less than half a cent");
}

#[test]
fn a_goal_without_value_has_none_anywhere() {
    let mut row = row("crm", "lead-1", None);
    accepted(&mut row);
    let shown = record(&row, "2026-04-26T00:00:00Z");
    let desired = serde_json::json!(
        {"value": null, "currency": null, "netValue": null, "corrections": []});
    assert_eq!((&shown["state"], &shown["desired"]), (&"accepted".into(), &desired));
    assert_eq!(shown["microsoft"]["value"], serde_json::Value::Null);
    assert_eq!(shown["microsoft"]["currency"], serde_json::Value::Null);
}

#[test]
fn an_attempt_that_is_under_way_is_queued_and_repeated_if_it_gets_no_answer() {
    let mut row = row("shop", "4711", Some("129.95"));
    let due = at("2026-04-24T12:00:00Z");
    row.open = Some(IndexClass::Look.entry(due, due, Some(WaitReason::NoClick)));
    row.observed.applying = Some(at("2026-04-24T11:00:00Z"));
    let shown = record(&row, "2026-04-24T11:00:05Z");
    let null = serde_json::Value::Null;
    assert_eq!(
        (&shown["state"], &shown["reason"], &shown["due"]),
        (&"queued".into(), &null, &null)
    );
    let next = serde_json::json!({"action": "Apply", "at": "2026-04-24T11:10:00Z"});
    assert_eq!(shown["nextAction"], next);
    let later = record(&row, "2026-04-24T11:30:00Z");
    assert_eq!(later["nextAction"]["at"], "2026-04-24T11:30:00Z");
}

#[test]
fn of_an_erased_row_the_corrections_say_which_were_sent() {
    let mut row = row("shop", "4711", Some("129.95"));
    row.corrections.push(refund("4711-r1", "30.00"));
    accepted(&mut row);
    adjusted(&mut row, Some("99.95"));
    row.corrections.push(refund("4711-r2", "10"));
    row = erase(&row, at("2026-04-26T00:00:00Z")).expect("erased");
    let shown = record(&row, "2026-04-26T00:00:00Z");
    let null = serde_json::Value::Null;
    assert_eq!((&shown["state"], &shown["reason"]), (&"refused".into(), &"identity_erased".into()));
    assert_eq!((&shown["click"], &shown["due"]), (&null, &null));
    let corrections = &shown["desired"]["corrections"];
    assert_eq!(corrections[0]["status"], "counted");
    let second = (&corrections[1]["status"], &corrections[1]["reason"]);
    assert_eq!(second, (&"refused".into(), &"identity_erased".into()));
    assert_eq!(shown["desired"]["netValue"].to_string(), "89.95");
    assert_eq!(shown["microsoft"]["value"].to_string(), "99.95");
    assert_eq!(shown["nextAction"], serde_json::json!({"action": "None", "at": null}));
}

#[test]
fn an_orphan_waits_for_its_original_until_nobody_looks_any_more() {
    let mut orphan = orphan("shop", "4711", vec![refund("4711-r1", "30")]);
    let text = |orphan: &Orphan, now| {
        story(&Partition { orphan: Some(orphan.clone()), ..Partition::default() }, now)
    };
    let expected = concat!(
        r#"{"records":[{"eventId":"4711","source":"shop","event":null,"account":null,"#,
        r#""state":"waiting","reason":"original_missing","due":"2026-04-28T08:06:00Z","#,
        r#""click":null,"desired":{"value":null,"currency":null,"netValue":null,"corrections":["#,
        r#"{"eventId":"4711-r1","source":"shop","occurredAt":"2026-04-25T08:05:00Z","#,
        r#""amount":30,"currency":"USD","status":"counted","reason":null}]},"#,
        r#""microsoft":null,"attempts":0,"lastAttempt":null,"#,
        r#""nextAction":{"action":"None","at":null}}]}"#,
    );
    assert_eq!(text(&orphan, "2026-04-25T08:06:00Z"), expected);
    orphan.open = None;
    orphan.account = "main".parse().ok();
    let ended: serde_json::Value =
        serde_json::from_str(&text(&orphan, "2026-05-10T00:00:00Z")).expect("JSON");
    let record = &ended["records"][0];
    let null = serde_json::Value::Null;
    let never = serde_json::Value::from("original_never_came");
    let state = (&record["state"], &record["reason"], &record["due"], &record["account"]);
    assert_eq!(state, (&"refused".into(), &never, &null, &"main".into()));
    let correction = &record["desired"]["corrections"][0];
    assert_eq!((&correction["status"], &correction["reason"]), (&"refused".into(), &never));
}

#[test]
fn refused_and_dead_rows_wait_for_a_person() {
    let since = at("2026-04-24T10:00:00Z");
    let mut refused = row("shop", "4711", Some("1"));
    refused.observed.refusal = Some(Refusal {
        at: since,
        reason: RefusalReason::Microsoft {
            code: Some(5_011),
            symbol: Some("InvalidGoalName".to_owned()),
        },
    });
    refused.open = Some(IndexClass::Refused.entry(since, since, None));
    let mut dead = row("shop", "4712", Some("1"));
    dead.observed.dead_at = Some(since);
    dead.open = Some(IndexClass::Dead.entry(since, since, None));
    for (row, state) in [(&refused, "refused"), (&dead, "dead")] {
        let shown = record(row, "2026-04-24T12:00:00Z");
        assert_eq!((&shown["state"], &shown["due"]), (&state.into(), &serde_json::Value::Null));
        assert_eq!(shown["nextAction"], serde_json::json!({"action": "None", "at": null}));
    }
    let reason = &record(&refused, "2026-04-24T12:00:00Z")["reason"];
    assert_eq!(reason, "microsoft 5011 InvalidGoalName");
}

#[test]
fn a_held_row_goes_when_it_is_looked_at_again_and_an_expired_one_never() {
    let mut row = row("shop", "4711", Some("1"));
    let due = at("2026-04-24T13:00:00Z");
    let class = IndexClass::Held("main".to_owned());
    row.open = Some(class.entry(due, due, Some(WaitReason::AccountHeld)));
    let shown = record(&row, "2026-04-24T12:00:00Z");
    assert_eq!(shown["nextAction"]["at"], "2026-04-24T13:00:00Z");
    let late = due.plus_seconds(91 * DAY).to_string();
    assert_eq!(record(&row, &late)["nextAction"]["action"], "None");
}

#[test]
fn hashes_and_fingerprints_are_never_shown() {
    let mut row = row("shop", "4711", Some("1"));
    row.facts.identity.email = serde_json::from_str(&format!("\"{}\"", "ab".repeat(32))).ok();
    let text = text(&row, "2026-04-24T12:00:00Z");
    assert!(!text.contains("abab") && !text.contains("fingerprint"));
}

#[test]
fn a_row_that_is_kept_tells_what_the_check_found_and_no_other_does() {
    let finding = |goal: Option<&str>, gravity| GoalFinding {
        goal: goal.map(str::to_owned),
        gravity,
        problem: "p".to_owned(),
        cure: "c".to_owned(),
    };
    let item = AccountItem {
        failing_for: Some(finding(None, Gravity::Holds)),
        findings: vec![
            finding(Some("Purchase"), Gravity::Warns),
            finding(Some("Purchase"), Gravity::Holds),
            finding(Some("Lead"), Gravity::Holds),
        ],
        ..AccountItem::default()
    };
    let accounts = Accounts::from([("main".parse().expect("a name"), item)]);
    let goals = |row: &Row| -> Vec<Option<String>> {
        findings(row, &accounts).into_iter().map(|finding| finding.goal.clone()).collect()
    };
    let mut row = row("shop", "4711", None);
    assert_eq!(goals(&row), [None], "queued: it comes back from each try");
    let due = at("2026-04-25T00:00:00Z");
    let mut waiting = |reason| {
        row.open = Some(IndexClass::Wait.entry(due, due, Some(reason)));
        goals(&row)
    };
    assert_eq!(waiting(WaitReason::GoalHeld), [None, Some("Purchase".to_owned())]);
    assert_eq!(waiting(WaitReason::AccountHeld), [None]);
    assert!(waiting(WaitReason::SettleDelay).is_empty());
}
