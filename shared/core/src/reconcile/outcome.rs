//! How observed state changes: by a claim, and by what became of it.

use crate::ledger::observed::{
    Acceptance, Adjusted, Adjustment, Attempt, AttemptOutcome, Claim, Destination, Kind, Observed,
    Refusal, RefusalReason,
};
use crate::ledger::row::Row;
use crate::microsoft::reply::MicrosoftError;
use crate::time::EventTime;

/// Where a call went and how Microsoft marked it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRef {
    pub to: Destination,
    /// `TrackingId` of the answer.
    pub tracking_id: Option<String>,
}

impl Observed {
    /// The original is about to be sent. An earlier claim without outcome is an unknown outcome.
    pub(super) fn claim_apply(&mut self, to: Option<&Destination>, now: EventTime) {
        self.apply_unknown |= self.applying.is_some();
        self.applying = Some(now);
        self.sent_to = to.cloned();
    }

    /// This adjustment of `row` is about to be sent.
    pub(super) fn claim_adjustment(
        &mut self, row: &Row, adjustment: &Adjustment, time: EventTime, now: EventTime,
    ) {
        let value = match adjustment {
            Adjustment::Restate(net) => Some(net.amount),
            Adjustment::Retract => None,
        };
        let mut before = self.claim.take();
        if let Some(before) = &mut before {
            before.before = None;
            before.unanswered |= self.unsettled;
        }
        // What came after a first Retract never revives the conversion.
        let first_retract = before.as_ref().filter(|before| before.value.is_none());
        let corrections = first_retract.map_or(row.corrections.len(), |first| first.corrections);
        self.tries = self.tries.saturating_add(1);
        self.claim = Some(Claim {
            at: now,
            value,
            adjustment_time: time,
            corrections,
            unanswered: false,
            after_unsettled: self.unsettled,
            before: before.map(Box::new),
        });
        self.unsettled = true;
    }

    /// It is known that the last claim was not taken: the one before it is in force again, as if this
    /// one had never been. What an earlier attempt without answer left open stays open. Without an
    /// error nothing has left this machine.
    pub(super) fn not_taken(
        &mut self, kind: Kind, call: &CallRef, error: Option<&MicrosoftError>, now: EventTime,
    ) {
        if kind == Kind::Apply {
            self.applying = None;
            self.sent_to = self.sent_to.take().filter(|_| self.apply_unknown);
        } else if let Some(claim) = self.claim.take() {
            self.unsettled = claim.after_unsettled;
            self.claim = claim.before.map(|before| *before);
        }
        if error.is_some() {
            self.attempt(kind, call, AttemptOutcome::Refused, error, now);
        }
    }

    pub(super) fn accept(&mut self, kind: Kind, call: &CallRef, now: EventTime) {
        self.attempt(kind, call, AttemptOutcome::Accepted, None, now);
        let tracking_id = call.tracking_id.clone();
        match kind {
            // A second acceptance of the same Apply teaches nothing: the first one's time counts.
            Kind::Apply if self.accepted.as_ref().is_some_and(|first| first.by == call.to) => {
                return;
            }
            Kind::Apply => {
                self.accepted = Some(Acceptance { at: now, by: call.to.clone(), tracking_id });
                self.applying = None;
                self.apply_unknown = false;
                self.sent_to = None;
            }
            Kind::Restate | Kind::Retract => {
                let claim = self.claim.as_ref();
                self.adjusted = Some(Adjusted {
                    at: now,
                    value: claim.and_then(|claim| claim.value),
                    corrections: claim.map_or(0, |claim| claim.corrections),
                    tracking_id,
                });
                self.unsettled = false;
            }
        }
        self.tries = 0;
        self.refusal = None;
        self.dead_at = None;
        self.postponed = None;
    }

    pub(super) fn fail(
        &mut self, kind: Kind, call: &CallRef, error: &MicrosoftError, now: EventTime,
    ) {
        // Whatever this attempt is refused for: an earlier one without answer may have been taken.
        let reason = if kind == Kind::Apply && self.apply_unknown {
            RefusalReason::MayAlreadyCount
        } else {
            RefusalReason::Microsoft { code: error.code, symbol: error.symbol.clone() }
        };
        self.not_taken(kind, call, Some(error), now);
        self.postponed = None;
        self.refusal = Some(Refusal { at: now, reason });
    }

    /// Nobody knows what Microsoft did with it.
    pub(super) fn unknown(
        &mut self, kind: Kind, call: &CallRef, error: Option<&MicrosoftError>, now: EventTime,
    ) {
        if kind != Kind::Apply {
            self.unsettled = true;
            if let Some(claim) = &mut self.claim {
                claim.unanswered = true;
            }
        } else if self.accepted.is_none() {
            self.apply_unknown = true;
            self.sent_to = Some(call.to.clone());
            self.applying = None;
        }
        self.attempt(kind, call, AttemptOutcome::Unknown, error, now);
    }

    fn attempt(
        &mut self, kind: Kind, call: &CallRef, outcome: AttemptOutcome,
        error: Option<&MicrosoftError>, at: EventTime,
    ) {
        self.attempts = self.attempts.saturating_add(1);
        self.last = Some(Attempt {
            at,
            kind: Some(kind),
            outcome,
            code: error.and_then(|error| error.code),
            error_code: error.and_then(|error| error.symbol.clone()),
            tracking_id: call.tracking_id.clone(),
        });
    }
}
