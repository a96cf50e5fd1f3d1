//! What is stored in the table stays readable, and half of it is an error.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use tracklayer_core::ledger::correction::{Correction, CorrectionRefusal};
use tracklayer_core::ledger::facts::{Click, ClickOrigin, Facts, References};
use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::observed::{
    Acceptance, Adjusted, Attempt, AttemptOutcome, Claim, Kind, Observed, Postponed, Refusal,
    RefusalReason,
};
use tracklayer_core::ledger::row::{Row, RowKey};
use tracklayer_core::ledger::stored::{BadRow, CHANGEABLE_FACTS, StoredCredit, StoredRow};
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::person::consent::Consent;
use tracklayer_core::reconcile::attribution::Sale;
use tracklayer_core::reconcile::state::{State, state};
use tracklayer_core::time::EventTime;

use crate::support::*;

pub fn fixture(name: &str) -> Value {
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
    for name in ["purchase", "look", "applying", "claims", "refused", "dead", "erased"] {
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
    let fingerprint = "5cf4f862cf1eb4f59500f154fbc8b5b1".to_owned();
    let facts = Facts { fingerprint, ..clicked(-2 * HOUR) };
    assert_eq!(row, Row { recorded_at: after(60), ..row_of(facts) });
    assert_eq!(state(&row), (State::Queued, None));
}

#[test]
fn a_row_by_which_nobody_is_recognised_yet() {
    let row = row_in("look.json");
    assert_eq!(state(&row), (State::Waiting, Some("ambiguous_click".to_owned())));
    assert_eq!((row.facts.money, row.facts.identity.is_matchable()), (None, false));
    let open = row.open.expect("an entry");
    assert_eq!((open.class, open.since), (IndexClass::Look, row.recorded_at));
}

#[test]
fn an_original_that_is_claimed_again_after_an_unknown_outcome() {
    let row = row_in("applying.json");
    assert_eq!((row.observed.applying, row.observed.apply_unknown), (Some(after(9_000)), true));
    assert_eq!(row.facts.refused_clicks.len(), 1);
    assert_eq!((row.facts.conversion_time, row.facts.consent), (after(1), Consent::Granted));
    let order = row.facts.order.expect("an order").to_string();
    assert_eq!(order, "5cf4f862cf1eb4f59500f154fbc8b5b1");
    let reference = row.facts.click.expect("a click").reference;
    assert_eq!(reference, Some(id("7c88331279e1bb1e037bc711af86cd58")));
}

#[test]
fn a_retract_that_nobody_answered_claimed_again() {
    let row = row_in("claims.json");
    let known = &row.observed;
    assert!(known.unsettled && known.is_retract_claimed() && known.is_retracted_or_doubtful());
    let before = known.claim.as_ref().and_then(|claim| claim.before.as_ref()).expect("a claim");
    assert_eq!((before.at, before.value, before.unanswered), (after(130_000), None, true));
    assert_eq!(known.adjusted.as_ref().expect("adjusted").value, Some(amount("99.95")));
    assert_eq!(known.accepted.as_ref().expect("accepted").by, production());
    let [refund, _, late] = &row.corrections[..] else { panic!("three corrections") };
    assert_eq!(refund.occurred_at.epoch_ms(), after(80_000).epoch() * 1_000 + 125);
    assert_eq!(refund.original_event, Some(id("purchase")));
    assert_eq!(late.refused, Some(CorrectionRefusal::TooOldForMicrosoft));
    assert_eq!(late.change.new_value, Some(amount("50.125")));
}

#[test]
fn a_refused_a_dead_and_an_erased_row() {
    let words = "microsoft 5609 OfflineConversionTimeOutOfWindow".to_owned();
    assert_eq!(state(&row_in("refused.json")), (State::Refused, Some(words)));
    assert_eq!(state(&row_in("dead.json")), (State::Dead, None));
    let erased = row_in("erased.json");
    assert!(erased.is_erased());
    assert_eq!(state(&erased), (State::Refused, Some("identity_erased".to_owned())));
}

/// After a roll-back, rows that a later version wrote stay readable.
#[test]
fn words_of_a_later_version_read_as_other() {
    let row = row_in("unknown_words.json");
    let open = row.open.as_ref().expect("an entry");
    assert_eq!((&open.class, open.reason), (&IndexClass::Other, Some(WaitReason::Other)));
    assert_eq!(row.observed.postponed.expect("postponed").reason, WaitReason::Other);
    assert_eq!(row.observed.refusal.as_ref().expect("refused").reason, RefusalReason::Other);
    assert_eq!(row.corrections[0].refused, Some(CorrectionRefusal::Other));
    let last = row.observed.last.as_ref().expect("an attempt");
    assert_eq!((last.kind, last.outcome), (None, AttemptOutcome::Unknown));
    assert_eq!(row.facts.consent, Consent::Unknown, "no agreement");
    assert_eq!(row.facts.click.as_ref().expect("a click").from, ClickOrigin::Other);
    assert_eq!(Sale::of(&row.facts, true).own, None, "it is looked for anew");
    let words: [&str; 2] = [WaitReason::Other.as_str(), CorrectionRefusal::Other.as_str()];
    assert_eq!((words, RefusalReason::Other.to_string()), (["other"; 2], "other".to_owned()));
    assert_eq!(read(written(&row)), Ok(row), "and what they read as is readable as well");
}

// --- half a row

#[test]
fn half_a_row_is_an_error() {
    let without = |name: &str| {
        let mut row = fixture("purchase.json");
        row.as_object_mut().expect("an object").remove(name);
        serde_json::from_value::<StoredRow>(row)
    };
    for gone in
        ["goal", "fingerprint", "occurredAt", "conversionTime", "consent", "recordedAt", "ttl"]
    {
        assert!(without(gone).is_err(), "{gone}");
    }
    // Money without its currency, or the other way round.
    for gone in ["value", "currency"] {
        let row = Row::try_from(without(gone).expect("readable"));
        assert_eq!(row, Err(BadRow::Half(gone)));
    }
}

#[test]
fn what_a_claim_may_change_of_the_facts_is_all_that_it_writes() {
    let mut facts = clicked(-60);
    facts.identity.email = hash(MAIL);
    facts.identity.phone = hash(PHONE);
    facts.click.as_mut().expect("a click").reference = Some(id("c"));
    facts.refused_clicks = facts.identity.click_id.clone().into_iter().collect();
    let credit = serde_json::to_value(StoredCredit::from(&facts)).expect("JSON");
    let names: Vec<_> = credit.as_object().expect("an object").keys().cloned().collect();
    let mut changeable = CHANGEABLE_FACTS;
    changeable.sort_unstable();
    assert_eq!(names, changeable);
    let whole = written(&row_of(facts));
    assert!(names.iter().all(|name| whole[name] == credit[name]), "{credit}");
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
        let from = ClickOrigin::Cart;
        facts.references = References { session, lead, cart, order };
        let reference = facts.references.session.clone();
        facts.click = click.map(|clicked_at| Click { clicked_at, from, reference });
        facts.consent = if email { Consent::Granted } else { Consent::Unknown };
        facts.refused_clicks.extend(facts.identity.click_id.clone().filter(|_| phone));
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
            correction.original_event = named.then(|| id("purchase"));
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
        Just(RefusalReason::Unmatched),
        Just(RefusalReason::IdentityErased),
    ]
}

fn any_claim() -> impl Strategy<Value = Claim> {
    let flags = (prop::bool::ANY, prop::bool::ANY);
    (instant(), any_value(), instant(), 0_usize..50, flags).prop_map(
        |(at, value, adjustment_time, corrections, (unanswered, after_unsettled))| Claim {
            at,
            value,
            adjustment_time,
            corrections,
            unanswered,
            after_unsettled,
            before: None,
        },
    )
}

fn any_value() -> impl Strategy<Value = Option<tracklayer_core::money::Amount>> {
    prop::option::of((1_i64..9_999).prop_map(|n| amount(&n.to_string())))
}

fn any_observed() -> impl Strategy<Value = Observed> {
    let first = (
        prop::option::of((instant(), word())),
        prop::option::of((instant(), any_value(), 0_usize..50, word())),
        prop::option::of((any_claim(), prop::option::of(any_claim()))),
        (prop::option::of(instant()), any::<u32>()),
    );
    let second = (
        (prop::bool::ANY, prop::bool::ANY),
        prop::option::of((instant(), any_reason())),
        (prop::option::of(instant()), prop::option::of(instant())),
        prop::option::of(instant()),
        (any::<u32>(), prop::option::of((instant(), prop::option::of(any::<i64>()), word()))),
    );
    (first, second).prop_map(|(first, second)| Observed {
        accepted: first.0.map(|(at, tracking_id)| Acceptance { at, by: sandbox(), tracking_id }),
        applying: first.3.0,
        apply_unknown: second.0.1,
        sent_to: second.0.1.then(sandbox),
        adjusted: first.1.map(|(at, value, corrections, tracking_id)| Adjusted {
            at,
            value,
            corrections,
            tracking_id,
        }),
        claim: first.2.map(|(claim, before)| Claim { before: before.map(Box::new), ..claim }),
        tries: first.3.1,
        unsettled: second.0.0,
        refusal: second.1.map(|(at, reason)| Refusal { at, reason }),
        dead_at: second.2.0,
        left_at: second.2.1,
        postponed: second.3.map(|until| Postponed { until, reason: WaitReason::TimeInFuture }),
        attempts: second.4.0,
        last: second.4.1.map(|(at, code, error_code)| Attempt {
            at,
            kind: Some(Kind::Retract),
            outcome: AttemptOutcome::Unknown,
            code,
            error_code: error_code.clone(),
            tracking_id: error_code,
        }),
    })
}

fn any_class() -> impl Strategy<Value = IndexClass> {
    prop_oneof![
        Just(IndexClass::Wait),
        Just(IndexClass::Look),
        Just(IndexClass::Refused),
        Just(IndexClass::Dead),
        Just(IndexClass::Orphan),
        Just(IndexClass::Other),
        "[A-Za-z0-9 #:/]{1,20}".prop_map(IndexClass::Held),
    ]
}

fn any_row() -> impl Strategy<Value = Row> {
    let parts = (
        any_facts(),
        prop::collection::vec(any_correction(), 0..4),
        any_observed(),
        (any::<u64>(), any::<u64>()),
        prop::option::of((any_class(), instant(), instant(), prop::bool::ANY)),
        (instant(), instant()),
    );
    parts.prop_map(|(facts, corrections, observed, revisions, open, (recorded_at, ttl))| Row {
        facts,
        corrections,
        desired_revision: revisions.0,
        observed_revision: revisions.1,
        observed,
        open: open.map(|(class, due, since, waiting)| {
            class.entry(due, since, waiting.then_some(WaitReason::SettleDelay))
        }),
        recorded_at,
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
