//! What is written of what was learned, at once and after another writer was faster.

use tracklayer_core::{
    ledger::{
        facts::Facts,
        observed::{
            Adjusted, AttemptOutcome, Claim, Kind, Postponed, Refusal,
            RefusalReason::{self, *},
        },
        row::Row,
        wait::WaitReason,
    },
    microsoft::{errors::ErrorClass, reply::MicrosoftError},
    person::identity::Identity,
    reconcile::{
        decide::Adjustment,
        note::{CallRef, Note, OnConflict, Write},
    },
};

use crate::support::*;

/// Half a day and a bit after acceptance.
const LATER: i64 = 15 * HOUR;

fn error(code: i64, class: ErrorClass) -> MicrosoftError {
    MicrosoftError { code: Some(code), symbol: Some("Symbol".to_owned()), class }
}

fn bad_name() -> MicrosoftError {
    error(5606, ErrorClass::GoalName)
}

fn too_old() -> MicrosoftError {
    error(5623, ErrorClass::Final)
}

fn soon(seconds: i64) -> Postponed {
    Postponed { until: after(seconds), reason: WaitReason::GoalTooRecent }
}

fn microsoft(code: i64) -> RefusalReason {
    Microsoft { code: Some(code), symbol: Some("Symbol".to_owned()) }
}

/// The row after this note at this time.
fn noted(row: &Row, note: &Note, seconds: i64) -> Row {
    let bench = Bench::new();
    let write = note.write(row, &bench.context(after(seconds)));
    let mut row = row.clone();
    assert!(carry_out(&mut row, &write));
    row
}

fn class(row: &Row) -> Option<&str> {
    row.open.as_ref().and_then(|open| open.class.split('#').next())
}

fn due(row: &Row) -> Option<i64> {
    row.open.as_ref().map(|open| open.due.seconds_since(sold()))
}

fn retract() -> Note {
    Note::Claimed(Adjustment::Retract, after(LATER))
}

fn restate(text: &str) -> Note {
    Note::Claimed(Adjustment::Restate(usd(text)), after(LATER))
}

/// A row with a refund of 30, its Restate claimed.
fn claimed_row() -> Row {
    noted(&accepted_row(vec![refund("r1", 60, "30")]), &restate("99.95"), LATER)
}

fn refused_row() -> Row {
    noted(&row(), &Note::Failed(Kind::Apply, mark(), bad_name()), 2 * HOUR)
}

fn all_notes() -> Vec<Note> {
    let mut notes = vec![
        Note::Waits(after(DAY), WaitReason::NoClick),
        Note::InSync,
        restate("99.95"),
        retract(),
        Note::Refused(Expired),
        Note::Taken(None),
        Note::Taken(Some(id("Purchases"))),
        Note::Dead,
    ];
    for kind in [Kind::Apply, Kind::Restate, Kind::Retract] {
        notes.push(Note::Accepted(kind, mark()));
        notes.push(Note::Failed(kind, mark(), bad_name()));
        notes.push(Note::Postponed(kind, mark(), error(5615, ErrorClass::Unknown), soon(DAY)));
        notes.push(Note::Unknown(kind, mark(), None));
        notes.push(Note::HandedBack(kind, mark(), error(106, ErrorClass::Account)));
    }
    notes
}

#[test]
fn a_first_write_relies_on_both_revisions_and_raises_observed_only_by_what_it_learned() {
    let bench = Bench::new();
    for note in all_notes() {
        let row = claimed_row();
        let write = note.write(&row, &bench.context(after(LATER)));
        assert_eq!(
            (write.if_observed, write.if_desired),
            (row.observed_revision, Some(row.desired_revision))
        );
        let teaches = !matches!(note, Note::Waits(..) | Note::InSync);
        assert_eq!(write.microsoft.is_some(), teaches, "{note:?}");
        assert_eq!(write.goal.is_some(), matches!(note, Note::Taken(Some(_))), "{note:?}");
    }
}

#[test]
fn in_sync_leaves_the_index() {
    let row = noted(&row(), &Note::Waits(after(DAY), WaitReason::NoClick), 0);
    assert_eq!((class(&row), due(&row), row.waits), (Some("wait"), Some(DAY), 1));
    let row = noted(&row, &Note::InSync, 0);
    assert_eq!((row.open, row.waits, row.observed_revision), (None, 0, 0));
}

#[test]
fn waits_are_counted_as_long_as_the_reason_stays() {
    let waits = |row: &Row, reason| noted(row, &Note::Waits(after(DAY), reason), 0);
    let once = waits(&row(), WaitReason::NoClick);
    let twice = waits(&once, WaitReason::NoClick);
    assert_eq!((once.waits, twice.waits), (1, 2));
    assert_eq!(waits(&twice, WaitReason::AmbiguousClick).waits, 1);
}

#[test]
fn rows_that_are_held_or_lack_their_original_stand_in_classes_of_their_own() {
    let waits = |row: Row, reason| noted(&row, &Note::Waits(after(DAY), reason), 0);
    assert_eq!(class(&waits(row(), WaitReason::AccountHeld)), Some("held:main"));
    assert_eq!(class(&waits(row(), WaitReason::GoalHeld)), Some("held:main/Purchase"));
    let orphan = Row { facts: None, ..row() };
    assert_eq!(class(&waits(orphan, WaitReason::OriginalMissing)), Some("orphan"));
    let of = |email| {
        let identity = Identity { email, ..Identity::default() };
        Row { facts: Some(Facts { identity, click: None, ..facts() }), ..row() }
    };
    let hashed = of(hash(MAIL));
    assert_eq!(class(&waits(hashed.clone(), WaitReason::NoClick)), Some("plain:main/Purchase"));
    assert_eq!(class(&waits(hashed, WaitReason::SettleDelay)), Some("wait"));
    assert_eq!(class(&waits(of(None), WaitReason::NoClick)), Some("wait"));
}

#[test]
fn a_claim_records_what_is_about_to_be_sent() {
    let row = claimed_row();
    let claim = Claim {
        at: after(LATER),
        value: Some(amount("99.95")),
        adjustment_time: after(LATER),
        after_unsettled: false,
    };
    assert_eq!(row.observed.claim, Some(claim));
    assert!(row.observed.unsettled, "until its outcome is known");
    assert_eq!(row.observed.retract_claimed, None);
}

#[test]
fn a_claimed_retract_remembers_the_corrections_it_knew() {
    let corrections = vec![refund("r1", 60, "30"), full("f", 70)];
    let row = noted(&accepted_row(corrections), &retract(), LATER);
    assert_eq!(row.observed.retract_claimed, Some(2));
    // Claimed again later, when there are more: what counts is what the first one knew.
    let mut more = row;
    more.corrections.push(restatement("n", 80, "50"));
    let again = noted(&more, &retract(), LATER + 13 * HOUR);
    assert_eq!(again.observed.retract_claimed, Some(2));
}

#[test]
fn a_claim_keeps_the_entry_that_brings_the_row_back_if_the_run_dies() {
    let row = accepted_row(vec![refund("r1", 60, "30")]);
    let row = noted(&row, &Note::Waits(after(14 * HOUR), WaitReason::SettleDelay), 3 * HOUR);
    let claimed = noted(&row, &restate("99.95"), LATER);
    assert_eq!(claimed.open, row.open);
}

#[test]
fn an_accepted_original_is_in_sync_or_waits_for_its_correction() {
    let taken = Note::Accepted(Kind::Apply, mark());
    let row = noted(&row(), &taken, 2 * HOUR);
    let accepted = row.observed.accepted.as_ref().expect("accepted");
    assert_eq!((accepted.at, &accepted.by), (after(2 * HOUR), &production()));
    assert_eq!(accepted.tracking_id.as_deref(), Some("t-1"));
    assert_eq!((&row.open, row.observed.attempts), (&None, 1));
    let mut early = crate::support::row();
    early.corrections.push(refund("r1", 60, "30"));
    let early = noted(&early, &taken, 2 * HOUR);
    assert_eq!((class(&early), due(&early)), (Some("wait"), Some(14 * HOUR)));
}

#[test]
fn an_acceptance_removes_refusal_death_postponement_and_doubt_of_the_original() {
    let mut row = refused_row();
    row.observed.dead_at = Some(after(1));
    row.observed.apply_unknown = true;
    row.observed.postponed = Some(soon(DAY));
    let row = noted(&row, &Note::Accepted(Kind::Apply, mark()), 3 * HOUR);
    let known = &row.observed;
    assert_eq!((&known.refusal, known.dead_at, known.postponed), (&None, None, None));
    assert!(!known.apply_unknown);
    assert_eq!(row.open, None);
}

#[test]
fn a_second_acceptance_keeps_the_time_of_the_first() {
    let first = accepted_row(Vec::new());
    let second = noted(&first, &Note::Accepted(Kind::Apply, mark()), DAY);
    assert_eq!(second.observed.accepted, first.observed.accepted);
    assert_eq!(second.observed.attempts, 1);
}

#[test]
fn a_second_acceptance_leaves_the_refusal_of_an_adjustment() {
    let refused = noted(&claimed_row(), &Note::Failed(Kind::Restate, mark(), too_old()), LATER);
    let row = noted(&refused, &Note::Accepted(Kind::Apply, mark()), LATER + 5);
    assert_eq!(row.observed.refusal, refused.observed.refusal);
    // In the class "wait" it would be signalled, and the signal would pass for a redrive.
    assert_eq!((class(&row), due(&row)), (Some("refused"), Some(LATER)));
}

#[test]
fn a_taken_adjustment_stands_and_settles() {
    let row = noted(&claimed_row(), &Note::Accepted(Kind::Restate, mark()), LATER + 2);
    let adjusted = Adjusted {
        at: after(LATER + 2),
        value: Some(amount("99.95")),
        tracking_id: Some("t-1".to_owned()),
    };
    assert_eq!(row.observed.adjusted, Some(adjusted));
    assert!(!row.observed.unsettled);
    assert_eq!(row.open, None);
}

#[test]
fn a_refusal_stands_in_the_class_refused() {
    let row = refused_row();
    let expected = Refusal { at: after(2 * HOUR), reason: microsoft(5606) };
    assert_eq!(row.observed.refusal, Some(expected));
    assert_eq!(class(&row), Some("refused"));
    let last = row.observed.last.as_ref().expect("an attempt");
    assert_eq!(
        (last.kind, last.outcome, last.code),
        (Kind::Apply, AttemptOutcome::Refused, Some(5606))
    );
    let expired = noted(&crate::support::row(), &Note::Refused(Expired), 91 * DAY);
    assert_eq!((class(&expired), expired.observed.attempts), (Some("refused"), 0));
}

#[test]
fn an_original_refused_after_an_unknown_outcome_may_already_count() {
    let doubtful = noted(&row(), &Note::Unknown(Kind::Apply, mark(), None), HOUR);
    assert!(doubtful.observed.apply_unknown);
    for error in
        [bad_name(), error(5609, ErrorClass::Final), error(5627, ErrorClass::Configuration)]
    {
        let code = error.code;
        let row = noted(&doubtful, &Note::Failed(Kind::Apply, mark(), error), 2 * HOUR);
        assert_eq!(row.observed.refusal.expect("refused").reason, MayAlreadyCount);
        assert_eq!(row.observed.last.expect("an attempt").code, code);
    }
}

#[test]
fn an_unknown_original_is_marked_and_left_to_its_message() {
    let row = noted(&row(), &Note::Unknown(Kind::Apply, mark(), None), HOUR);
    assert_eq!((row.observed.apply_unknown, row.observed.unsettled), (true, false));
    assert_eq!((row.open, row.observed.attempts), (None, 1));
    let late = noted(&accepted_row(Vec::new()), &Note::Unknown(Kind::Apply, mark(), None), DAY);
    assert!(!late.observed.apply_unknown, "it is accepted, there is no doubt");
}

#[test]
fn an_unknown_adjustment_is_due_when_the_next_may_be_claimed() {
    let row = noted(&claimed_row(), &Note::Unknown(Kind::Restate, mark(), None), LATER + 60);
    assert!(row.observed.unsettled);
    let open = row.open.as_ref().expect("due");
    assert_eq!(open.reason, Some(WaitReason::RepeatAfterUnknown));
    assert_eq!(due(&row), Some(LATER + Bench::new().policy.spacing()));
}

#[test]
fn a_refused_adjustment_leaves_the_doubt_that_was_there_before() {
    for outcome in [
        Note::Failed(Kind::Restate, mark(), too_old()),
        Note::Postponed(Kind::Restate, mark(), too_old(), soon(DAY)),
    ] {
        let settled = noted(&claimed_row(), &outcome, LATER);
        assert!(!settled.observed.unsettled);
        let doubtful = noted(&claimed_row(), &Note::Unknown(Kind::Restate, mark(), None), LATER);
        let again = noted(&doubtful, &restate("99.95"), LATER + DAY);
        assert!(noted(&again, &outcome, LATER + DAY).observed.unsettled);
    }
}

#[test]
fn a_call_refused_as_a_whole_is_an_attempt_and_changes_nothing_else() {
    let handed_back = |kind| Note::HandedBack(kind, mark(), error(106, ErrorClass::Account));
    let row = noted(&row(), &handed_back(Kind::Apply), HOUR);
    let last = row.observed.last.clone().expect("an attempt");
    assert_eq!((last.outcome, last.code), (AttemptOutcome::Refused, Some(106)));
    assert_eq!((row.observed.apply_unknown, row.observed.refusal, row.open), (false, None, None));

    let row = noted(&claimed_row(), &handed_back(Kind::Restate), LATER + 60);
    assert!(!row.observed.unsettled, "nothing of it was taken");
    assert_eq!(row.open.and_then(|open| open.reason), Some(WaitReason::BetweenAdjustments));
}

#[test]
fn what_microsoft_wants_later_is_due_later() {
    let later =
        Note::Postponed(Kind::Apply, mark(), error(5615, ErrorClass::Unknown), soon(4 * HOUR));
    let row = noted(&row(), &later, 2 * HOUR);
    assert_eq!((class(&row), due(&row)), (Some("wait"), Some(4 * HOUR)));
    assert_eq!(row.observed.refusal, None);
    assert_eq!(row.observed.last.as_ref().expect("an attempt").code, Some(5615));
}

#[test]
fn a_taken_row_is_decided_under_its_new_goal() {
    let taken = Note::Taken(Some(id("Purchases")));
    let row = noted(&refused_row(), &taken, DAY);
    assert_eq!(row.facts.as_ref().expect("facts").goal.as_str(), "Purchases");
    assert_eq!((&row.observed.refusal, class(&row)), (&None, None));
    // The goal it had is held, as its name is unknown at Microsoft; the new one is not.
    let mut bench = Bench::new();
    bench.account.held_goals = vec!["Purchase".to_owned()];
    let write = taken.write(&refused_row(), &bench.context(after(DAY)));
    assert_eq!(write.open, None);
}

#[test]
fn a_taken_dead_row_is_alive() {
    let dead = noted(&row(), &Note::Dead, DAY);
    assert_eq!((class(&dead), dead.observed.dead_at), (Some("dead"), Some(after(DAY))));
    let taken = noted(&dead, &Note::Taken(None), 2 * DAY);
    assert_eq!((class(&taken), taken.observed.dead_at), (None, None));
}

#[test]
fn an_outcome_that_comes_late_does_not_wake_a_dead_or_refused_row() {
    for rest in [Note::Dead, Note::Failed(Kind::Restate, mark(), too_old())] {
        let resting = noted(&claimed_row(), &rest, LATER);
        let row = noted(&resting, &Note::Unknown(Kind::Restate, mark(), None), LATER + 9);
        assert_eq!((class(&row), due(&row)), (class(&resting), due(&resting)), "{rest:?}");
        assert!(row.observed.unsettled);
    }
}

// --- another writer was faster

/// What a second writer did.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    Wrote,
    WroteUnknown,
    HandedBack,
}

fn desired_moved(seen: &Row) -> Row {
    let mut row = seen.clone();
    row.corrections.push(refund("late", 90, "5"));
    row.desired_revision += 1;
    row
}

fn observed_moved(seen: &Row) -> Row {
    let mut row = seen.clone();
    row.observed_revision += 1;
    row.observed.attempts += 1;
    row
}

fn second(note: &Note, seen: &Row, current: &Row) -> (Then, Option<Write>) {
    let bench = Bench::new();
    match note.again(seen, current, &bench.context(after(LATER + 3))) {
        OnConflict::HandBack => (Then::HandedBack, None),
        OnConflict::Write(write) => {
            let mut row = current.clone();
            assert!(carry_out(&mut row, &write), "it must fit the row as it is now");
            let outcome = row.observed.last.as_ref().map(|last| last.outcome);
            let unknown =
                outcome == Some(AttemptOutcome::Unknown) && !matches!(note, Note::Unknown(..));
            (if unknown { Then::WroteUnknown } else { Then::Wrote }, Some(*write))
        }
    }
}

#[test]
fn if_only_desired_moved_nothing_known_is_thrown_away() {
    for note in all_notes() {
        let seen = claimed_row();
        let plan = matches!(note, Note::Waits(..) | Note::InSync | Note::Claimed(..));
        let expected = if plan { Then::HandedBack } else { Then::Wrote };
        assert_eq!(second(&note, &seen, &desired_moved(&seen)).0, expected, "{note:?}");
    }
}

#[test]
fn if_observed_moved_an_adjustment_is_unknown_and_only_two_outcomes_are_written_as_they_are() {
    for note in all_notes() {
        let seen = claimed_row();
        let expected = match (&note, note.kind()) {
            (Note::Accepted(Kind::Apply, _) | Note::Unknown(..), _) => Then::Wrote,
            (_, Some(Kind::Restate | Kind::Retract)) => Then::WroteUnknown,
            _ => Then::HandedBack,
        };
        for current in [observed_moved(&seen), desired_moved(&observed_moved(&seen))] {
            assert_eq!(second(&note, &seen, &current).0, expected, "{note:?}");
        }
    }
}

#[test]
fn an_adjustment_written_again_asks_for_the_correction_that_came_meanwhile() {
    let seen = claimed_row();
    let note = Note::Accepted(Kind::Restate, mark());
    let (_, write) = second(&note, &seen, &desired_moved(&seen));
    let write = write.expect("a write");
    let known = write.microsoft.expect("an outcome");
    assert_eq!(known.adjusted.expect("adjusted").value, Some(amount("99.95")));
    let due = write.open.expect("due").due;
    assert_eq!(due, after(LATER + Bench::new().policy.spacing()));
}

#[test]
fn a_refusal_written_again_stays_in_the_class_refused() {
    let seen = claimed_row();
    let note = Note::Failed(Kind::Restate, mark(), too_old());
    let (_, write) = second(&note, &seen, &desired_moved(&seen));
    let write = write.expect("a write");
    assert!(write.open.expect("an entry").class.starts_with("refused#"));
}

#[test]
fn an_unknown_adjustment_is_due_when_observed_moved() {
    let seen = claimed_row();
    let note = Note::Accepted(Kind::Restate, mark());
    let (_, write) = second(&note, &seen, &observed_moved(&seen));
    let write = write.expect("a write");
    assert!(write.microsoft.expect("a mark").unsettled);
    assert!(write.open.expect("due").class.starts_with("wait#"));
}

#[test]
fn an_acceptance_removes_a_refusal_that_another_worker_wrote_meanwhile() {
    let seen = row();
    let current = refused_row();
    let (_, write) = second(&Note::Accepted(Kind::Apply, mark()), &seen, &current);
    let known = write.expect("a write").microsoft.expect("an outcome");
    assert_eq!(known.refusal, None);
    assert!(known.accepted.is_some());
}

#[test]
fn the_mark_unknown_does_not_undo_an_acceptance() {
    let (_, write) =
        second(&Note::Unknown(Kind::Apply, mark(), None), &row(), &accepted_row(Vec::new()));
    let known = write.expect("a write").microsoft.expect("a mark");
    assert!(known.accepted.is_some() && !known.apply_unknown);
}

#[test]
fn another_destination_is_told_apart() {
    let elsewhere = CallRef { to: sandbox(), tracking_id: None };
    let row = noted(&row(), &Note::Accepted(Kind::Apply, elsewhere), HOUR);
    assert_eq!(row.observed.accepted.as_ref().expect("accepted").by, sandbox());
    assert_eq!(
        Bench::new().context(after(DAY)).next(&row),
        tracklayer_core::reconcile::decide::Action::Refuse(AcceptedElsewhere)
    );
}
