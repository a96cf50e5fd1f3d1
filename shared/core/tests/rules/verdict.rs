//! What follows from an answer, for each row and for the whole call.

use tracklayer_core::ledger::observed::{Kind, Postponed};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::microsoft::errors::{ErrorClass, TABLE, Wait, classify};
use tracklayer_core::microsoft::reply::{MicrosoftError, Reply, RowOutcome, read_apply};
use tracklayer_core::reconcile::note::Note;
use tracklayer_core::reconcile::verdict::{Sent, Trouble, Verdict, verdict};

use crate::support::*;

const KINDS: [Kind; 3] = [Kind::Restate, Kind::Retract, Kind::Restate];

fn error(class: ErrorClass) -> MicrosoftError {
    MicrosoftError { code: Some(4_711), symbol: Some("Symbol".to_owned()), class }
}

fn read(reply: Reply, kinds: &[Kind]) -> Verdict {
    let sent: Vec<_> = kinds.iter().map(|kind| Sent::of(&row(), *kind)).collect();
    verdict(reply, &sent, &mark(), sold(), &Bench::new().policy)
}

/// The note about one row that Microsoft named.
fn named(class: ErrorClass) -> Note {
    let rows = vec![RowOutcome::Accepted, RowOutcome::Failed(error(class)), RowOutcome::Unknown];
    let Verdict { notes, trouble, answered } = read(Reply::Rows(rows), &KINDS);
    assert_eq!((notes.len(), trouble, answered), (3, None, true));
    assert_eq!(notes[0], Note::Accepted(Kind::Restate, mark()));
    assert_eq!(notes[2], Note::Unknown(Kind::Restate, mark(), None));
    notes[1].clone()
}

#[test]
fn lasting_errors_refuse_the_row() {
    for class in [
        ErrorClass::Configuration,
        ErrorClass::GoalName,
        ErrorClass::Click,
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
    let all = |error: Option<MicrosoftError>| {
        KINDS.iter().map(|kind| Note::Unknown(*kind, mark(), error.clone())).collect::<Vec<_>>()
    };
    let silent = Verdict { notes: all(None), trouble: None, answered: false };
    assert_eq!(read(Reply::Unknown("timeout", None), &KINDS), silent);
    // Under HTTP 500 a refused token is trouble of the account, and yet no row is known.
    let token = error(ErrorClass::Token);
    let trouble = Some((Trouble::Token, token.clone()));
    let expected = Verdict { notes: all(Some(token.clone())), trouble, answered: false };
    assert_eq!(read(Reply::Unknown("5xx", Some(token)), &KINDS), expected);
}

#[test]
fn trouble_of_the_account_takes_every_claim_back_and_keeps_its_code() {
    for (class, trouble) in [
        (ErrorClass::Throttled, Trouble::Throttled),
        (ErrorClass::Token, Trouble::Token),
        (ErrorClass::Account, Trouble::Account),
    ] {
        for kinds in [&KINDS[..], &KINDS[..1]] {
            let note = |kind: &Kind| Note::NotTaken(*kind, mark(), Some(error(class)));
            let notes = kinds.iter().map(note).collect();
            let trouble = Some((trouble, error(class)));
            let expected = Verdict { notes, trouble, answered: false };
            assert_eq!(read(Reply::Fault(error(class)), kinds), expected);
        }
    }
}

#[test]
fn a_call_refused_for_some_row_fails_whole_until_that_row_is_alone() {
    for class in [
        ErrorClass::Defect,
        ErrorClass::Click,
        ErrorClass::Final,
        ErrorClass::GoalName,
        ErrorClass::Configuration,
    ] {
        let note = |kind: &Kind| Note::NotTaken(*kind, mark(), Some(error(class)));
        let whole =
            Verdict { notes: KINDS.iter().map(note).collect(), trouble: None, answered: false };
        assert_eq!(read(Reply::Fault(error(class)), &KINDS), whole);
        let notes = vec![Note::Failed(Kind::Restate, mark(), error(class))];
        let alone = Verdict { notes, trouble: None, answered: true };
        assert_eq!(read(Reply::Fault(error(class)), &KINDS[..1]), alone);
    }
}

#[test]
fn unfamiliar_words_are_an_unknown_outcome_however_few_rows_there_are() {
    let bodies: [&[u8]; 2] = [br#"{"Errors":[{"Code":4242,"ErrorCode":"BadJson"}]}"#, b"<html>"];
    for (body, rows) in bodies.into_iter().flat_map(|body| [(body, 1), (body, 3)]) {
        let verdict = read(read_apply(400, body, rows), &KINDS[..rows]);
        let unknown = |note: &Note| matches!(note, Note::Unknown(..));
        assert!(!verdict.answered && verdict.notes.iter().all(unknown), "{verdict:?}");
    }
}

/// 5616, with whatever is known of the row.
#[test]
fn a_click_later_than_the_conversion_is_taken_from_the_row_only_where_nothing_is_open() {
    let late = MicrosoftError::new(Some(5616), None);
    let judged = |row: &Row, kind| {
        let rows = Reply::Rows(vec![RowOutcome::Failed(late.clone())]);
        let sent = [Sent::of(row, kind)];
        verdict(rows, &sent, &mark(), sold(), &Bench::new().policy).notes.remove(0)
    };
    assert_eq!(judged(&row(), Kind::Apply), Note::ClickRefused(mark(), late.clone()));
    let failed = |kind| Note::Failed(kind, mark(), late.clone());
    let mut unknown = row();
    unknown.observed.apply_unknown = true;
    assert_eq!(judged(&unknown, Kind::Apply), failed(Kind::Apply));
    assert_eq!(judged(&row_of(hashed()), Kind::Apply), failed(Kind::Apply), "it has no click");
    assert_eq!(judged(&row(), Kind::Retract), failed(Kind::Retract));
}

#[test]
fn no_class_of_error_is_taken_for_an_acceptance() {
    for entry in TABLE {
        let class = classify(entry.code, Some(entry.symbol));
        assert!(!matches!(named(class), Note::Accepted(..)), "{}", entry.symbol);
    }
}
