//! What happens to a record next, as far as is known today.

use tracklayer_core::ledger::observed::Kind;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::reconcile::decide::{AccountView, Action, Policy, after_wait, next_action};
use tracklayer_core::reconcile::state::wait;
use tracklayer_core::time::EventTime;

/// What is sent next and when; `None` if nothing is without a person or another event.
///
/// The decision is the one that upload takes, without its knowledge of the account: that it is
/// held, or another one by now, shows in the row once upload has noticed.
pub fn next(row: &Row, policy: &Policy, now: EventTime) -> Option<(Kind, EventTime)> {
    if row.observed.dead_at.is_some() {
        return None;
    }
    let looked_at = looked_at(row).map(|due| due.max(now));
    match next_action(row, &AccountView::default(), now, policy) {
        Action::Apply => Some((Kind::Apply, looked_at.unwrap_or(now))),
        Action::Adjust(adjustment, _) => Some((adjustment.kind(), looked_at.unwrap_or(now))),
        Action::WaitUntil(until, _) => Some((after_wait(row)?, looked_at.unwrap_or(until))),
        Action::Refuse(_) | Action::InSync => None,
    }
}

/// When a row is looked at again that waits for something which has no time of its own, like a
/// click: the decision would name a later time whenever it is asked.
fn looked_at(row: &Row) -> Option<EventTime> {
    let open = wait(row)?;
    let reason = open.reason?;
    let held = matches!(reason, WaitReason::GoalHeld | WaitReason::AccountHeld);
    (held || reason.is_for_click()).then_some(open.due)
}
