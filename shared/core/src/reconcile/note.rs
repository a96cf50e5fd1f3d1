//! What upload has learned or decided about a row, and how that is written into the ledger.
//!
//! A [`Note`] becomes a [`Write`] on condition of the revisions of the row it was made from. If
//! another writer was faster, [`Note::again`] says what is still true: an accepted Apply and an
//! unknown outcome are written in any case, an adjustment's outcome if only desired state moved,
//! a claim or a plan not at all.
//!
//! An example: a row is claimed ([`Note::ClaimedApply`]), sent, and Microsoft takes it
//! ([`Note::Accepted`]); the claim's write holds on both revisions, the outcome's on none.

use crate::id::GoalName;
use crate::ledger::facts::Facts;
use crate::ledger::index::{IndexClass, Open};
use crate::ledger::observed::{Adjustment, Kind, Observed, Postponed, Refusal, RefusalReason};
use crate::ledger::row::{Row, RowKey};
use crate::ledger::wait::WaitReason;
use crate::microsoft::reply::MicrosoftError;
use crate::reconcile::decide::{AccountView, Action, Policy, next_action};
use crate::time::EventTime;

pub use crate::reconcile::outcome::CallRef;

/// A conditional change of one row, for the store to carry out as one update.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "it changes nothing before a store has carried it out"]
pub struct Write {
    pub key: RowKey,
    /// Only if observed state still has this revision; it is raised by one, unless `observed` stays
    /// as it is.
    pub if_observed: u64,
    /// Only if desired state still has this revision; it is raised by one if `facts` change.
    pub if_desired: u64,
    /// The new observed state; `None` leaves it and its revision.
    pub observed: Option<Observed>,
    /// The new facts; `None` leaves them and their revision.
    pub facts: Option<Box<Facts>>,
    /// The index entry; `None` removes it.
    pub open: Option<Open>,
}

impl Write {
    /// The row as it is once this is written.
    pub fn applied_to(&self, row: &Row) -> Row {
        let mut after = row.clone();
        if let Some(observed) = &self.observed {
            after.observed = observed.clone();
            after.observed_revision = self.if_observed + 1;
        }
        if let Some(facts) = &self.facts {
            after.facts = (**facts).clone();
            after.desired_revision = self.if_desired + 1;
        }
        after.open.clone_from(&self.open);
        after
    }
}

/// Something learned or decided about a row.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "it changes nothing before a row has taken it"]
pub enum Note {
    /// Nothing to do before this time. Another run that has received the same message, which ends with
    /// this, can't claim the row any more: the revision of observed state is raised for one that has
    /// read the row before, and [`Observed::left_at`] is there for one that reads it later.
    Waits(EventTime, WaitReason),
    /// Nothing could be decided or sent; its `due` brings it again. Ends its message likewise.
    Left,
    InSync,
    /// The original is about to be sent.
    ClaimedApply,
    /// An adjustment is about to be sent.
    ClaimedAdjustment(Adjustment, EventTime),
    Refused(RefusalReason),
    Accepted(Kind, CallRef),
    Failed(Kind, CallRef, MicrosoftError),
    /// Microsoft refused its click as later than the conversion: it is sent without that one.
    ClickRefused(CallRef, MicrosoftError),
    Postponed(Kind, CallRef, MicrosoftError, Postponed),
    /// Nobody knows what Microsoft did, but perhaps what it said.
    Unknown(Kind, CallRef, Option<MicrosoftError>),
    /// The call was refused before it was read, or never stood: nothing of it was taken.
    NotTaken(Kind, CallRef, Option<MicrosoftError>),
    /// A refused or dead row is redriven; perhaps under today's goal name.
    Redriven(Option<GoalName>),
    Dead,
}

/// What is needed to say what a row needs next.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    pub account: &'a AccountView,
    /// The time that decisions are made with.
    pub now: EventTime,
    pub policy: &'a Policy,
}

impl Context<'_> {
    /// The decision for `row`.
    pub fn next(&self, row: &Row) -> Action {
        next_action(row, self.account, self.now, self.policy)
    }
}

impl Note {
    /// The write for `row`. If its click was looked for anew, `found` are its facts with what was
    /// found; they are written along with the note.
    pub fn write(&self, row: &Row, found: Option<&Facts>, context: &Context<'_>) -> Write {
        let mut after = row.clone();
        if let Some(found) = found {
            after.facts = found.clone();
        }
        self.change_facts(&mut after.facts);
        let learned = self.observe(&after, context);
        let changed = (after.facts != row.facts).then(|| Box::new(after.facts.clone()));
        if let Some(observed) = &learned {
            after.observed = observed.clone();
        }
        Write {
            key: row.key.clone(),
            if_observed: row.observed_revision,
            if_desired: row.desired_revision,
            open: self.entry(row, &after, context),
            observed: learned,
            facts: changed,
        }
    }

    /// What is still to be written when `current` has moved on from the row `seen`; `None` if nothing
    /// is lost by not writing: the row is decided afresh later.
    pub fn again(&self, seen: &Row, current: &Row, context: &Context<'_>) -> Option<Write> {
        let same_observed = seen.observed_revision == current.observed_revision;
        // Nobody has claimed the original since, whatever else was learned of the row.
        let ours = seen.observed.applying == current.observed.applying;
        Some(match (self, self.kind_and_call()) {
            // The claim that it has now is that of another attempt, which has noted this one.
            (Note::Unknown(Kind::Apply, ..), _) if !ours => {
                let mut write = self.write(current, None, context);
                let theirs = current.observed.applying;
                write.observed.iter_mut().for_each(|observed| observed.applying = theirs);
                write
            }
            (Note::Accepted(Kind::Apply, _) | Note::Unknown(..), _) => {
                self.write(current, None, context)
            }
            (_, Some((Kind::Apply, _))) if ours && seen.observed.applying.is_some() => {
                self.write(current, None, context)
            }
            (_, Some((Kind::Restate | Kind::Retract, _))) if same_observed => {
                self.write(current, None, context)
            }
            // Another worker claimed meanwhile: which of the two adjustments counts is unknown.
            (_, Some((kind @ (Kind::Restate | Kind::Retract), call))) => {
                Note::Unknown(kind, call.clone(), None).write(current, None, context)
            }
            (Note::Dead | Note::Redriven(_), _) if same_observed => {
                self.write(current, None, context)
            }
            // Others have only left it to its `due` as well.
            (Note::Left, _) if is_only_left(seen, current) => self.write(current, None, context),
            // Whatever another run has learned: the queue gives the message up all the same. But a
            // wait that it has written drives the row.
            (Note::Dead, _)
                if is_left_without_message(current)
                    && (current.open.is_none() || current.open == seen.open) =>
            {
                self.write(current, None, context)
            }
            _ => return None,
        })
    }

    fn kind_and_call(&self) -> Option<(Kind, &CallRef)> {
        match self {
            Note::Accepted(kind, call)
            | Note::Failed(kind, call, _)
            | Note::NotTaken(kind, call, _)
            | Note::Postponed(kind, call, ..)
            | Note::Unknown(kind, call, _) => Some((*kind, call)),
            Note::ClickRefused(call, _) => Some((Kind::Apply, call)),
            _ => None,
        }
    }

    fn change_facts(&self, facts: &mut Facts) {
        match self {
            Note::Redriven(Some(goal)) => facts.goal = goal.clone(),
            Note::ClickRefused(..) => facts.refused_clicks.extend(facts.click_id().cloned()),
            _ => {}
        }
    }

    /// Observed state with this note in it; `None` if it teaches nothing about Microsoft.
    fn observe(&self, row: &Row, context: &Context<'_>) -> Option<Observed> {
        let now = context.now;
        let mut observed = row.observed.clone();
        match self {
            Note::InSync => return None,
            Note::Waits(..) | Note::Left => observed.left_at = Some(now),
            Note::ClaimedApply => observed.claim_apply(context.account.destination.as_ref(), now),
            Note::ClaimedAdjustment(adjustment, time) => {
                observed.claim_adjustment(row, adjustment, *time, now);
            }
            Note::Refused(reason) => {
                observed.refusal = Some(Refusal { at: now, reason: reason.clone() });
            }
            Note::Accepted(kind, call) => observed.accept(*kind, call, now),
            Note::Failed(kind, call, error) => observed.fail(*kind, call, error, now),
            Note::ClickRefused(call, error) => {
                observed.not_taken(Kind::Apply, call, Some(error), now);
            }
            Note::Postponed(kind, call, error, until) => {
                observed.not_taken(*kind, call, Some(error), now);
                observed.postponed = Some(*until);
            }
            Note::NotTaken(kind, call, error) => {
                observed.not_taken(*kind, call, error.as_ref(), now);
                // It is due again in a quarter of an hour. An original's message is received again by
                // itself.
                if *kind != Kind::Apply {
                    let until = now.plus_seconds(context.policy.run_margin);
                    let reason = WaitReason::BetweenAdjustments;
                    observed.postponed = Some(Postponed { until, reason });
                }
            }
            Note::Unknown(kind, call, error) => {
                observed.unknown(*kind, call, error.as_ref(), now);
            }
            Note::Redriven(_) => {
                observed.refusal = None;
                observed.dead_at = None;
            }
            Note::Dead => observed.dead_at = Some(now),
        }
        Some(observed)
    }

    /// The index entry that the row has after this note.
    fn entry(&self, row: &Row, after: &Row, context: &Context<'_>) -> Option<Open> {
        if after.is_erased() {
            return None;
        }
        match self {
            Note::Waits(until, reason) => Some(waiting(after, *until, *reason, context.now)),
            Note::InSync => None,
            // A look for a click that failed is repeated in an hour: sweep has made the row due for
            // the next one, which may be weeks away.
            Note::Left => row.open.clone().map(|mut open| {
                if open.class == IndexClass::Look {
                    open.due = open.due.min(context.now.plus_seconds(context.policy.hour));
                }
                open
            }),
            Note::Refused(reason) if reason.is_over_unsent() => None,
            // What is sent is not looked for any more, and the next look may be weeks away. The message
            // may be gone: another run that received it found no click yet.
            Note::ClaimedApply => row.open.clone().map(|open| match open.class {
                IndexClass::Look => {
                    let due = context.now.plus_seconds(context.policy.hour);
                    IndexClass::Wait.entry(due, context.now, None)
                }
                _ => open,
            }),
            // The message is received again by itself; a row that was due stays so until it is settled.
            Note::ClaimedAdjustment(..)
            | Note::ClickRefused(..)
            | Note::Unknown(Kind::Apply, ..)
            | Note::NotTaken(Kind::Apply, ..) => row.open.clone(),
            Note::Refused(_)
            | Note::Failed(..)
            | Note::Dead
            | Note::Redriven(_)
            | Note::Accepted(..)
            | Note::Postponed(..)
            | Note::NotTaken(..)
            | Note::Unknown(..) => next_entry(after, context),
        }
    }
}

/// Whether all that was learned of Microsoft since `seen` is nothing.
fn is_only_left(seen: &Row, current: &Row) -> bool {
    let left_at = current.observed.left_at;
    Observed { left_at, ..seen.observed.clone() } == current.observed
}

/// Whether nothing but its message drives the row: without it, only a redrive does. One that is
/// accepted is driven by its `due`; one that is refused is listed, and one that is erased is over.
pub fn is_left_without_message(row: &Row) -> bool {
    let observed = &row.observed;
    observed.refusal.is_none() && observed.accepted.is_none() && !row.is_erased()
}

/// The entry that the next decision asks for. A refused or dead row keeps its own, whatever else
/// is learned of it: a signal from the class `wait` would be taken for a redrive.
pub(crate) fn next_entry(after: &Row, context: &Context<'_>) -> Option<Open> {
    if let Some(refusal) = &after.observed.refusal {
        let listed = !refusal.reason.is_beyond_repair();
        return listed.then(|| IndexClass::Refused.entry(refusal.at, refusal.at, None));
    }
    if let Some(dead_at) = after.observed.dead_at {
        return Some(IndexClass::Dead.entry(dead_at, dead_at, None));
    }
    match context.next(after) {
        Action::InSync => None,
        Action::WaitUntil(_, reason) if reason.is_queued() => None,
        Action::WaitUntil(until, reason) => Some(waiting(after, until, reason, context.now)),
        // A row that was never accepted is driven by its message, not by the index.
        Action::Apply => None,
        Action::Adjust(..) | Action::Refuse(_) => {
            Some(IndexClass::Wait.entry(context.now, context.now, None))
        }
    }
}

/// Where `row` is listed while it waits for `reason`.
fn class_of(row: &Row, reason: WaitReason) -> IndexClass {
    match reason {
        WaitReason::AccountHeld => IndexClass::Held(row.account.to_string()),
        WaitReason::GoalHeld => IndexClass::Held(format!("{}/{}", row.account, row.facts.goal)),
        reason if reason.is_for_click() => IndexClass::Look,
        _ => IndexClass::Wait,
    }
}

/// The entry of a row that waits.
pub(crate) fn waiting(row: &Row, until: EventTime, reason: WaitReason, now: EventTime) -> Open {
    let class = class_of(row, reason);
    let since = match class {
        IndexClass::Look => row.recorded_at,
        IndexClass::Held(_) => {
            let before = row.open.as_ref().filter(|open| open.class == class);
            before.map_or(now, |open| open.since)
        }
        // It is overdue from the moment that the wait asked for.
        _ => until,
    };
    class.entry(until, since, Some(reason))
}
