//! From Microsoft's answer to what is noted about each row of the call.

use crate::{
    ledger::{
        observed::{Attempt, AttemptOutcome, Kind, Postponed},
        row::Row,
        wait::WaitReason,
    },
    microsoft::{
        errors::{ErrorClass, UNREADABLE, Wait, classify},
        reply::{MicrosoftError, Reply, RowOutcome},
    },
    reconcile::{
        decide::Policy,
        note::{CallRef, Note},
    },
    time::EventTime,
};

/// What follows from an answer for the whole call.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// One note per row, in the order sent.
    Notes(Vec<Note>),
    /// Nothing was taken; the rows are handed back, for this reason, with one note per row.
    HandBack(Trouble, MicrosoftError, Vec<Note>),
    /// Nothing was taken, perhaps because of a row that can't be read: send the two halves apart.
    /// The notes are for the case that they are not.
    Halve(MicrosoftError, Vec<Note>),
}

/// Why a whole account's rows are handed back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Too many calls; the account pauses.
    Throttled,
    /// The access token was refused.
    Token,
    /// The account can't be used until a person repairs something.
    Account,
    /// Something this software doesn't know.
    Unfamiliar,
}

/// From this many attempts on that Microsoft refused for something unfamiliar, one row of the call
/// is taken for the cause. Not before: it may be the account's, and pass or be repaired.
const BAFFLING: u32 = 3;

/// Whether `row` was tried often and is refused for something unfamiliar.
#[must_use]
pub fn is_baffling(row: &Row) -> bool {
    let unfamiliar = |last: &Attempt| {
        last.outcome != AttemptOutcome::Accepted
            && (last.code.is_some() || last.error_code.is_some())
            && classify(last.code, last.error_code.as_deref()) == ErrorClass::Unknown
    };
    row.observed.attempts >= BAFFLING && row.observed.last.as_ref().is_some_and(unfamiliar)
}

/// Reads `reply` to a call that carried rows of these `kinds`, one of them perhaps
/// [baffling](is_baffling).
#[must_use]
pub fn verdict(
    reply: Reply,
    kinds: &[Kind],
    baffling: bool,
    mark: &CallRef,
    now: EventTime,
    policy: &Policy,
) -> Verdict {
    match reply {
        Reply::Rows(outcomes) => Verdict::Notes(
            kinds
                .iter()
                .zip(outcomes)
                .map(|(kind, row)| note(*kind, row, mark, now, policy))
                .collect(),
        ),
        Reply::Unknown(_, error) => {
            let note = |kind: &Kind| Note::Unknown(*kind, mark.clone(), error.clone());
            let notes = kinds.iter().map(note).collect();
            match error {
                Some(error) if baffling && kinds.len() > 1 && is_unreadable(&error) => {
                    Verdict::Halve(error, notes)
                }
                _ => Verdict::Notes(notes),
            }
        }
        Reply::Fault(error) => fault(error, kinds, baffling, mark, now, policy),
    }
}

fn is_unreadable(error: &MicrosoftError) -> bool {
    error.code.is_none() && error.symbol.as_deref() == Some(UNREADABLE)
}

fn fault(
    error: MicrosoftError,
    kinds: &[Kind],
    baffling: bool,
    mark: &CallRef,
    now: EventTime,
    policy: &Policy,
) -> Verdict {
    let note = |kind: &Kind| Note::HandedBack(*kind, mark.clone(), error.clone());
    let notes = kinds.iter().map(note).collect();
    let trouble = match (error.class, kinds) {
        (ErrorClass::Throttled, _) => Trouble::Throttled,
        (ErrorClass::Token, _) => Trouble::Token,
        (ErrorClass::Account | ErrorClass::Retry, _) => Trouble::Account,
        (ErrorClass::Unknown, _) if !baffling => Trouble::Unfamiliar,
        (_, [kind]) => return Verdict::Notes(vec![failed(*kind, error, mark, now, policy)]),
        _ => return Verdict::Halve(error, notes),
    };
    Verdict::HandBack(trouble, error, notes)
}

fn note(kind: Kind, outcome: RowOutcome, mark: &CallRef, now: EventTime, policy: &Policy) -> Note {
    match outcome {
        RowOutcome::Accepted => Note::Accepted(kind, mark.clone()),
        RowOutcome::Unknown => Note::Unknown(kind, mark.clone(), None),
        RowOutcome::Failed(error) => failed(kind, error, mark, now, policy),
    }
}

fn failed(
    kind: Kind,
    error: MicrosoftError,
    mark: &CallRef,
    now: EventTime,
    policy: &Policy,
) -> Note {
    match error.class {
        ErrorClass::Wait(wait) => {
            let postponed = postponed(wait, now, policy);
            Note::Postponed(kind, mark.clone(), error, postponed)
        }
        // Trouble that Microsoft reports for one row: whether it counted is not said.
        ErrorClass::Retry | ErrorClass::Throttled | ErrorClass::Token | ErrorClass::Account => {
            Note::Unknown(kind, mark.clone(), Some(error))
        }
        ErrorClass::Configuration
        | ErrorClass::GoalName
        | ErrorClass::Final
        | ErrorClass::Defect
        | ErrorClass::Unknown => Note::Failed(kind, mark.clone(), error),
    }
}

/// A goal takes conversions two hours after it was made; a clock difference passes in minutes.
fn postponed(wait: Wait, now: EventTime, policy: &Policy) -> Postponed {
    let (seconds, reason) = match wait {
        Wait::GoalTooRecent => (2 * policy.hour, WaitReason::GoalTooRecent),
        Wait::TimeInFuture => ((policy.hour / 12).max(1), WaitReason::TimeInFuture),
    };
    Postponed { until: now.plus_seconds(seconds), reason }
}
