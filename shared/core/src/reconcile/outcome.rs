//! How observed state changes: by a claim, and by what became of it.

use crate::ledger::observed::{
    Acceptance, Adjusted, Adjustment, Attempt, AttemptOutcome, Claim, Destination, Kind, Observed,
    Postponed, Refusal, RefusalReason,
};
use crate::ledger::row::Row;
use crate::ledger::wait::WaitReason;
use crate::microsoft::reply::MicrosoftError;
use crate::time::EventTime;

/// Where a call went and how Microsoft marked it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRef {
    pub to: Destination,
    /// `TrackingId` of the answer.
    pub tracking_id: Option<String>,
}

/// Whose claim of the original is outstanding in the row that an outcome is written to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outstanding {
    /// That of the attempt whose outcome it is.
    Ours,
    Theirs,
}

/// The original is about to be sent. An earlier claim without outcome is an unknown outcome.
pub(super) fn claim_apply(observed: &mut Observed, to: Option<&Destination>, now: EventTime) {
    observed.apply_unknown |= observed.applying.is_some();
    observed.applying = Some(now);
    observed.sent_to = to.cloned();
}

/// An adjustment is about to be sent.
pub(super) fn claim_adjustment(
    observed: &mut Observed, row: &Row, adjustment: &Adjustment, time: EventTime, now: EventTime,
) {
    let value = match adjustment {
        Adjustment::Restate(net) => Some(net.amount),
        Adjustment::Retract => None,
    };
    let mut before = observed.claim.take();
    if let Some(before) = &mut before {
        before.before = None;
        before.unanswered |= observed.unsettled;
    }
    // What came after a first Retract never revives the conversion.
    let first_retract = before.as_ref().filter(|before| before.value.is_none());
    let corrections = first_retract.map_or(row.corrections.len(), |first| first.corrections);
    observed.tries = observed.tries.saturating_add(1);
    observed.claim = Some(Claim {
        at: now,
        value,
        adjustment_time: time,
        corrections,
        unanswered: false,
        after_unsettled: observed.unsettled,
        before: before.map(Box::new),
    });
    observed.unsettled = true;
}

/// It is known that the last claim was not taken: the one before it is in force again, as if this
/// one had never been. What an earlier attempt without answer left open stays open.
pub(super) fn take_back(observed: &mut Observed, kind: Kind) {
    if kind == Kind::Apply {
        observed.applying = None;
        observed.sent_to = observed.sent_to.take().filter(|_| observed.apply_unknown);
    } else if let Some(claim) = observed.claim.take() {
        observed.unsettled = claim.after_unsettled;
        observed.claim = claim.before.map(|before| *before);
    }
}

/// An adjustment that was not taken is due again in a quarter of an hour. An original's message
/// is received again by itself.
pub(super) fn rest(observed: &mut Observed, kind: Kind, until: EventTime) {
    if kind != Kind::Apply {
        observed.postponed = Some(Postponed { until, reason: WaitReason::BetweenAdjustments });
    }
}

pub(super) fn accept(observed: &mut Observed, kind: Kind, call: &CallRef, now: EventTime) {
    let tracking_id = call.tracking_id.clone();
    match kind {
        // A second acceptance of the same Apply teaches nothing: the first one's time counts.
        Kind::Apply if observed.accepted.as_ref().is_some_and(|first| first.by == call.to) => {
            return attempt(observed, kind, call, AttemptOutcome::Accepted, None, now);
        }
        Kind::Apply => {
            observed.accepted = Some(Acceptance { at: now, by: call.to.clone(), tracking_id });
            observed.applying = None;
            observed.apply_unknown = false;
            observed.sent_to = None;
        }
        Kind::Restate | Kind::Retract => {
            let claim = observed.claim.as_ref();
            observed.adjusted = Some(Adjusted {
                at: now,
                value: claim.and_then(|claim| claim.value),
                corrections: claim.map_or(0, |claim| claim.corrections),
                tracking_id,
            });
            observed.unsettled = false;
        }
    }
    observed.tries = 0;
    observed.refusal = None;
    observed.dead_at = None;
    observed.postponed = None;
    attempt(observed, kind, call, AttemptOutcome::Accepted, None, now);
}

pub(super) fn fail(
    observed: &mut Observed, kind: Kind, call: &CallRef, error: &MicrosoftError, now: EventTime,
) {
    take_back(observed, kind);
    // Whatever this attempt is refused for: an earlier one without answer may have been taken.
    let reason = if kind == Kind::Apply && observed.apply_unknown {
        RefusalReason::MayAlreadyCount
    } else {
        RefusalReason::Microsoft { code: error.code, symbol: error.symbol.clone() }
    };
    observed.postponed = None;
    refuse(observed, reason, now);
    refused(observed, kind, call, Some(error), now);
}

/// The row is not sent any more, unless somebody redrives it.
pub(super) fn refuse(observed: &mut Observed, reason: RefusalReason, now: EventTime) {
    observed.refusal = Some(Refusal { at: now, reason });
}

/// Nobody knows what Microsoft did with it.
pub(super) fn unknown(
    observed: &mut Observed, kind: Kind, whose: Outstanding, call: &CallRef,
    error: Option<&MicrosoftError>, now: EventTime,
) {
    if kind != Kind::Apply {
        observed.unsettled = true;
        if let Some(claim) = &mut observed.claim {
            claim.unanswered = true;
        }
    } else if observed.accepted.is_none() {
        observed.apply_unknown = true;
        observed.sent_to = Some(call.to.clone());
        if whose == Outstanding::Ours {
            observed.applying = None;
        }
    }
    attempt(observed, kind, call, AttemptOutcome::Unknown, error, now);
}

/// Notes an attempt that was refused; without an error nothing has left this machine.
pub(super) fn refused(
    observed: &mut Observed, kind: Kind, call: &CallRef, error: Option<&MicrosoftError>,
    now: EventTime,
) {
    if error.is_some() {
        attempt(observed, kind, call, AttemptOutcome::Refused, error, now);
    }
}

fn attempt(
    observed: &mut Observed, kind: Kind, call: &CallRef, outcome: AttemptOutcome,
    error: Option<&MicrosoftError>, at: EventTime,
) {
    observed.attempts = observed.attempts.saturating_add(1);
    observed.last = Some(Attempt {
        at,
        kind: Some(kind),
        outcome,
        code: error.and_then(|error| error.code),
        error_code: error.and_then(|error| error.symbol.clone()),
        tracking_id: call.tracking_id.clone(),
    });
}
