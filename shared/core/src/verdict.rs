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
    /// Nothing was taken; the rows are handed back, for this reason.
    HandBack(Trouble, MicrosoftError),
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
        Reply::Unknown(_) => {
            Verdict::Notes(kinds.iter().map(|kind| Note::Unknown(*kind, mark.clone())).collect())
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
    match (error.class, kinds) {
        (Class::Throttled, _) => Verdict::HandBack(Trouble::Throttled, error),
        (Class::Token, _) => Verdict::HandBack(Trouble::Token, error),
        (Class::Account | Class::Retry, _) => Verdict::HandBack(Trouble::Account, error),
        (Class::Unknown, _) => Verdict::HandBack(Trouble::Unfamiliar, error),
        (_, [kind]) => Verdict::Notes(vec![failed(*kind, error, mark, now, policy)]),
        _ => Verdict::Halve(error),
    }
}

fn note(kind: Kind, outcome: RowOutcome, mark: &Mark, now: EventTime, policy: &Policy) -> Note {
    match outcome {
        RowOutcome::Accepted => Note::Accepted(kind, mark.clone()),
        RowOutcome::Unknown => Note::Unknown(kind, mark.clone()),
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
            Note::Unknown(kind, mark.clone())
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
