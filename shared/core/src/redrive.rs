//! What a message means for a row that is refused or dead.
//!
//! An operator repairs the cause and moves the dead letters back to their queue; such a message is
//! new, so it was sent after the refusal. Any older one is a left-over and changes nothing.

use crate::{
    decide::Policy,
    errors::{Class, classify},
    id::GoalName,
    observed::{Refusal, RefusalReason},
    record::Row,
    time::EventTime,
};

/// What to do with a message before the row is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redrive {
    /// The row is neither refused nor dead, or no redrive can change anything.
    NotNeeded,
    /// The message is older than the refusal: it goes to the dead letters.
    LeftOver,
    /// The refusal is so young that a run that still knows the old goal name may be sending.
    TooEarly,
    /// The refusal is lifted; with a name, the row also takes today's goal.
    Take(Option<GoalName>),
}

/// Reads a message, sent at `sent_at`, for `row`, whose event the mapping now gives `goal`.
#[must_use]
pub fn redrive(
    row: &Row,
    sent_at: EventTime,
    goal: Option<&GoalName>,
    now: EventTime,
    policy: &Policy,
) -> Redrive {
    if row.is_erased() {
        return Redrive::NotNeeded;
    }
    let Some(refusal) = &row.microsoft.refusal else {
        return match row.microsoft.dead_at {
            // By any message: an operator may be at it within the second of the death.
            Some(_) => Redrive::Take(None),
            None => Redrive::NotNeeded,
        };
    };
    if sent_at <= refusal.at {
        return Redrive::LeftOver;
    }
    match renamed(row, refusal, goal) {
        Some(_) if now < refusal.at.plus_seconds(policy.run_margin) => Redrive::TooEarly,
        goal => Redrive::Take(goal),
    }
}

/// The new goal name, where the row may change it: never accepted, refused for its name, and no
/// attempt whose outcome is unknown – otherwise it could count under both names.
fn renamed(row: &Row, refusal: &Refusal, goal: Option<&GoalName>) -> Option<GoalName> {
    let RefusalReason::Microsoft { code, symbol } = &refusal.reason else {
        return None;
    };
    let by_name = classify(*code, symbol.as_deref()) == Class::GoalName;
    let free = row.microsoft.accepted.is_none() && !row.microsoft.apply_unknown;
    let old = row.facts.as_ref().map(|facts| &facts.goal);
    goal.filter(|goal| by_name && free && Some(*goal) != old).cloned()
}
