//! What follows from an answer, for each row and for the whole call.

use tracklayer_core::{
    ledger::{
        observed::{Attempt, AttemptOutcome, Kind, Postponed},
        wait::WaitReason,
    },
    microsoft::{
        errors::{ErrorClass, TABLE, Wait, classify},
        reply::{MicrosoftError, Reply, RowOutcome, read_apply},
    },
    reconcile::{
        note::Note,
        verdict::{Trouble, Verdict, is_baffling, verdict},
    },
};

use crate::support::*;

const KINDS: [Kind; 3] = [Kind::Restate, Kind::Retract, Kind::Restate];

fn error(class: ErrorClass) -> MicrosoftError {
    MicrosoftError { code: Some(4_711), symbol: Some("Symbol".to_owned()), class }
}

fn read(reply: Reply, kinds: &[Kind]) -> Verdict {
    verdict(reply, kinds, false, &mark(), sold(), &Bench::new().policy)
}

/// The note about one row that Microsoft named.
fn named(class: ErrorClass) -> Note {
    let rows = vec![RowOutcome::Accepted, RowOutcome::Failed(error(class)), RowOutcome::Unknown];
    let Verdict::Notes(notes) = read(Reply::Rows(rows), &KINDS) else { panic!("notes") };
    assert_eq!(notes.len(), 3);
    assert_eq!(notes[0], Note::Accepted(Kind::Restate, mark()));
    assert_eq!(notes[2], Note::Unknown(Kind::Restate, mark(), None));
    notes[1].clone()
}

#[test]
fn lasting_errors_refuse_the_row() {
    for class in [
        ErrorClass::Configuration,
        ErrorClass::GoalName,
        ErrorClass::Final,
        ErrorClass::Defect,
        ErrorClass::Unknown,
    ] {
        assert_eq!(named(class), Note::Failed(Kind::Retract, mark(), error(class)));
    }
}

#[test]
fn trouble_reported_for_one_row_is_an_unknown_outcome() {
    for class in [ErrorClass::Retry, ErrorClass::Throttled, ErrorClass::Token, ErrorClass::Account]
    {
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
        let class = ErrorClass::Wait(wait);
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
        (ErrorClass::Throttled, Trouble::Throttled),
        (ErrorClass::Token, Trouble::Token),
        (ErrorClass::Account, Trouble::Account),
        (ErrorClass::Unknown, Trouble::Unfamiliar),
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
    for class in
        [ErrorClass::Defect, ErrorClass::Final, ErrorClass::GoalName, ErrorClass::Configuration]
    {
        let note = |kind: &Kind| Note::HandedBack(*kind, mark(), error(class));
        let halve = Verdict::Halve(error(class), KINDS.iter().map(note).collect());
        assert_eq!(read(Reply::Fault(error(class)), &KINDS), halve);
        let alone = read(Reply::Fault(error(class)), &KINDS[..1]);
        let expected = Note::Failed(Kind::Restate, mark(), error(class));
        assert_eq!(alone, Verdict::Notes(vec![expected]));
    }
}

#[test]
fn what_is_refused_again_and_again_for_something_unfamiliar_is_halved_like_that() {
    let policy = Bench::new().policy;
    let again =
        |reply: Reply, kinds: &[Kind]| verdict(reply, kinds, true, &mark(), sold(), &policy);
    let new = || read_apply(400, br#"{"Errors":[{"Code":4242,"ErrorCode":"BadJson"}]}"#, 3);
    let silent = || read_apply(400, b"<html>", 3);
    for reply in [new, silent] {
        assert!(matches!(again(reply(), &KINDS), Verdict::Halve(_, notes) if notes.len() == 3));
        assert!(!matches!(read(reply(), &KINDS), Verdict::Halve(..)), "not at once");
    }
    let alone = again(new(), &KINDS[..1]);
    assert!(matches!(&alone, Verdict::Notes(notes) if matches!(notes[0], Note::Failed(..))));
    let alone = again(silent(), &KINDS[..1]);
    assert!(matches!(&alone, Verdict::Notes(notes) if matches!(notes[0], Note::Unknown(..))));
    // Trouble that is not the request's stays what it is.
    for status in [500, 503, 404, 429, 401] {
        let reply = read_apply(status, b"", 3);
        assert!(!matches!(again(reply, &KINDS), Verdict::Halve(..)), "{status}");
    }
}

#[test]
fn a_row_is_baffling_from_its_third_unfamiliar_refusal_on() {
    let tried = |attempts: u32, outcome, code, symbol: Option<&str>| {
        let mut row = row();
        row.observed.attempts = attempts;
        row.observed.last = Some(Attempt {
            at: sold(),
            kind: Kind::Apply,
            outcome,
            code,
            error_code: symbol.map(str::to_owned),
            tracking_id: None,
        });
        is_baffling(&row)
    };
    let refused = AttemptOutcome::Refused;
    assert!(tried(3, refused, Some(4_242), None));
    assert!(tried(3, AttemptOutcome::Unknown, None, Some("HTTP 400")));
    assert!(!tried(2, refused, Some(4_242), None));
    assert!(!tried(3, refused, Some(105), None), "a known one");
    assert!(!tried(9, AttemptOutcome::Unknown, None, None), "no answer says nothing");
    assert!(!tried(9, AttemptOutcome::Accepted, None, None));
    assert!(!is_baffling(&row()));
}

#[test]
fn no_class_of_error_is_taken_for_an_acceptance() {
    for entry in TABLE {
        let class = classify(entry.code, Some(entry.symbol));
        assert!(!matches!(named(class), Note::Accepted(..)), "{}", entry.symbol);
    }
}
