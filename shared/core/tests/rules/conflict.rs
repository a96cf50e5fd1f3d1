//! What is still written when another writer was faster.

use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::observed::{AttemptOutcome, Kind, Observed, RefusalReason};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::reconcile::erasure::erase;
use tracklayer_core::reconcile::note::Note;

use crate::{note::*, support::*};

/// What a second writer did.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    Wrote,
    WroteUnknown,
    GaveUp,
}

fn desired_moved(seen: &Row) -> Row {
    let mut row = seen.clone();
    row.corrections.push(refund("late", 90, "5"));
    row.desired_revision += 1;
    row
}

/// Somebody else noted something that leaves the claim alone.
fn observed_moved(seen: &Row) -> Row {
    let mut row = seen.clone();
    row.observed_revision += 1;
    row.observed.attempts += 1;
    row
}

/// The row after the second write, three seconds later.
fn second(note: &Note, seen: &Row, current: &Row) -> (Then, Row) {
    let mut row = current.clone();
    match note.again(seen, current, &Bench::new().context(after(LATER + 3))) {
        None => (Then::GaveUp, row),
        Some(write) => {
            assert!(carry_out(&mut row, &write), "it must fit the row as it is now");
            let outcome = row.observed.last.as_ref().map(|last| last.outcome);
            let unknown =
                outcome == Some(AttemptOutcome::Unknown) && !matches!(note, Note::Unknown(..));
            (if unknown { Then::WroteUnknown } else { Then::Wrote }, row)
        }
    }
}

fn marks() -> [Note; 2] {
    [Note::Dead, Note::Redriven(None)]
}

#[test]
fn a_plan_is_given_up_and_decided_afresh() {
    for (note, seen) in
        plans().into_iter().flat_map(|note| [(note.clone(), row()), (note, claimed_row())])
    {
        for current in [desired_moved(&seen), observed_moved(&seen)] {
            assert_eq!(second(&note, &seen, &current), (Then::GaveUp, current), "{note:?}");
        }
    }
}

#[test]
fn if_only_desired_moved_nothing_known_is_thrown_away() {
    let adjustments = [Kind::Restate, Kind::Retract].into_iter().flat_map(outcomes);
    for note in adjustments.chain(marks()) {
        let seen = claimed_row();
        assert_eq!(second(&note, &seen, &desired_moved(&seen)).0, Then::Wrote, "{note:?}");
    }
    for note in outcomes(Kind::Apply) {
        let seen = applying_row();
        assert_eq!(second(&note, &seen, &desired_moved(&seen)).0, Then::Wrote, "{note:?}");
    }
}

#[test]
fn if_observed_moved_an_adjustment_is_unknown() {
    for note in [Kind::Restate, Kind::Retract].into_iter().flat_map(outcomes) {
        let seen = claimed_row();
        let unknown = matches!(note, Note::Unknown(..));
        let expected = if unknown { Then::Wrote } else { Then::WroteUnknown };
        for current in [observed_moved(&seen), desired_moved(&observed_moved(&seen))] {
            let (then, row) = second(&note, &seen, &current);
            assert_eq!((then, row.observed.unsettled), (expected, true), "{note:?}");
            assert_eq!(class(&row), Some(IndexClass::Wait), "it is due");
        }
    }
    for note in marks() {
        let seen = claimed_row();
        assert_eq!(second(&note, &seen, &observed_moved(&seen)).0, Then::GaveUp, "{note:?}");
    }
}

/// Another run has noted its outcome just before the queue gave the message up: what is in the
/// dead-letter queue is in the ledger too, unless it needs no message any more.
#[test]
fn an_original_without_a_message_is_marked_as_dead_whatever_was_learned_of_it() {
    let seen = applying_row();
    let learned = |note: &Note| noted(&seen, note, HOUR + 60);
    for outcome in outcomes(Kind::Apply) {
        let current = learned(&outcome);
        let (then, row) = second(&Note::Dead, &seen, &current);
        let observed = &current.observed;
        let waits = current.open.is_some() && current.open != seen.open;
        let needs_none = observed.accepted.is_some() || observed.refusal.is_some() || waits;
        assert_eq!(then == Then::GaveUp, needs_none, "{outcome:?}");
        assert_eq!(row.observed.dead_at.is_some(), !needs_none, "{outcome:?}");
        assert_eq!(class(&row) == Some(IndexClass::Dead), !needs_none, "{outcome:?}");
        assert_eq!(second(&Note::Redriven(None), &seen, &current).0, Then::GaveUp, "{outcome:?}");
    }
    let erased = erase(&learned(&unknown(Kind::Apply)), after(HOUR + 90)).expect("erased");
    assert_eq!(second(&Note::Dead, &seen, &erased).0, Then::GaveUp);
}

/// What a run knows of its own claim of an original is written as long as that claim stands.
#[test]
fn the_outcome_of_an_original_is_written_until_another_run_has_claimed_it() {
    for note in outcomes(Kind::Apply) {
        let seen = applying_row();
        let dead = noted(&seen, &Note::Dead, HOUR + 60);
        assert_eq!(second(&note, &seen, &dead).0, Then::Wrote, "{note:?}");
        let claimed = noted(&seen, &Note::ClaimedApply, HOUR + 600);
        let (then, row) = second(&note, &seen, &claimed);
        let always = matches!(note, Note::Accepted(..) | Note::Unknown(..));
        assert_eq!(then, if always { Then::Wrote } else { Then::GaveUp }, "{note:?}");
        if !matches!(note, Note::Accepted(..)) {
            let open = (row.observed.applying, row.observed.apply_unknown);
            assert_eq!(open, (claimed.observed.applying, true), "{note:?}");
        }
    }
}

#[test]
fn the_mark_unknown_does_not_undo_an_acceptance() {
    let seen = applying_row();
    let accepted = noted(&seen, &Note::Accepted(Kind::Apply, mark()), HOUR + 5);
    for note in outcomes(Kind::Apply) {
        let (_, row) = second(&note, &seen, &accepted);
        assert!(!row.observed.apply_unknown && row.observed.refusal.is_none(), "{note:?}");
        assert_eq!(row.observed.accepted, accepted.observed.accepted, "{note:?}");
    }
}

#[test]
fn an_acceptance_removes_a_refusal_that_another_worker_wrote_meanwhile() {
    let seen = applying_row();
    let claimed = noted(&seen, &Note::ClaimedApply, HOUR + 600);
    let refused = noted(&claimed, &Note::Refused(RefusalReason::MayAlreadyCount), 2 * HOUR);
    let (_, row) = second(&Note::Accepted(Kind::Apply, mark()), &seen, &refused);
    assert_eq!((row.observed.refusal, row.observed.accepted.is_some()), (None, true));
}

#[test]
fn an_adjustment_written_again_asks_for_the_correction_that_came_meanwhile() {
    let seen = claimed_row();
    let note = Note::Accepted(Kind::Restate, mark());
    let (_, row) = second(&note, &seen, &desired_moved(&seen));
    assert_eq!(row.observed.adjusted.expect("adjusted").value, Some(amount("99.95")));
    let due = row.open.expect("due").due;
    assert_eq!(due, after(LATER + Bench::new().policy.spacing()));
}

#[test]
fn a_refusal_written_again_stays_in_the_class_refused() {
    let seen = claimed_row();
    let note = Note::Failed(Kind::Restate, mark(), too_old());
    let (_, row) = second(&note, &seen, &desired_moved(&seen));
    assert_eq!(class(&row), Some(IndexClass::Refused));
}

/// The message ends with either: a run that has received it too must not claim the row after that.
#[test]
fn a_row_that_waits_or_is_left_is_claimed_by_nobody_who_read_it_before() {
    let row = Row { open: open(IndexClass::Wait, DAY, None), ..claimed_row() };
    for note in [Note::Waits(after(DAY), WaitReason::GoalHeld), Note::Left] {
        let after_it = noted(&row, &note, LATER);
        let left_at = Some(after(LATER));
        let expected = Observed { left_at, ..row.observed.clone() };
        assert_eq!(after_it.observed, expected, "nothing is learned of Microsoft");
        let claim = restate("99.95").write(&row, None, &Bench::new().context(after(LATER)));
        assert!(!carry_out(&mut after_it.clone(), &claim), "{note:?}");
    }
}

#[test]
fn a_row_that_is_left_keeps_its_due_but_a_look_that_failed_is_repeated_in_an_hour() {
    let left = |class, at| {
        let row = Row { open: open(class, at, None), ..row() };
        noted(&row, &Note::Left, 60).open.map(|open| open.due.seconds_since(sold()))
    };
    assert_eq!(left(IndexClass::Wait, DAY), Some(DAY));
    assert_eq!(left(IndexClass::Look, DAY), Some(60 + HOUR));
    assert_eq!(left(IndexClass::Look, 90), Some(90));
    let bench = Bench::new();
    let context = &bench.context(after(60));
    let claimed = noted(&row(), &Note::ClaimedApply, 30);
    assert_eq!(Note::Left.again(&row(), &claimed, context), None);
    let other = noted(&row(), &Note::Left, 30);
    assert!(Note::Left.again(&row(), &other, context).is_some());
}
