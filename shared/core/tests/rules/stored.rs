//! What stands in the table and on the queue stays readable, and half of it is an error.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use tracklayer_core::{
    ledger::{
        correction::{Correction, CorrectionRefusal},
        facts::{Click, Facts, References},
        index::IndexClass,
        observed::{
            Acceptance, Adjusted, Attempt, AttemptOutcome, Claim, Kind, Observed, Postponed,
            Refusal, RefusalReason,
        },
        row::{Row, RowKey},
        signal::{BadSignal, Signal},
        stored::{BadRow, StoredRow},
        wait::WaitReason,
    },
    person::consent::Consent,
    reconcile::state::{State, state},
    time::{EventTime, TextTime},
};

use crate::support::*;

fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1").join(name);
    let text = std::fs::read_to_string(path).expect("a fixture");
    serde_json::from_str(&text).expect("JSON")
}

fn read(value: Value) -> Result<Row, BadRow> {
    serde_json::from_value::<StoredRow>(value).expect("a stored row").try_into()
}

fn written(row: &Row) -> Value {
    serde_json::to_value(StoredRow::from(row)).expect("JSON")
}

fn row_in(name: &str) -> Row {
    read(fixture(name)).expect("a row")
}

fn at(epoch: i64) -> EventTime {
    EventTime::from_epoch(epoch)
}

// --- what was written once stays readable

#[test]
fn every_fixture_is_read_and_written_back_as_it_was() {
    for name in [
        "purchase",
        "tied",
        "waiting",
        "orphan",
        "restated",
        "retracted_in_doubt",
        "refused",
        "dead",
        "erased",
    ] {
        let stored = fixture(&format!("{name}.json"));
        let mut back = written(&read(stored.clone()).expect(name));
        // Attributes of a newer version are ignored.
        if let Some(added) = stored.get("someNewAttribute") {
            back["someNewAttribute"] = added.clone();
        }
        assert_eq!(back, stored, "{name}");
    }
}

#[test]
fn a_plain_purchase() {
    let row = row_in("purchase.json");
    let fingerprint = "01d2a62a45295b0e12c38f159b998cc4".to_owned();
    let mut expected = row_of(Facts { fingerprint, ..facts() });
    let click = expected.facts.as_mut().and_then(|facts| facts.click.as_mut());
    click.expect("a click").clicked_at = Some(after(-2 * HOUR));
    expected.ttl = Some(after(400 * DAY));
    assert_eq!(row, expected);
    assert_eq!(state(&row), (State::Queued, None));
}

#[test]
fn a_waiting_row_and_an_orphan() {
    let waiting = row_in("waiting.json");
    assert_eq!(state(&waiting), (State::Waiting, Some("no_click".to_owned())));
    let facts = waiting.facts.as_ref().expect("facts");
    assert_eq!((facts.money, facts.identity.is_matchable()), (None, false));
    let orphan = row_in("orphan.json");
    assert_eq!(state(&orphan), (State::Waiting, Some("original_missing".to_owned())));
    assert!(orphan.facts.is_none());
    assert_eq!(orphan.corrections[0].change, refund("r1", 60, "30").change);
}

#[test]
fn a_restated_row() {
    let row = row_in("restated.json");
    assert_eq!(state(&row), (State::Restated, None));
    let accepted = row.observed.accepted.as_ref().expect("accepted");
    assert_eq!(accepted.by, production());
    let adjusted = row.observed.adjusted.as_ref().expect("adjusted");
    assert_eq!(adjusted.value, Some(amount("99.95")));
    assert_eq!(row.facts.as_ref().expect("facts").conversion_time, after(1));
}

#[test]
fn a_retract_nobody_answered() {
    let row = row_in("retracted_in_doubt.json");
    let known = &row.observed;
    assert_eq!((known.retract_claimed, known.unsettled), (Some(1), true));
    assert_eq!(known.claim.as_ref().expect("a claim").value, None);
    assert_eq!(known.accepted.as_ref().expect("accepted").by, sandbox());
    assert_eq!(row.corrections[1].refused, Some(CorrectionRefusal::TooOldForMicrosoft));
    assert_eq!(row.corrections[1].change.new_value, Some(amount("50.125")));
}

#[test]
fn a_refused_and_a_dead_row() {
    let refused = row_in("refused.json");
    let words = "microsoft 5609 OfflineConversionTimeOutOfWindow".to_owned();
    assert_eq!(state(&refused), (State::Refused, Some(words)));
    assert!(refused.observed.apply_unknown);
    assert_eq!(state(&row_in("dead.json")), (State::Dead, None));
}

#[test]
fn an_erased_row() {
    let row = row_in("erased.json");
    assert!(row.is_erased());
    assert_eq!(state(&row), (State::Refused, Some("identity_erased".to_owned())));
    let tied = row_in("tied.json").facts.expect("facts");
    let reference = tied.click.expect("a click").reference;
    assert_eq!(reference, Some(id("7c88331279e1bb1e037bc711af86cd58")));
    assert_eq!(tied.consent, Some(Consent::Unknown));
}

#[test]
fn a_signal() {
    let signal = Signal::parse(&fixture("signal.json").to_string()).expect("a signal");
    assert_eq!(signal.key(), key());
    assert_eq!(signal.not_before, Some(TextTime(after(3_000))));
    assert_eq!(signal.summary, "purchase shop/4711 129.95 USD");
}

// --- half a row

#[test]
fn half_a_row_is_an_error_never_an_orphan() {
    let without = |name: &str| {
        let mut row = fixture("purchase.json");
        row.as_object_mut().expect("an object").remove(name);
        read(row)
    };
    for (gone, told) in [
        ("goal", "goal"),
        ("fingerprint", "fingerprint"),
        ("occurredAt", "occurredAt"),
        ("conversionTime", "conversionTime"),
        ("value", "value"),
        ("currency", "currency"),
    ] {
        assert_eq!(without(gone), Err(BadRow::Half(told)), "{gone}");
    }
}

#[test]
fn any_fact_without_a_goal_is_half_a_row() {
    for name in ["fingerprint", "occurredAt", "conversionTime", "value", "currency", "msclkid"] {
        let mut row = fixture("orphan.json");
        row[name] = fixture("purchase.json")[name].clone();
        assert_eq!(read(row), Err(BadRow::Half("goal")), "{name}");
    }
}

#[test]
fn another_version_or_key_is_refused() {
    let with = |name: &str, value: Value| {
        let mut row = fixture("purchase.json");
        row[name] = value;
        read(row)
    };
    assert_eq!(with("v", json!(2)), Err(BadRow::Version));
    for pk in ["event shop", "account main", "event shop a b", "key 123", ""] {
        assert!(matches!(with("pk", json!(pk)), Err(BadRow::Key(_))), "{pk}");
    }
}

#[test]
fn values_that_are_none_are_not_read() {
    for (name, value) in [
        ("value", json!(129.95)),
        ("value", json!("-1")),
        ("value", json!("1.0001")),
        ("currency", json!("usd")),
        ("conversionTime", json!("2026-04-24T09:42:13Z")),
        ("hashedEmail", json!("jane@contoso.com")),
    ] {
        let mut row = fixture("purchase.json");
        row[name] = value.clone();
        assert!(serde_json::from_value::<StoredRow>(row).is_err(), "{name} {value}");
    }
}

#[test]
fn a_key_is_spelled_and_read_back() {
    let key = RowKey { event_id: id("a/b:c"), ..key() };
    assert_eq!((key.pk().as_str(), key.sk()), ("event shop a/b:c", "purchase"));
    assert_eq!(RowKey::parse(&key.pk(), key.sk()), Ok(key));
}

// --- signals

#[test]
fn a_signal_says_only_what_people_need() {
    let signal = Signal::new(&row(), Some(after(60)));
    let expected = r#"{"v":1,"source":"shop","eventId":"4711","event":"purchase","notBefore":"2026-04-24T09:43:13Z","summary":"purchase shop/4711 129.95 USD"}"#;
    let text = serde_json::to_string(&signal).expect("JSON");
    assert_eq!(text, expected);
    assert_eq!(Signal::parse(&text), Ok(signal));
    let plain = Signal::new(&row_of(without_value()), None);
    assert_eq!(plain.summary, "purchase shop/4711");
    assert!(!serde_json::to_string(&plain).expect("JSON").contains("notBefore"));
}

#[test]
fn what_is_no_signal() {
    for body in ["", "{}", "[]", "null", r#"{"v":1,"source":"shop","eventId":"a@b","event":"p"}"#] {
        assert_eq!(Signal::parse(body), Err(BadSignal::Unreadable), "{body}");
    }
    let newer = r#"{"v":2,"source":"shop","eventId":"4711","event":"purchase"}"#;
    assert_eq!(Signal::parse(newer), Err(BadSignal::Version));
    let shortest = r#"{"v":1,"source":"shop","eventId":"4711","event":"purchase"}"#;
    assert_eq!(Signal::parse(shortest).expect("a signal").key(), key());
}

// --- round trip

fn instant() -> impl Strategy<Value = EventTime> {
    (0_i64..4_000_000_000).prop_map(at)
}

fn word() -> impl Strategy<Value = Option<String>> {
    prop::option::of("[a-z]{1,9}")
}

fn reference() -> impl Strategy<Value = Option<tracklayer_core::id::RecordId>> {
    prop::option::of("[!A-Za-z0-9/:._-]{1,20}".prop_map(|text| id(&text)))
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let parts = (
        (instant(), instant(), prop::option::of(0_i64..1_000_000_000_000)),
        (prop::bool::ANY, prop::bool::ANY, prop::bool::ANY),
        prop::option::of(prop::option::of(instant())),
        (reference(), reference(), reference(), reference()),
    );
    parts.prop_map(|(values, (click_id, email, phone), click, (session, lead, cart, order))| {
        let mut facts = facts();
        let (occurred_at, conversion_time, cents) = values;
        (facts.occurred_at, facts.conversion_time) = (occurred_at, conversion_time);
        facts.money = cents.map(|cents| usd(&format!("{}.{:02}", cents / 100, cents % 100)));
        facts.identity.click_id.take_if(|_| !click_id);
        facts.identity.email = hash(MAIL).filter(|_| email);
        facts.identity.phone = hash(PHONE).filter(|_| phone);
        let from = tracklayer_core::ledger::facts::ClickOrigin::Cart;
        facts.references = References { session, lead, cart, order };
        let reference = facts.references.session.clone();
        facts.click = click.map(|clicked_at| Click { clicked_at, from, reference });
        facts.consent = Some(if email { Consent::Granted } else { Consent::Unknown });
        facts.erased_at = facts.references.order.as_ref().map(|_| conversion_time);
        facts
    })
}

fn any_correction() -> impl Strategy<Value = Correction> {
    (0_usize..3, 0_i64..DAY, prop::bool::ANY, prop::bool::ANY).prop_map(
        |(kind, s, named, refused)| {
            let mut correction = match kind {
                0 => refund("r1", s, "0.125"),
                1 => restatement("n1", s, "999999999999"),
                _ => full("f1", s),
            };
            correction.account = named.then(|| id("main"));
            correction.refused = refused.then_some(CorrectionRefusal::AfterRetraction);
            correction
        },
    )
}

fn any_reason() -> impl Strategy<Value = RefusalReason> {
    prop_oneof![
        (prop::option::of(any::<i64>()), word())
            .prop_map(|(code, symbol)| RefusalReason::Microsoft { code, symbol }),
        Just(RefusalReason::Expired),
        Just(RefusalReason::TooOldForMicrosoft),
        Just(RefusalReason::AcceptedElsewhere),
        Just(RefusalReason::MayAlreadyCount),
        Just(RefusalReason::OriginalNeverCame),
        Just(RefusalReason::IdentityErased),
    ]
}

fn any_observed() -> impl Strategy<Value = Observed> {
    let value = || prop::option::of((1_i64..9_999).prop_map(|n| amount(&n.to_string())));
    let first = (
        prop::option::of((instant(), word())),
        prop::option::of((instant(), value(), word())),
        prop::option::of((instant(), value(), instant(), prop::bool::ANY)),
        prop::option::of(0_u32..50),
    );
    let second = (
        (prop::bool::ANY, prop::bool::ANY),
        prop::option::of((instant(), any_reason())),
        prop::option::of(instant()),
        prop::option::of(instant()),
        (any::<u32>(), prop::option::of((instant(), prop::option::of(any::<i64>()), word()))),
    );
    (first, second).prop_map(|(first, second)| Observed {
        accepted: first.0.map(|(at, tracking_id)| Acceptance { at, by: sandbox(), tracking_id }),
        adjusted: first.1.map(|(at, value, tracking_id)| Adjusted { at, value, tracking_id }),
        claim: first.2.map(|(at, value, adjustment_time, after_unsettled)| Claim {
            at,
            value,
            adjustment_time,
            after_unsettled,
        }),
        retract_claimed: first.3,
        unsettled: second.0.0,
        apply_unknown: second.0.1,
        refusal: second.1.map(|(at, reason)| Refusal { at, reason }),
        dead_at: second.2,
        postponed: second.3.map(|until| Postponed { until, reason: WaitReason::TimeInFuture }),
        attempts: second.4.0,
        last: second.4.1.map(|(at, code, error_code)| Attempt {
            at,
            kind: Kind::Retract,
            outcome: AttemptOutcome::Unknown,
            code,
            error_code: error_code.clone(),
            tracking_id: error_code,
        }),
    })
}

fn any_row() -> impl Strategy<Value = Row> {
    let parts = (
        prop::option::of(any_facts()),
        prop::collection::vec(any_correction(), 0..4),
        any_observed(),
        (any::<u64>(), any::<u64>(), any::<u32>()),
        prop::option::of((instant(), prop::bool::ANY)),
        prop::option::of(instant()),
    );
    parts.prop_map(|(facts, corrections, microsoft, (desired, observed, waits), open, ttl)| Row {
        facts,
        corrections,
        desired_revision: desired,
        observed_revision: observed,
        observed: microsoft,
        open: open.map(|(due, waiting)| {
            IndexClass::Dead.entry(&key(), due, waiting.then_some(WaitReason::SettleDelay))
        }),
        waits,
        ttl,
        ..row()
    })
}

proptest! {
    #[test]
    fn a_row_is_read_as_it_was_written(row in any_row()) {
        let text = serde_json::to_string(&StoredRow::from(&row)).expect("JSON");
        let stored: StoredRow = serde_json::from_str(&text).expect("a stored row");
        prop_assert_eq!(Row::try_from(stored), Ok(row));
    }
}
