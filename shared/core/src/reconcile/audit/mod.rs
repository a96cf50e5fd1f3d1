//! The audit: a slow look at every row, for what no message and no index entry drives any more.
//!
//! Lost signals, a queue that was purged, messages that expired while the event source was off: in
//! each of them a row wants something and nothing will ask. The audit makes it due again, and adds
//! up the money by state, so that it can be compared with an order log.

use crate::ledger::index::{IndexClass, Open};
use crate::ledger::row::Row;
use crate::reconcile::decide::Action;
use crate::reconcile::note::{Context, Write};
use crate::time::EventTime;

/// What is to be done about a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// It is settled, or something drives it.
    Fine,
    /// It wants something, and nothing drives it.
    Stuck(Box<Write>),
    /// Microsoft takes nothing of it any more. Refused or dead, nobody need see it; held, it is
    /// looked at a last time.
    Ended(Box<Write>),
}

/// Looks at one row. A row younger than a day (24 of the policy's hours) may still have its message
/// on the way.
pub fn examine(row: &Row, context: &Context<'_>) -> Finding {
    if row.is_erased() {
        return Finding::Fine;
    }
    let resting = row.observed.refusal.is_some() || row.observed.dead_at.is_some();
    if resting {
        return if is_over(row, context.now) && row.open.is_some() {
            Finding::Ended(Box::new(moved(row, None)))
        } else {
            Finding::Fine
        };
    }
    // A held row is not looked at while it is held: its end would never come.
    if is_held(row) && is_over(row, context.now) {
        return Finding::Ended(Box::new(moved(row, Some(due_now(context)))));
    }
    let day = 24 * context.policy.hour;
    let young = row.recorded_at.plus_seconds(day) > context.now;
    // A class that this version doesn't know is walked by nobody.
    let driven = row.open.as_ref().is_some_and(|open| open.class != IndexClass::Other);
    if young || driven {
        return Finding::Fine;
    }
    match context.next(row) {
        Action::InSync => Finding::Fine,
        _ => Finding::Stuck(Box::new(moved(row, Some(due_now(context))))),
    }
}

fn due_now(context: &Context<'_>) -> Open {
    IndexClass::Wait.entry(context.now, context.now, None)
}

fn is_held(row: &Row) -> bool {
    row.open.as_ref().is_some_and(|open| matches!(open.class, IndexClass::Held(_)))
}

/// Whether Microsoft takes nothing of the row any more.
fn is_over(row: &Row, now: EventTime) -> bool {
    row.limit() < now
}

/// Only the row's place in the index changes: nothing is learned of it.
fn moved(row: &Row, open: Option<Open>) -> Write {
    Write {
        key: row.key.clone(),
        if_observed: row.observed_revision,
        if_desired: row.desired_revision,
        observed: None,
        facts: None,
        open,
    }
}

#[cfg(test)]
mod tests;
