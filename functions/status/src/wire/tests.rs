//! The answer, compared as JSON text: numbers must keep their digits.

use test_support::rows::{
    POLICY, amount, correction as correction_at, facts, id, key_of, refund as refund_at, row_of,
    time as at, usd,
};
use tracklayer_core::{
    ledger::{
        correction::{Change, CorrectionRefusal},
        facts::{Click as ClickFact, Facts, References},
        index::{IndexClass, Open},
        observed::{
            Acceptance, Adjusted, Attempt, Claim, Destination, Environment, Refusal, RefusalReason,
        },
        row::RowKey,
        wait::WaitReason,
    },
    person::identity::Identity,
    time::DAY,
};

use super::*;

/// A row with a click and this value, not sent yet.
pub fn row(source: &str, event_id: &str, value: Option<&str>) -> Row {
    let click_id = ClickId::parse("dd4afcccb1c9a4cad9544dd7e5006").expect("an id");
    let clicked_at = Some(at("2026-04-22T07:00:00Z"));
    let facts = Facts {
        fingerprint: "secret-fingerprint".to_owned(),
        money: value.map(usd),
        identity: Identity { click_id: Some(click_id), ..Identity::default() },
        click: Some(ClickFact { clicked_at, from: ClickOrigin::Session, reference: None }),
        references: References::default(),
        ..facts()
    };
    Row { key: RowKey { source: id(source), ..key_of(event_id, "purchase") }, ..row_of(facts) }
}

fn on_the_next_day(correction: Correction) -> Correction {
    let (occurred_at, recorded_at) = (at("2026-04-25T08:05:00Z"), at("2026-04-25T08:06:00Z"));
    Correction { occurred_at, recorded_at, ..correction }
}

fn refund(id: &str, amount: &str) -> Correction {
    on_the_next_day(refund_at(id, 0, amount))
}

fn correction(id: &str, change: Change) -> Correction {
    on_the_next_day(correction_at(id, 0, change))
}

fn accepted(row: &mut Row) {
    row.microsoft.accepted = Some(Acceptance {
        at: at("2026-04-24T10:00:00Z"),
        by: Destination { environment: Environment::Production, account_id: "9876".to_owned() },
        tracking_id: Some("track-1".to_owned()),
    });
    row.microsoft.attempts = 1;
}

fn adjusted(row: &mut Row, value: Option<&str>) {
    let time = at("2026-04-25T08:10:00Z");
    let value = value.map(amount);
    row.microsoft.claim =
        Some(Claim { at: time, value, adjustment_time: time, after_unsettled: false });
    row.microsoft.adjusted = Some(Adjusted { at: time, value, tracking_id: None });
    row.microsoft.attempts = 2;
    row.microsoft.last = Some(Attempt {
        at: time,
        kind: if value.is_some() { Kind::Restate } else { Kind::Retract },
        outcome: AttemptOutcome::Accepted,
        code: None,
        error_code: None,
        tracking_id: Some("track-2".to_owned()),
    });
}

fn text(row: &Row, now: &str) -> String {
    let rows = std::slice::from_ref(row);
    serde_json::to_string(&Story::of(rows, &Accounts::new(), &POLICY, at(now))).expect("JSON")
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
    let last = row.microsoft.last.as_mut().expect("an attempt");
    last.outcome = AttemptOutcome::Refused;
    last.code = Some(5606);
    let entry = errors::look_up(Some(5606), None).expect("a line of the table");
    let shown = record(&row, "2026-04-26T00:00:00Z");
    assert_eq!(shown["lastAttempt"]["cause"], entry.cause);
    assert_eq!(shown["lastAttempt"]["cure"], entry.cure);
    row.microsoft.last.as_mut().expect("an attempt").code = Some(99_999);
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
    let facts = young.facts.as_mut().expect("facts");
    facts.click = Some(ClickFact { clicked_at: None, from: ClickOrigin::Event, reference: None });
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
    row.open = Some(IndexClass::Wait.entry(&row.key, due, Some(WaitReason::SettleDelay)));
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
    let facts = row.facts.as_mut().expect("facts");
    facts.identity.click_id = None;
    facts.click = None;
    let due = at("2026-04-24T10:42:13Z");
    row.open = Some(IndexClass::Wait.entry(&row.key, due, Some(WaitReason::NoClick)));
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
    row.microsoft.retract_claimed = Some(1);
    let mut later = correction(
        "4711-v",
        Change {
            new_value: Some(amount("50")),
            currency: Currency::parse("USD").ok(),
            ..Change::default()
        },
    );
    later.occurred_at = at("2026-04-25T09:00:00Z");
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
fn a_net_may_be_below_zero_and_keeps_its_digits() {
    let mut row = row("shop", "4711", Some("999999999998.125"));
    row.corrections.push(refund("4711-r1", "999999999998.25"));
    assert!(text(&row, "2026-04-24T12:00:00Z").contains(r#""netValue":-0.125,"#));
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
fn an_orphan_waits_for_its_original() {
    let mut row = row("shop", "4711", None);
    row.facts = None;
    row.corrections.push(refund("4711-r1", "30"));
    let due = at("2026-04-25T09:06:00Z");
    row.open = Some(IndexClass::Orphan.entry(&row.key, due, Some(WaitReason::OriginalMissing)));
    let shown = record(&row, "2026-04-25T08:06:00Z");
    let state = (&shown["state"], &shown["reason"], &shown["microsoft"], &shown["click"]);
    let null = serde_json::Value::Null;
    assert_eq!(state, (&"waiting".into(), &"original_missing".into(), &null, &null));
    assert_eq!(shown["due"], "2026-04-25T09:06:00Z");
    assert_eq!(shown["desired"]["netValue"], null);
    assert_eq!(shown["desired"]["corrections"][0]["status"], "counted");
    assert_eq!(shown["nextAction"], serde_json::json!({"action": "None", "at": null}));
}

#[test]
fn refused_and_dead_rows_wait_for_a_person() {
    let since = at("2026-04-24T10:00:00Z");
    let mut refused = row("shop", "4711", Some("1"));
    refused.microsoft.refusal = Some(Refusal {
        at: since,
        reason: RefusalReason::Microsoft {
            code: Some(5_011),
            symbol: Some("InvalidGoalName".to_owned()),
        },
    });
    refused.open = Some(IndexClass::Refused.entry(&refused.key, since, None));
    let mut dead = row("shop", "4712", Some("1"));
    dead.microsoft.dead_at = Some(since);
    dead.open = Some(IndexClass::Dead.entry(&dead.key, since, None));
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
    let class = "held:main#0".to_owned();
    row.open = Some(Open { class, due, reason: Some(WaitReason::AccountHeld) });
    let shown = record(&row, "2026-04-24T12:00:00Z");
    assert_eq!(shown["nextAction"]["at"], "2026-04-24T13:00:00Z");
    let late = due.plus_seconds(91 * DAY).to_string();
    assert_eq!(record(&row, &late)["nextAction"]["action"], "None");
}

#[test]
fn hashes_and_fingerprints_are_never_shown() {
    let mut row = row("shop", "4711", Some("1"));
    let facts = row.facts.as_mut().expect("facts");
    facts.identity.email = serde_json::from_str(&format!("\"{}\"", "ab".repeat(32))).ok();
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
        row.open = Some(IndexClass::Wait.entry(&row.key, due, Some(reason)));
        goals(&row)
    };
    assert_eq!(waiting(WaitReason::GoalHeld), [None, Some("Purchase".to_owned())]);
    assert_eq!(waiting(WaitReason::AccountHeld), [None]);
    assert!(waiting(WaitReason::SettleDelay).is_empty());
}
