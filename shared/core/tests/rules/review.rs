//! What a new look at the stored clicks says about a row before it is sent.

use proptest::prelude::*;
use tracklayer_core::ledger::facts::Facts;
use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::person::consent::Consent;
use tracklayer_core::reconcile::attribution::{
    Credit, Fresh, KEPT, LATE, Reading, Sale, Sighting, Tie, TieKind, TiedBy, credit, review,
};
use tracklayer_core::time::EventTime;

use crate::attribution::{all_records, click, credited, readings, sale, seen, tie};
use crate::support::*;

/// A row of [`all_records`] that is credited as `credit` says.
fn row_with(credit: &Credit, consent: Consent) -> Row {
    let (click_id, click) = credit.clone().ok().unzip();
    let mut facts = Facts { references: all_records(), click, consent, ..facts() };
    facts.identity.click_id = click_id;
    row_of(facts)
}

fn reviewed(row: &Row, ties: &[Tie], sightings: &[Sighting], now: EventTime) -> Fresh {
    let reading = Reading { ties: ties.to_vec(), sightings: sightings.to_vec() };
    review(row, &Sale::of(&row.facts, true), &reading, now)
}

#[test]
fn a_click_that_came_after_the_event_counts_and_so_does_a_better_one() {
    let none = row_with(&Err(WaitReason::NoClick), Consent::Unknown);
    let first = credited(&[], &[seen("s", 1, -90)]);
    assert_eq!(reviewed(&none, &[], &[seen("s", 1, -90)], after(9)), Fresh::Change(first.clone()));
    assert_eq!(reviewed(&none, &[], &[], after(9)), Fresh::Keep);
    let row = row_with(&first, Consent::Unknown);
    assert_eq!(reviewed(&row, &[], &[seen("s", 1, -90)], after(9)), Fresh::Keep);
    let better = [seen("s", 1, -90), seen("s", 2, -50)];
    assert_eq!(reviewed(&row, &[], &better, after(9)), Fresh::Change(credited(&[], &better)));
}

#[test]
fn a_new_reason_to_wait_is_said_and_an_old_one_is_not() {
    let mut row = row_with(&Err(WaitReason::NoClick), Consent::Unknown);
    row.open = Some(IndexClass::Look.entry(after(9), after(9), Some(WaitReason::NoClick)));
    let ties: Vec<_> =
        ["a", "b", "d", "e"].map(|it| tie(TieKind::Order, TiedBy::Browser, it, 0)).to_vec();
    let ambiguous = Fresh::Change(Err(WaitReason::AmbiguousClick));
    assert_eq!(reviewed(&row, &[], &[], after(9)), Fresh::Keep);
    assert_eq!(reviewed(&row, &ties, &[], after(9)), ambiguous);
}

#[test]
fn a_deleted_click_gives_way_to_the_next_best_one_or_to_none() {
    let ties = [tie(TieKind::Lead, TiedBy::Browser, "a", 0)];
    let row = row_with(&credited(&ties, &[seen("a", 1, -90)]), Consent::Unknown);
    let none = Fresh::Gone(Err(WaitReason::NoClick));
    assert_eq!(reviewed(&row, &ties, &[], after(9)), none, "whoever was tied has withdrawn");
    let next = [seen("s", 2, -900)];
    assert_eq!(reviewed(&row, &ties, &next, after(9)), Fresh::Gone(credited(&ties, &next)));
}

#[test]
fn only_a_session_that_gave_the_click_and_has_none_left_ends_the_row() {
    let gave = credited(&[], &[seen("s", 1, -90)]);
    let row = row_with(&gave, Consent::Unknown);
    assert_eq!(reviewed(&row, &[], &[], after(9)), Fresh::End);
    assert_eq!(reviewed(&row_with(&gave, Consent::Unknown), &[], &[], after(9)), Fresh::End);
    let none = Fresh::Gone(Err(WaitReason::NoClick));
    let granted = row_with(&gave, Consent::Granted);
    assert_eq!(reviewed(&granted, &[], &[], after(9)), none, "the source has asked the person");
    // A stranger's click is gone, and the customer's own came too late to be credited.
    assert_eq!(reviewed(&row, &[], &[seen("s", 2, 2 * LATE)], after(DAY)), none);
    let strangers = [seen("s", 2, -900)];
    let left = reviewed(&row, &[], &strangers, after(9));
    assert_eq!(left, Fresh::Gone(credited(&[], &strangers)));
}

#[test]
fn a_click_that_the_event_brought_goes_only_if_it_was_seen_and_deleted() {
    let (records, own) = (all_records(), click(1));
    let sale = Sale { own: Some(&own), ..sale(&records) };
    let unseen = row_with(&credit(&sale, &Reading::default()), Consent::Unknown);
    assert_eq!(reviewed(&unseen, &[], &[], after(9)), Fresh::Keep);
    let ties = [tie(TieKind::Cart, TiedBy::Key, "a", 0)];
    let reading = Reading { ties: ties.to_vec(), sightings: vec![seen("a", 1, -90)] };
    let tied = row_with(&credit(&sale, &reading), Consent::Unknown);
    assert_eq!(reviewed(&tied, &ties, &reading.sightings, after(9)), Fresh::Keep);
    let none = Fresh::Gone(Err(WaitReason::NoClick));
    assert_eq!(reviewed(&tied, &ties, &[], after(9)), none);
    let reading = Reading { ties: Vec::new(), sightings: vec![seen("s", 1, -90)] };
    let of_session = row_with(&credit(&sale, &reading), Consent::Unknown);
    assert_eq!(reviewed(&of_session, &[], &[], after(9)), Fresh::End);
}

#[test]
fn a_click_that_was_deleted_for_its_age_is_not_gone() {
    let row = row_with(&credited(&[], &[seen("s", 1, -DAY)]), Consent::Unknown);
    assert_eq!(reviewed(&row, &[], &[], after(KEPT - DAY)), Fresh::Keep);
    assert_eq!(reviewed(&row, &[], &[], after(KEPT - DAY - 1)), Fresh::End);
}

#[test]
fn a_refused_click_is_given_up_though_it_is_still_there() {
    let sightings = [seen("s", 1, -90), seen("s", 2, -900)];
    let row = row_with(&credited(&[], &sightings), Consent::Unknown);
    let reading = Reading { ties: Vec::new(), sightings: sightings.to_vec() };
    let mut row = row;
    row.facts.refused_clicks = vec![click(1)];
    let fresh = review(&row, &Sale::of(&row.facts, true), &reading, after(9));
    assert_eq!(fresh, Fresh::Change(credited(&[], &sightings[1..])));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_was_just_credited_is_kept_and_what_is_changed_is_kept_from_then_on(
        reading in readings(),
        own in prop::option::weighted(0.2, (1_i64..8).prop_map(click)),
        more in readings(),
    ) {
        let references = all_records();
        let sale = Sale { own: own.as_ref(), ..sale(&references) };
        let row = row_with(&credit(&sale, &reading), Consent::Unknown);
        prop_assert_eq!(reviewed(&row, &reading.ties, &reading.sightings, after(9)), Fresh::Keep);
        let look = |row: &Row| reviewed(row, &more.ties, &more.sightings, after(9));
        if let Fresh::Change(credit) | Fresh::Gone(credit) = look(&row) {
            prop_assert_eq!(look(&row_with(&credit, Consent::Unknown)), Fresh::Keep);
        }
    }
}
