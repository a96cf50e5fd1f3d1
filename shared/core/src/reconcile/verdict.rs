//! From Microsoft's answer to what is noted about each row of the call.

use crate::ledger::observed::{Kind, Postponed};
use crate::ledger::row::Row;
use crate::ledger::wait::WaitReason;
use crate::microsoft::errors::{ErrorClass, Wait};
use crate::microsoft::reply::{MicrosoftError, Reply, RowOutcome};
use crate::reconcile::decide::Policy;
use crate::reconcile::note::{CallRef, Note};
use crate::time::EventTime;

#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// One note per row, in the order sent.
    pub notes: Vec<Note>,
    /// Why the account's other rows are not sent either, if so.
    pub trouble: Option<(Trouble, MicrosoftError)>,
    /// Whether Microsoft has read the rows; otherwise the call failed as a whole, perhaps because
    /// of one of them.
    pub answered: bool,
}

/// Why a whole account's rows wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    Throttled,
    Token,
    /// The account can't be used until a person repairs something.
    Account,
}

/// One row as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    pub kind: Kind,
    /// Whether another click, or its hashes, may still be tried: it has a click id, and no earlier
    /// attempt is without an answer.
    pub has_free_click: bool,
}

impl Sent {
    /// What is sent of `row`, which is claimed for it.
    pub fn of(row: &Row, kind: Kind) -> Self {
        let has_free_click = row.facts.click_id().is_some() && !row.observed.apply_unknown;
        Sent { kind, has_free_click }
    }
}

/// Reads `reply` to a call that carried the rows `sent`.
pub fn verdict(
    reply: Reply, sent: &[Sent], call: &CallRef, now: EventTime, policy: &Policy,
) -> Verdict {
    let reading = Reading { call, now, policy };
    match reply {
        Reply::Rows(outcomes) => {
            let pairs = sent.iter().zip(outcomes);
            let notes = pairs.map(|(sent, outcome)| reading.note(*sent, outcome)).collect();
            Verdict { notes, trouble: None, answered: true }
        }
        Reply::Unknown(_, error) => {
            let note = |sent: &Sent| Note::Unknown(sent.kind, call.clone(), error.clone());
            let notes = sent.iter().map(note).collect();
            let trouble = error.and_then(|error| Some((of_account(error.class)?, error)));
            Verdict { notes, trouble, answered: false }
        }
        Reply::Fault(error) => reading.fault(error, sent),
    }
}

/// The trouble of the whole account that an error of this class means.
fn of_account(class: ErrorClass) -> Option<Trouble> {
    match class {
        ErrorClass::Throttled => Some(Trouble::Throttled),
        ErrorClass::Token => Some(Trouble::Token),
        ErrorClass::Account => Some(Trouble::Account),
        _ => None,
    }
}

/// What the notes of a call share.
struct Reading<'a> {
    call: &'a CallRef,
    now: EventTime,
    policy: &'a Policy,
}

impl Reading<'_> {
    /// The call was refused before any row was taken. A refusal of the only row is the row's.
    fn fault(&self, error: MicrosoftError, sent: &[Sent]) -> Verdict {
        let trouble = of_account(error.class);
        if let (None, [row]) = (trouble, sent) {
            return Verdict {
                notes: vec![self.failed(*row, error)],
                trouble: None,
                answered: true,
            };
        }
        let note = |sent: &Sent| Note::NotTaken(sent.kind, self.call.clone(), Some(error.clone()));
        let notes = sent.iter().map(note).collect();
        Verdict { notes, trouble: trouble.map(|trouble| (trouble, error)), answered: false }
    }

    fn note(&self, sent: Sent, outcome: RowOutcome) -> Note {
        match outcome {
            RowOutcome::Accepted => Note::Accepted(sent.kind, self.call.clone()),
            RowOutcome::Unknown => Note::Unknown(sent.kind, self.call.clone(), None),
            RowOutcome::Failed(error) => self.failed(sent, error),
        }
    }

    fn failed(&self, sent: Sent, error: MicrosoftError) -> Note {
        let (kind, call) = (sent.kind, self.call.clone());
        match error.class {
            ErrorClass::Click if kind == Kind::Apply && sent.has_free_click => {
                Note::ClickRefused(call, error)
            }
            ErrorClass::Wait(wait) => {
                let postponed = self.postponed(wait);
                Note::Postponed(kind, call, error, postponed)
            }
            // Trouble that Microsoft reports for one row: whether it counted is not said.
            ErrorClass::Retry | ErrorClass::Throttled | ErrorClass::Token | ErrorClass::Account => {
                Note::Unknown(kind, call, Some(error))
            }
            ErrorClass::Configuration
            | ErrorClass::GoalName
            | ErrorClass::Click
            | ErrorClass::Final
            | ErrorClass::Defect
            | ErrorClass::Unknown => Note::Failed(kind, call, error),
        }
    }

    /// A goal takes conversions two hours after it was made; a clock difference passes in minutes.
    fn postponed(&self, wait: Wait) -> Postponed {
        let (seconds, reason) = match wait {
            Wait::GoalTooRecent => (2 * self.policy.hour, WaitReason::GoalTooRecent),
            Wait::TimeInFuture => ((self.policy.hour / 12).max(1), WaitReason::TimeInFuture),
        };
        Postponed { until: self.now.plus_seconds(seconds), reason }
    }
}
