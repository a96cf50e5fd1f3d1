//! What upload has learned or decided about a row, and how that is written into the ledger.
//!
//! A [`Note`] becomes a [`Write`] on condition of the revisions of the row it was made from. If
//! another writer was faster, [`Note::again`] says what is still true: an accepted Apply and an
//! unknown outcome are written in any case, an adjustment's outcome if only desired state moved,
//! a plan not at all.

use crate::{
    id::GoalName,
    ledger::{
        index::{IndexClass, Open},
        observed::{
            Acceptance, Adjusted, Attempt, AttemptOutcome, Claim, Destination, Kind, Observed,
            Postponed, Refusal, RefusalReason,
        },
        row::{Row, RowKey},
        wait::WaitReason,
    },
    microsoft::reply::MicrosoftError,
    reconcile::decide::{AccountView, Action, Adjustment, Policy, next_action},
    time::EventTime,
};

/// A conditional change of one row, for the store to carry out as one update.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Which row.
    pub key: RowKey,
    /// Only if observed state still has this revision; it is raised by one, unless `microsoft`
    /// stays as it is.
    pub if_observed: u64,
    /// Only if desired state still has this revision.
    pub if_desired: Option<u64>,
    /// The new observed state; `None` leaves it and its revision.
    pub microsoft: Option<Observed>,
    /// The index entry; `None` removes it.
    pub open: Option<Open>,
    /// The number of repeated waits.
    pub waits: u32,
    /// Another goal name, for a refused row that is taken up again.
    pub goal: Option<GoalName>,
}

impl Write {
    /// The row as it stands once this is written.
    #[must_use]
    pub fn applied_to(&self, row: &Row) -> Row {
        let mut after = row.clone();
        if let Some(observed) = &self.microsoft {
            after.observed = observed.clone();
            after.observed_revision = self.if_observed + 1;
        }
        if let (Some(goal), Some(facts)) = (&self.goal, &mut after.facts) {
            facts.goal = goal.clone();
        }
        after.open.clone_from(&self.open);
        after.waits = self.waits;
        after
    }
}

/// Something learned or decided about a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// Nothing to do before this time.
    Waits(EventTime, WaitReason),
    /// Nothing to do.
    InSync,
    /// An adjustment is about to be sent.
    Claimed(Adjustment, EventTime),
    /// It can't be sent.
    Refused(RefusalReason),
    /// Microsoft took it.
    Accepted(Kind, CallRef),
    /// Microsoft refused it.
    Failed(Kind, CallRef, MicrosoftError),
    /// Microsoft wants it later.
    Postponed(Kind, CallRef, MicrosoftError, Postponed),
    /// Nobody knows what Microsoft did, but perhaps what it said.
    Unknown(Kind, CallRef, Option<MicrosoftError>),
    /// Microsoft refused the whole call for the account's sake: nothing of it was taken, and the
    /// row goes again.
    HandedBack(Kind, CallRef, MicrosoftError),
    /// A refused row is redriven; perhaps under today's goal name.
    Taken(Option<GoalName>),
    /// The queue gives its message up.
    Dead,
}

/// Where a call went and how Microsoft marked it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRef {
    /// Environment and ad account.
    pub to: Destination,
    /// `TrackingId` of the answer.
    pub tracking_id: Option<String>,
}

/// What is needed to say what a row needs next.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The row's account.
    pub account: &'a AccountView,
    /// Now.
    pub now: EventTime,
    /// The waits of this deployment.
    pub policy: &'a Policy,
}

impl Context<'_> {
    /// The decision for `row`.
    #[must_use]
    pub fn next(&self, row: &Row) -> Action {
        next_action(row, self.account, self.now, self.policy)
    }
}

/// What a writer that came second does.
#[derive(Clone, Debug, PartialEq)]
pub enum OnConflict {
    /// Write this instead.
    Write(Box<Write>),
    /// Nothing is lost by not writing; the row is decided afresh later.
    HandBack,
}

impl Note {
    /// The write for the row it was made from.
    #[must_use]
    pub fn write(&self, row: &Row, context: &Context<'_>) -> Write {
        let mut after = row.clone();
        let learned = match self.observe(row, context.now) {
            Some(observed) => {
                after.observed = observed;
                true
            }
            None => false,
        };
        let goal = match self {
            Note::Taken(goal) => goal.clone(),
            _ => None,
        };
        if let (Some(goal), Some(facts)) = (&goal, &mut after.facts) {
            facts.goal = goal.clone();
        }
        let (open, waits) = self.entry(row, &after, context);
        Write {
            key: row.key.clone(),
            if_observed: row.observed_revision,
            if_desired: Some(row.desired_revision),
            microsoft: learned.then_some(after.observed),
            open,
            waits,
            goal,
        }
    }

    /// What is still to be written when `current` has moved on from the row `seen`.
    #[must_use]
    pub fn again(&self, seen: &Row, current: &Row, context: &Context<'_>) -> OnConflict {
        let same_observed = seen.observed_revision == current.observed_revision;
        let write = match self {
            Note::Accepted(Kind::Apply, _) | Note::Unknown(..) => self.write(current, context),
            Note::Accepted(_, mark)
            | Note::Failed(Kind::Restate | Kind::Retract, mark, _)
            | Note::HandedBack(Kind::Restate | Kind::Retract, mark, _)
            | Note::Postponed(Kind::Restate | Kind::Retract, mark, ..)
                if !same_observed =>
            {
                // Another worker claimed meanwhile: which of the two stands is unknown.
                Note::Unknown(self.kind().unwrap_or(Kind::Restate), mark.clone(), None)
                    .write(current, context)
            }
            Note::Accepted(..)
            | Note::Failed(..)
            | Note::HandedBack(..)
            | Note::Postponed(..)
            | Note::Refused(_)
            | Note::Dead
                if same_observed =>
            {
                self.write(current, context)
            }
            Note::Taken(_) if same_observed => self.write(current, context),
            _ => return OnConflict::HandBack,
        };
        OnConflict::Write(Box::new(write))
    }

    /// What was sent, where something was.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Note::Accepted(kind, _)
            | Note::Failed(kind, ..)
            | Note::HandedBack(kind, ..)
            | Note::Postponed(kind, ..)
            | Note::Unknown(kind, ..) => Some(*kind),
            _ => None,
        }
    }

    /// Observed state with this note in it; `None` if it teaches nothing about Microsoft.
    fn observe(&self, row: &Row, now: EventTime) -> Option<Observed> {
        let mut observed = row.observed.clone();
        match self {
            Note::Waits(..) | Note::InSync => return None,
            Note::Claimed(adjustment, time) => claim(&mut observed, row, adjustment, *time, now),
            Note::Refused(reason) => {
                observed.refusal = Some(Refusal { at: now, reason: reason.clone() });
            }
            Note::Accepted(kind, mark) => accept(&mut observed, *kind, mark, now),
            Note::Failed(kind, mark, error) => fail(&mut observed, *kind, mark, error, now),
            Note::Postponed(kind, mark, error, until) => {
                observed.postponed = Some(*until);
                settle_refused(&mut observed, *kind);
                attempt(&mut observed, *kind, mark, AttemptOutcome::Refused, Some(error), now);
            }
            Note::HandedBack(kind, mark, error) => {
                settle_refused(&mut observed, *kind);
                attempt(&mut observed, *kind, mark, AttemptOutcome::Refused, Some(error), now);
            }
            Note::Unknown(kind, mark, error) => {
                match kind {
                    Kind::Apply => observed.apply_unknown = observed.accepted.is_none(),
                    _ => observed.unsettled = true,
                }
                attempt(&mut observed, *kind, mark, AttemptOutcome::Unknown, error.as_ref(), now);
            }
            Note::Taken(_) => {
                observed.refusal = None;
                observed.dead_at = None;
            }
            Note::Dead => observed.dead_at = Some(now),
        }
        Some(observed)
    }

    /// The index entry that the row has after this note, and its count of waits.
    fn entry(&self, row: &Row, after: &Row, context: &Context<'_>) -> (Option<Open>, u32) {
        if after.is_erased() {
            return (None, 0);
        }
        match self {
            Note::Waits(until, reason) => waiting(row, *until, *reason),
            Note::InSync => (None, 0),
            Note::Refused(_) | Note::Failed(..) => {
                (Some(IndexClass::Refused.entry(&row.key, context.now, None)), 0)
            }
            Note::Dead => (Some(IndexClass::Dead.entry(&row.key, context.now, None)), 0),
            // The message comes again by itself; a row that was due stays so until it is settled.
            Note::Claimed(..)
            | Note::Unknown(Kind::Apply, ..)
            | Note::HandedBack(Kind::Apply, ..) => (row.open.clone(), row.waits),
            Note::Taken(_)
            | Note::Accepted(..)
            | Note::Postponed(..)
            | Note::HandedBack(..)
            | Note::Unknown(..) => next_entry(after, context),
        }
    }
}

/// The entry that the next decision asks for. A refused or dead row keeps its own, whatever else
/// is learned of it: a signal from the class `wait` would pass for a redrive.
pub(crate) fn next_entry(after: &Row, context: &Context<'_>) -> (Option<Open>, u32) {
    if let Some(refusal) = &after.observed.refusal {
        return (Some(IndexClass::Refused.entry(&after.key, refusal.at, None)), 0);
    }
    if let Some(dead_at) = after.observed.dead_at {
        return (Some(IndexClass::Dead.entry(&after.key, dead_at, None)), 0);
    }
    match context.next(after) {
        Action::InSync => (None, 0),
        Action::WaitUntil(_, WaitReason::ClickTooYoung) => (None, 0),
        Action::WaitUntil(until, reason) => waiting(after, until, reason),
        // A row that was never accepted is driven by its message, not by the index.
        Action::Apply => (None, 0),
        Action::Adjust(..) | Action::Refuse(_) => {
            (Some(IndexClass::Wait.entry(&after.key, context.now, None)), 0)
        }
    }
}

fn waiting(row: &Row, until: EventTime, reason: WaitReason) -> (Option<Open>, u32) {
    let same = row.open.as_ref().is_some_and(|open| open.reason == Some(reason));
    let waits = if same { row.waits.saturating_add(1) } else { 1 };
    (Some(IndexClass::of_wait(row, reason).entry(&row.key, until, Some(reason))), waits)
}

fn claim(
    observed: &mut Observed,
    row: &Row,
    adjustment: &Adjustment,
    time: EventTime,
    now: EventTime,
) {
    let value = match adjustment {
        Adjustment::Restate(net) => Some(net.amount),
        Adjustment::Retract => {
            let known = u32::try_from(row.corrections.len()).unwrap_or(u32::MAX);
            observed.retract_claimed.get_or_insert(known);
            None
        }
    };
    let after_unsettled = observed.unsettled;
    observed.claim = Some(Claim { at: now, value, adjustment_time: time, after_unsettled });
    observed.unsettled = true;
}

fn accept(observed: &mut Observed, kind: Kind, mark: &CallRef, now: EventTime) {
    let tracking_id = mark.tracking_id.clone();
    match kind {
        // A second acceptance of the same Apply teaches nothing: the first one's time counts.
        Kind::Apply if observed.accepted.as_ref().is_some_and(|first| first.by == mark.to) => {
            return attempt(observed, kind, mark, AttemptOutcome::Accepted, None, now);
        }
        Kind::Apply => {
            observed.accepted = Some(Acceptance { at: now, by: mark.to.clone(), tracking_id });
            observed.apply_unknown = false;
        }
        Kind::Restate | Kind::Retract => {
            let value = observed.claim.as_ref().and_then(|claim| claim.value);
            observed.adjusted = Some(Adjusted { at: now, value, tracking_id });
            observed.unsettled = false;
        }
    }
    observed.refusal = None;
    observed.dead_at = None;
    observed.postponed = None;
    attempt(observed, kind, mark, AttemptOutcome::Accepted, None, now);
}

fn fail(
    observed: &mut Observed,
    kind: Kind,
    mark: &CallRef,
    error: &MicrosoftError,
    now: EventTime,
) {
    // Whatever this attempt is refused for: an earlier one without answer may have been taken.
    let may_count = kind == Kind::Apply && observed.apply_unknown;
    let reason = match may_count {
        true => RefusalReason::MayAlreadyCount,
        false => RefusalReason::Microsoft { code: error.code, symbol: error.symbol.clone() },
    };
    observed.refusal = Some(Refusal { at: now, reason });
    observed.postponed = None;
    settle_refused(observed, kind);
    attempt(observed, kind, mark, AttemptOutcome::Refused, Some(error), now);
}

/// A refused adjustment changed nothing: what was unsettled before it still is, nothing else.
fn settle_refused(observed: &mut Observed, kind: Kind) {
    if kind != Kind::Apply {
        observed.unsettled = observed.claim.as_ref().is_some_and(|claim| claim.after_unsettled);
    }
}

fn attempt(
    observed: &mut Observed,
    kind: Kind,
    mark: &CallRef,
    outcome: AttemptOutcome,
    error: Option<&MicrosoftError>,
    at: EventTime,
) {
    observed.attempts = observed.attempts.saturating_add(1);
    observed.last = Some(Attempt {
        at,
        kind,
        outcome,
        code: error.and_then(|error| error.code),
        error_code: error.and_then(|error| error.symbol.clone()),
        tracking_id: mark.tracking_id.clone(),
    });
}
