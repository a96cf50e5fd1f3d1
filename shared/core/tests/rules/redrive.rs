//! Which message moves a refused or dead row on, and under which goal; and which is over.

use proptest::prelude::*;
use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::observed::{Kind, Refusal, RefusalReason};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::reconcile::note::Note;
use tracklayer_core::reconcile::redrive::{Redrive, redrive};

use crate::note::{noted, unknown};
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

/// Reads a message sent then, while the mapping names `goal`.
fn read(row: &Row, sent: i64, goal: &str) -> Redrive {
    redrive(row, after(sent), Some(&id(goal)))
}

fn renamed() -> Redrive {
    Redrive::Lift(Some(id("Purchases")))
}

#[test]
fn a_row_that_is_neither_refused_nor_dead_needs_none() {
    assert_eq!(read(&row(), DAY, "Purchases"), Redrive::NotNeeded);
    assert_eq!(read(&accepted_row(Vec::new()), DAY, "Purchases"), Redrive::NotNeeded);
    // It waited for a goal that the mapping has no more: it keeps its own.
    let mut held = row();
    held.open = open(IndexClass::Held("main/Purchase".to_owned()), 0, Some(WaitReason::GoalHeld));
    assert_eq!(read(&held, DAY, "Purchases"), Redrive::NotNeeded);
}

#[test]
fn a_message_older_than_the_refusal_is_left_over() {
    for sent in [0, REFUSED - 1, REFUSED] {
        assert_eq!(read(&refused(5606), sent, "Purchases"), Redrive::LeftOver);
    }
    assert_eq!(read(&refused(5609), REFUSED + 1, "Purchase"), Redrive::Lift(None));
}

#[test]
fn a_name_refusal_takes_todays_goal() {
    assert_eq!(read(&refused(5606), REFUSED + 1, "Purchases"), renamed());
    assert_eq!(read(&refused(5606), REFUSED + 1, "Purchase"), Redrive::Lift(None));
    // The mapping no longer knows the event: the row keeps its goal.
    assert_eq!(redrive(&refused(5606), after(DAY), None), Redrive::Lift(None));
}

#[test]
fn only_a_name_refusal_changes_the_goal() {
    let symbol = Some("OfflineConversionNameInvalid".to_owned());
    let by_symbol = refused_for(RefusalReason::Microsoft { code: None, symbol });
    assert_eq!(read(&by_symbol, DAY, "Purchases"), renamed());
    assert_eq!(read(&refused(5605), DAY, "Purchases"), renamed());
    for code in [5604, 5609, 5627, 99_999] {
        assert_eq!(read(&refused(code), DAY, "Purchases"), Redrive::Lift(None), "{code}");
    }
    for reason in [RefusalReason::Expired, RefusalReason::MayAlreadyCount] {
        assert_eq!(read(&refused_for(reason), DAY, "Purchases"), Redrive::Lift(None));
    }
}

#[test]
fn no_new_name_while_an_attempt_may_have_been_taken() {
    for change in [
        |row: &mut Row| row.observed.apply_unknown = true,
        |row: &mut Row| row.observed.applying = Some(after(1)),
        |row: &mut Row| row.observed.accepted = accepted_row(Vec::new()).observed.accepted,
    ] {
        let mut row = refused(5606);
        change(&mut row);
        assert_eq!(read(&row, DAY, "Purchases"), Redrive::Lift(None));
    }
}

#[test]
fn a_dead_row_is_lifted_as_it_is_by_any_message() {
    let mut row = row();
    row.observed.dead_at = Some(after(DAY));
    for sent in [0, DAY, 2 * DAY] {
        assert_eq!(read(&row, sent, "Purchases"), Redrive::Lift(None));
    }
}

#[test]
fn a_dead_row_that_is_refused_too_goes_by_its_refusal() {
    let mut row = refused(5606);
    row.observed.dead_at = Some(after(1));
    assert_eq!(read(&row, REFUSED - 1, "Purchases"), Redrive::LeftOver);
    assert_eq!(read(&row, DAY, "Purchases"), renamed());
}

proptest! {
    /// The run that left the row to its `due` deleted the message. Another one that has received it as
    /// well, and reads the row only now, must not send it: if it were refused, there would be no dead
    /// letter. What becomes of the row later changes nothing.
    #[test]
    fn a_message_from_before_a_wait_is_over(
        (left, sent) in (0..2 * HOUR, 0..2 * HOUR),
        note in prop_oneof![Just(Note::Left), Just(Note::Waits(after(DAY), WaitReason::GoalHeld))],
        is_accepted in prop::bool::ANY,
        is_claimed_since in prop::bool::ANY,
    ) {
        let row = if is_accepted { accepted_row(Vec::new()) } else { row() };
        let mut row = noted(&row, &note, left);
        prop_assert_eq!(row.observed.left_at, Some(after(left)));
        if is_claimed_since && !is_accepted {
            row = noted(&noted(&row, &Note::ClaimedApply, left + 1), &unknown(Kind::Apply), left + 2);
        }
        let expected = if sent > left { Redrive::NotNeeded } else { Redrive::LeftOver };
        prop_assert_eq!(read(&row, sent, "Purchases"), expected);
    }

    #[test]
    fn a_goal_changes_only_where_nothing_can_count_twice(
        code in prop_oneof![Just(5605_i64), Just(5606), Just(5609), Just(5615), Just(0)],
        (accepted, unknown, applying) in (prop::bool::ANY, prop::bool::ANY, prop::bool::ANY),
        sent in REFUSED - 2..REFUSED + 1_000,
        renamed in prop::bool::ANY,
    ) {
        let mut row = refused(code);
        row.observed.apply_unknown = unknown;
        row.observed.applying = Some(after(1)).filter(|_| applying);
        row.observed.accepted = accepted_row(Vec::new()).observed.accepted.filter(|_| accepted);
        let goal = if renamed { "Purchases" } else { "Purchase" };
        let by_name = [5605, 5606].contains(&code);
        let free = !accepted && !unknown && !applying && renamed && by_name;
        let expected = match sent > REFUSED {
            true => Redrive::Lift(free.then(|| id("Purchases"))),
            false => Redrive::LeftOver,
        };
        prop_assert_eq!(read(&row, sent, goal), expected);
    }
}
