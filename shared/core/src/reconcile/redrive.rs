//! What a message means for a row that is refused or dead.
//!
//! An operator repairs the cause and moves the dead-letter messages back to their queue; such a
//! message is new, so it was sent after the refusal. Any older one is a left-over and changes nothing.

use crate::{
    id::GoalName,
    ledger::{
        observed::{Refusal, RefusalReason},
        row::Row,
    },
    microsoft::errors::{ErrorClass, classify},
    time::EventTime,
};

/// What to do with a message before the row is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redrive {
    /// The row is neither refused nor dead, or no redrive can change anything.
    NotNeeded,
    /// The message is older than the refusal: it becomes a dead-letter message.
    LeftOver,
    /// The refusal is lifted; with a name, the row also takes today's goal.
    Lift(Option<GoalName>),
}

/// Reads a message that was sent at `sent_at` for `row`; `goal` is what the mapping names today for
/// the row's event.
#[must_use]
pub fn redrive(row: &Row, sent_at: EventTime, goal: Option<&GoalName>) -> Redrive {
    if row.is_erased() {
        return Redrive::NotNeeded;
    }
    match &row.observed.refusal {
        Some(refusal) if sent_at <= refusal.at => Redrive::LeftOver,
        Some(refusal) => Redrive::Lift(renamed(row, refusal, goal)),
        // By any message: an operator may redrive within the second of the death.
        None if row.observed.dead_at.is_some() => Redrive::Lift(None),
        None => Redrive::NotNeeded,
    }
}

/// The new goal name, where the row may change it: never accepted, refused for its name, and no
/// attempt whose outcome is unknown – otherwise it could count under both names.
fn renamed(row: &Row, refusal: &Refusal, goal: Option<&GoalName>) -> Option<GoalName> {
    let RefusalReason::Microsoft { code, symbol } = &refusal.reason else {
        return None;
    };
    let by_name = classify(*code, symbol.as_deref()) == ErrorClass::GoalName;
    let free = row.observed.accepted.is_none() && !row.observed.may_count();
    goal.filter(|goal| by_name && free && **goal != row.facts.goal).cloned()
}
