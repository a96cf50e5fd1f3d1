//! The words operators read, and the index they count by.

use std::collections::BTreeMap;

use tracklayer_core::ledger::correction::CorrectionRefusal;
use tracklayer_core::ledger::index::{IndexClass, SHARDS};
use tracklayer_core::ledger::observed::{Adjusted, Claim, Refusal, RefusalReason};
use tracklayer_core::ledger::row::{Row, RowKey};
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::reconcile::state::{State, corrections, state, value_at_microsoft};

use crate::support::*;

fn adjusted(mut row: Row, value: Option<&str>) -> Row {
    let value = value.map(amount);
    let corrections = row.corrections.len();
    row.observed.adjusted =
        Some(Adjusted { at: after(DAY), value, corrections, tracking_id: None });
    row
}

fn waiting(mut row: Row, reason: WaitReason) -> Row {
    row.open = open(IndexClass::Wait, DAY, Some(reason));
    row
}

fn said(row: &Row) -> (State, Option<String>) {
    state(row)
}

fn words(state: State, reason: &str) -> (State, Option<String>) {
    (state, Some(reason.to_owned()))
}

#[test]
fn a_row_goes_from_queued_to_what_microsoft_has() {
    assert_eq!(said(&row()), (State::Queued, None));
    assert_eq!(said(&accepted_row(Vec::new())), (State::Accepted, None));
    assert_eq!(said(&adjusted(accepted_row(Vec::new()), Some("99.95"))), (State::Restated, None));
    assert_eq!(said(&adjusted(accepted_row(Vec::new()), None)), (State::Retracted, None));
}

#[test]
fn dead_then_refused_then_waiting_come_first() {
    let mut row = waiting(adjusted(accepted_row(Vec::new()), None), WaitReason::SettleDelay);
    assert_eq!(said(&row), words(State::Waiting, "settle_delay"));
    let reason = RefusalReason::TooOldForMicrosoft;
    row.observed.refusal = Some(Refusal { at: after(DAY), reason });
    assert_eq!(said(&row), words(State::Refused, "too_old_for_microsoft"));
    row.observed.dead_at = Some(after(DAY));
    assert_eq!(said(&row), (State::Dead, None));
}

#[test]
fn a_correction_that_never_reaches_microsoft_shows() {
    let mut late = refund("r1", 60, "30");
    late.refused = Some(CorrectionRefusal::TooOldForMicrosoft);
    assert_eq!(said(&accepted_row(vec![late])), words(State::Refused, "too_old_for_microsoft"));
    let mut euros = refund("r1", 60, "30");
    euros.change.currency = Some(currency("EUR"));
    assert_eq!(said(&accepted_row(vec![euros])), words(State::Refused, "currency_mismatch"));
}

#[test]
fn after_a_retraction_the_row_stays_retracted() {
    let mut row = adjusted(accepted_row(vec![full("f", 1)]), None);
    row.observed.claim = Some(Claim {
        at: after(DAY),
        value: None,
        adjustment_time: after(DAY),
        corrections: 1,
        unanswered: false,
        after_unsettled: false,
        before: None,
    });
    row.corrections.push(restatement("n", 2, "50"));
    assert_eq!(said(&row), (State::Retracted, None));
    let (folded, _) = corrections(&row);
    assert_eq!(folded.net, Some(amount("50")));
}

#[test]
fn the_value_standing_at_microsoft() {
    assert_eq!(value_at_microsoft(&row()), None);
    assert_eq!(value_at_microsoft(&accepted_row(Vec::new())), Some(usd("129.95")));
    let row = adjusted(accepted_row(Vec::new()), Some("99.95"));
    assert_eq!(value_at_microsoft(&row), Some(usd("99.95")));
    assert_eq!(value_at_microsoft(&adjusted(row, None)), None);
    let lead = Row { facts: without_value(), ..accepted_row(Vec::new()) };
    assert_eq!(value_at_microsoft(&lead), None);
}

#[test]
fn refusals_are_told_in_the_words_of_the_contract() {
    let microsoft = RefusalReason::Microsoft { code: Some(5606), symbol: Some("Name".to_owned()) };
    let nameless = RefusalReason::Microsoft { code: None, symbol: None };
    for (reason, text) in [
        (microsoft, "microsoft 5606 Name"),
        (nameless, "microsoft - -"),
        (RefusalReason::Expired, "expired"),
        (RefusalReason::AcceptedElsewhere, "accepted_elsewhere"),
        (RefusalReason::MayAlreadyCount, "may_already_count"),
        (RefusalReason::Unmatched, "unmatched"),
        (RefusalReason::IdentityErased, "identity_erased"),
        (RefusalReason::Other, "other"),
    ] {
        assert_eq!(reason.to_string(), text);
    }
}

#[test]
fn consecutive_ids_spread_evenly_over_all_shards() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for n in 10_000..10_800 {
        let key = RowKey { event_id: id(&n.to_string()), ..key() };
        *counts.entry(IndexClass::Wait.index_key(&key.pk())).or_default() += 1;
    }
    assert_eq!(counts.keys().cloned().collect::<Vec<_>>(), IndexClass::Wait.shards());
    assert_eq!(IndexClass::Wait.shards().len(), usize::from(SHARDS));
    assert!(counts.values().all(|count| (80..120).contains(count)), "{counts:?}");
}
