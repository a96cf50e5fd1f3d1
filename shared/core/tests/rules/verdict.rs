//! What follows from an answer, for each row and for the whole call.

use tracklayer_core::{
    errors::{Class, TABLE, Wait, classify},
    note::Note,
    observed::{Kind, Postponed},
    open::WaitReason,
    reply::{MicrosoftError, Reply, RowOutcome},
    verdict::{Trouble, Verdict, verdict},
};

use crate::support::*;

const KINDS: [Kind; 3] = [Kind::Restate, Kind::Retract, Kind::Restate];

fn error(class: Class) -> MicrosoftError {
    MicrosoftError { code: Some(4_711), symbol: Some("Symbol".to_owned()), class }
}

fn read(reply: Reply, kinds: &[Kind]) -> Verdict {
    verdict(reply, kinds, &mark(), sold(), &Bench::new().policy)
}

/// The note about one row that Microsoft named.
fn named(class: Class) -> Note {
    let rows = vec![RowOutcome::Accepted, RowOutcome::Failed(error(class)), RowOutcome::Unknown];
    let Verdict::Notes(notes) = read(Reply::Rows(rows), &KINDS) else { panic!("notes") };
    assert_eq!(notes.len(), 3);
    assert_eq!(notes[0], Note::Accepted(Kind::Restate, mark()));
    assert_eq!(notes[2], Note::Unknown(Kind::Restate, mark(), None));
    notes[1].clone()
}

#[test]
fn lasting_errors_refuse_the_row() {
    for class in
        [Class::Configuration, Class::GoalName, Class::Final, Class::Defect, Class::Unknown]
    {
        assert_eq!(named(class), Note::Failed(Kind::Retract, mark(), error(class)));
    }
}

#[test]
fn trouble_reported_for_one_row_is_an_unknown_outcome() {
    for class in [Class::Retry, Class::Throttled, Class::Token, Class::Account] {
        assert_eq!(
            named(class),
            Note::Unknown(Kind::Retract, mark(), Some(error(class))),
            "{class:?}"
        );
    }
}

#[test]
fn passing_errors_wait_a_time_that_can_be_named() {
    for (wait, until, reason) in [
        (Wait::GoalTooRecent, after(2 * HOUR), WaitReason::GoalTooRecent),
        (Wait::TimeInFuture, after(5 * 60), WaitReason::TimeInFuture),
    ] {
        let class = Class::Wait(wait);
        let postponed = Postponed { until, reason };
        assert_eq!(named(class), Note::Postponed(Kind::Retract, mark(), error(class), postponed));
    }
}

#[test]
fn an_unknown_answer_leaves_every_row_unknown() {
    let expected = KINDS.iter().map(|kind| Note::Unknown(*kind, mark(), None)).collect();
    assert_eq!(read(Reply::Unknown("timeout", None), &KINDS), Verdict::Notes(expected));
}

#[test]
fn trouble_of_the_account_hands_everything_back_and_keeps_its_code() {
    for (class, trouble) in [
        (Class::Throttled, Trouble::Throttled),
        (Class::Token, Trouble::Token),
        (Class::Account, Trouble::Account),
        (Class::Unknown, Trouble::Unfamiliar),
    ] {
        for kinds in [&KINDS[..], &KINDS[..1]] {
            let note = |kind: &Kind| Note::HandedBack(*kind, mark(), error(class));
            let notes = kinds.iter().map(note).collect();
            let expected = Verdict::HandBack(trouble, error(class), notes);
            assert_eq!(read(Reply::Fault(error(class)), kinds), expected);
        }
    }
}

#[test]
fn a_call_refused_for_some_row_is_halved_until_one_row_is_left() {
    for class in [Class::Defect, Class::Final, Class::GoalName, Class::Configuration] {
        assert_eq!(read(Reply::Fault(error(class)), &KINDS), Verdict::Halve(error(class)));
        let alone = read(Reply::Fault(error(class)), &KINDS[..1]);
        let expected = Note::Failed(Kind::Restate, mark(), error(class));
        assert_eq!(alone, Verdict::Notes(vec![expected]));
    }
}

#[test]
fn no_class_of_error_is_taken_for_an_acceptance() {
    for entry in TABLE {
        let class = classify(entry.code, Some(entry.symbol));
        assert!(!matches!(named(class), Note::Accepted(..)), "{}", entry.symbol);
    }
}
