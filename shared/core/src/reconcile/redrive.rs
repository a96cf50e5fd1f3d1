//! What a message means for a row that is refused or dead.
//!
//! An operator repairs the cause and moves the dead letters back to their queue; such a message is
//! new, so it was sent after the refusal. Any older one is a left-over and changes nothing.

use crate::{
    id::GoalName,
    ledger::{
        observed::{Refusal, RefusalReason},
        row::Row,
        wait::WaitReason,
    },
    microsoft::errors::{ErrorClass, classify},
    reconcile::decide::Policy,
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

/// What the mapping says today.
#[derive(Clone, Copy, Debug)]
pub struct Today<'a> {
    /// The goal of the row's event.
    pub goal: Option<&'a GoalName>,
    /// Whether the account still has the goal that the row was written for.
    pub has_old: bool,
}

/// A message as the queue delivers it.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    /// When it was sent.
    pub sent_at: EventTime,
    /// How often it was received, this time included.
    pub receives: u32,
}

/// Reads a message for `row`, as the mapping is `today`.
#[must_use]
pub fn redrive(
    row: &Row,
    message: Delivery,
    today: Today<'_>,
    now: EventTime,
    policy: &Policy,
) -> Redrive {
    if row.is_erased() {
        return Redrive::NotNeeded;
    }
    let Some(refusal) = &row.observed.refusal else {
        return match row.observed.dead_at {
            // By any message: an operator may be at it within the second of the death.
            Some(_) => Redrive::Take(None),
            None => waited_in_vain(row, message, today)
                .map_or(Redrive::NotNeeded, |goal| Redrive::Take(Some(goal))),
        };
    };
    if message.sent_at <= refusal.at {
        return Redrive::LeftOver;
    }
    match renamed(row, refusal, today.goal) {
        Some(_) if now < refusal.at.plus_seconds(policy.run_margin) => Redrive::TooEarly,
        goal => Redrive::Take(goal),
    }
}

/// Today's goal for a row that was held for its old one, which the mapping has no more: under that
/// it would only be refused.
///
/// Its release is one message, and held rows get no other. If that was received before, a run that
/// died may have sent the row under its old name.
fn waited_in_vain(row: &Row, message: Delivery, today: Today<'_>) -> Option<GoalName> {
    let reason = row.open.as_ref().and_then(|open| open.reason);
    let held = row.facts.is_some() && reason == Some(WaitReason::GoalHeld);
    let untried = row.observed_revision == 0 && message.receives == 1;
    today.goal.filter(|_| held && untried && !today.has_old).cloned()
}

/// The new goal name, where the row may change it: never accepted, refused for its name, and no
/// attempt whose outcome is unknown – otherwise it could count under both names.
fn renamed(row: &Row, refusal: &Refusal, goal: Option<&GoalName>) -> Option<GoalName> {
    let RefusalReason::Microsoft { code, symbol } = &refusal.reason else {
        return None;
    };
    let by_name = classify(*code, symbol.as_deref()) == ErrorClass::GoalName;
    let free = row.observed.accepted.is_none() && !row.observed.apply_unknown;
    let old = row.facts.as_ref().map(|facts| &facts.goal);
    goal.filter(|goal| by_name && free && Some(*goal) != old).cloned()
}
