//! From Microsoft's answer to what is noted about each row of the call.

use crate::{
    decide::Policy,
    errors::{Class, Wait},
    note::{Mark, Note},
    observed::{Kind, Postponed},
    open::WaitReason,
    reply::{MicrosoftError, Reply, RowOutcome},
    time::EventTime,
};

/// What follows from an answer for the whole call.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// One note per row, in the order sent.
    Notes(Vec<Note>),
    /// Nothing was taken; the rows are handed back, for this reason, with one note per row.
    HandBack(Trouble, MicrosoftError, Vec<Note>),
    /// Nothing was taken because of a row that can't be read: send the two halves apart.
    Halve(MicrosoftError),
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

/// Reads `reply` to a call that carried rows of these `kinds`.
#[must_use]
pub fn verdict(
    reply: Reply,
    kinds: &[Kind],
    mark: &Mark,
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
            Verdict::Notes(kinds.iter().map(note).collect())
        }
        Reply::Fault(error) => fault(error, kinds, mark, now, policy),
    }
}

fn fault(
    error: MicrosoftError,
    kinds: &[Kind],
    mark: &Mark,
    now: EventTime,
    policy: &Policy,
) -> Verdict {
    let trouble = match (error.class, kinds) {
        (Class::Throttled, _) => Trouble::Throttled,
        (Class::Token, _) => Trouble::Token,
        (Class::Account | Class::Retry, _) => Trouble::Account,
        (Class::Unknown, _) => Trouble::Unfamiliar,
        (_, [kind]) => return Verdict::Notes(vec![failed(*kind, error, mark, now, policy)]),
        _ => return Verdict::Halve(error),
    };
    let note = |kind: &Kind| Note::HandedBack(*kind, mark.clone(), error.clone());
    let notes = kinds.iter().map(note).collect();
    Verdict::HandBack(trouble, error, notes)
}

fn note(kind: Kind, outcome: RowOutcome, mark: &Mark, now: EventTime, policy: &Policy) -> Note {
    match outcome {
        RowOutcome::Accepted => Note::Accepted(kind, mark.clone()),
        RowOutcome::Unknown => Note::Unknown(kind, mark.clone(), None),
        RowOutcome::Failed(error) => failed(kind, error, mark, now, policy),
    }
}

fn failed(kind: Kind, error: MicrosoftError, mark: &Mark, now: EventTime, policy: &Policy) -> Note {
    match error.class {
        Class::Wait(wait) => {
            let postponed = postponed(wait, now, policy);
            Note::Postponed(kind, mark.clone(), error, postponed)
        }
        // Trouble that Microsoft reports for one row: whether it counted is not said.
        Class::Retry | Class::Throttled | Class::Token | Class::Account => {
            Note::Unknown(kind, mark.clone(), Some(error))
        }
        Class::Configuration | Class::GoalName | Class::Final | Class::Defect | Class::Unknown => {
            Note::Failed(kind, mark.clone(), error)
        }
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
