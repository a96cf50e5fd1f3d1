//! Which message moves a refused or dead row on, and under which goal.

use proptest::prelude::*;
use tracklayer_core::{
    id::GoalName,
    ledger::{
        index::IndexClass,
        observed::{Refusal, RefusalReason},
        row::Row,
        wait::WaitReason,
    },
    reconcile::redrive::{Delivery, Redrive, Today, redrive},
};

use crate::support::*;

const REFUSED: i64 = 2 * HOUR;

fn refused(code: i64) -> Row {
    refused_for(RefusalReason::Microsoft { code: Some(code), symbol: None })
}

fn refused_for(reason: RefusalReason) -> Row {
    let mut row = row();
    row.observed.refusal = Some(Refusal { at: after(REFUSED), reason });
    row
}

/// Reads a message sent then and received now, while the mapping names `goal`.
fn read(row: &Row, sent: i64, now: i64, goal: &str) -> Redrive {
    let goal: GoalName = id(goal);
    let today = Today { goal: Some(&goal), has_old: false };
    let message = Delivery { sent_at: after(sent), receives: 1 };
    redrive(row, message, today, after(now), &Bench::new().policy)
}

fn message(sent: i64) -> Delivery {
    Delivery { sent_at: after(sent), receives: 1 }
}

fn renamed() -> Redrive {
    Redrive::Take(Some(id("Purchases")))
}

#[test]
fn a_row_that_is_neither_refused_nor_dead_needs_none() {
    assert_eq!(read(&row(), 0, DAY, "Purchases"), Redrive::NotNeeded);
    assert_eq!(read(&accepted_row(Vec::new()), 0, DAY, "Purchases"), Redrive::NotNeeded);
}

#[test]
fn a_row_that_waited_for_a_goal_that_the_mapping_has_no_more_takes_todays() {
    let mut waiting = row();
    let held = Some(WaitReason::GoalHeld);
    waiting.open = Some(IndexClass::Wait.entry(&waiting.key, after(DAY), held));
    assert_eq!(read(&waiting, 0, DAY, "Purchases"), renamed());
    let (bench, goal) = (Bench::new(), id("Purchases"));
    let mapped = Today { goal: Some(&goal), has_old: true };
    let other_goal_for_the_event = redrive(&waiting, message(0), mapped, after(DAY), &bench.policy);
    assert_eq!(other_goal_for_the_event, Redrive::NotNeeded, "facts are fixed");
    // What was tried, or may have been by a run that died, may be at Microsoft under its old name.
    let unmapped = Today { goal: Some(&goal), has_old: false };
    let again = Delivery { receives: 2, ..message(0) };
    assert_eq!(redrive(&waiting, again, unmapped, after(DAY), &bench.policy), Redrive::NotNeeded);
    let mut otherwise = waiting.clone();
    otherwise.open =
        Some(IndexClass::Wait.entry(&waiting.key, after(DAY), Some(WaitReason::NoClick)));
    assert_eq!(read(&otherwise, 0, DAY, "Purchases"), Redrive::NotNeeded);
    waiting.observed_revision = 1;
    assert_eq!(read(&waiting, 0, DAY, "Purchases"), Redrive::NotNeeded);
}

#[test]
fn a_message_older_than_the_refusal_is_left_over() {
    for sent in [0, REFUSED - 1, REFUSED] {
        assert_eq!(read(&refused(5606), sent, DAY, "Purchases"), Redrive::LeftOver);
    }
    assert_eq!(read(&refused(5609), REFUSED + 1, DAY, "Purchase"), Redrive::Take(None));
}

#[test]
fn a_name_refusal_takes_todays_goal_once_no_run_can_know_the_old_one() {
    let row = refused(5606);
    let margin = Bench::new().policy.run_margin;
    assert_eq!(read(&row, REFUSED + 1, REFUSED + margin - 1, "Purchases"), Redrive::TooEarly);
    assert_eq!(read(&row, REFUSED + 1, REFUSED + margin, "Purchases"), renamed());
    // Under the same name nothing can count twice.
    assert_eq!(read(&row, REFUSED + 1, REFUSED + 2, "Purchase"), Redrive::Take(None));
    // The mapping no longer knows the event: the row keeps its goal.
    let policy = Bench::new().policy;
    let unmapped =
        redrive(&row, message(DAY), Today { goal: None, has_old: false }, after(DAY), &policy);
    assert_eq!(unmapped, Redrive::Take(None));
}

#[test]
fn only_a_name_refusal_changes_the_goal() {
    let symbol = Some("OfflineConversionNameInvalid".to_owned());
    let by_symbol = refused_for(RefusalReason::Microsoft { code: None, symbol });
    assert_eq!(read(&by_symbol, DAY, DAY, "Purchases"), renamed());
    assert_eq!(read(&refused(5605), DAY, DAY, "Purchases"), renamed());
    for code in [5604, 5609, 5627, 99_999] {
        assert_eq!(read(&refused(code), DAY, DAY, "Purchases"), Redrive::Take(None), "{code}");
    }
    for reason in [RefusalReason::Expired, RefusalReason::MayAlreadyCount] {
        assert_eq!(read(&refused_for(reason), DAY, DAY, "Purchases"), Redrive::Take(None));
    }
}

#[test]
fn no_new_name_after_an_unknown_outcome() {
    let mut row = refused(5606);
    row.observed.apply_unknown = true;
    assert_eq!(read(&row, DAY, DAY, "Purchases"), Redrive::Take(None));
}

#[test]
fn an_accepted_row_keeps_its_goal() {
    let mut row = refused(5606);
    row.observed.accepted = accepted_row(Vec::new()).observed.accepted;
    assert_eq!(read(&row, DAY, DAY, "Purchases"), Redrive::Take(None));
}

#[test]
fn a_dead_row_is_taken_as_it_is() {
    let mut row = row();
    row.observed.dead_at = Some(after(DAY));
    assert_eq!(read(&row, DAY, 2 * DAY, "Purchases"), Redrive::Take(None));
    assert_eq!(read(&row, 2 * DAY, 2 * DAY, "Purchases"), Redrive::Take(None));
}

#[test]
fn a_dead_row_that_is_refused_too_goes_by_its_refusal() {
    let mut row = refused(5606);
    row.observed.dead_at = Some(after(1));
    assert_eq!(read(&row, REFUSED - 1, DAY, "Purchases"), Redrive::LeftOver);
    assert_eq!(read(&row, DAY, DAY, "Purchases"), renamed());
}

proptest! {
    #[test]
    fn a_goal_changes_only_where_nothing_can_count_twice(
        code in prop_oneof![Just(5605_i64), Just(5606), Just(5609), Just(5615), Just(0)],
        accepted in prop::bool::ANY,
        unknown in prop::bool::ANY,
        (sent, now) in (REFUSED - 2..REFUSED + 1_000, REFUSED..REFUSED + 2_000),
        renamed in prop::bool::ANY,
    ) {
        let mut row = refused(code);
        row.observed.apply_unknown = unknown;
        if accepted {
            row.observed.accepted = accepted_row(Vec::new()).observed.accepted;
        }
        let goal = if renamed { "Purchases" } else { "Purchase" };
        if let Redrive::Take(Some(taken)) = read(&row, sent, now, goal) {
            prop_assert!(!accepted && !unknown && renamed && [5605, 5606].contains(&code));
            prop_assert!(sent > REFUSED && now >= REFUSED + 15 * 60);
            prop_assert_eq!(taken.as_str(), "Purchases");
        }
    }
}
