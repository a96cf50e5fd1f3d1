//! Why a row is where it is, what helps, and what comes next.

use serde::Serialize;
use tracklayer_core::ledger::correction::Effect;
use tracklayer_core::ledger::observed::{Attempt, Kind, RefusalReason};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::microsoft::errors::{Entry, look_up};
use tracklayer_core::reconcile::decide::Policy;
use tracklayer_core::reconcile::state;
use tracklayer_core::reconcile::state::State;
use tracklayer_core::time::{EventTime, TextTime};

/// Why a row is where it is, and what helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Why {
    /// The cause.
    pub meaning: &'static str,
    /// What a person can do.
    pub cure: &'static str,
}

impl From<tracklayer_core::reconcile::advice::Advice> for Why {
    fn from(advice: tracklayer_core::reconcile::advice::Advice) -> Self {
        Why { meaning: advice.meaning, cure: advice.cure }
    }
}

impl From<&Entry> for Why {
    fn from(entry: &Entry) -> Self {
        Why { meaning: entry.cause, cure: entry.cure }
    }
}

/// Why `row` is where it is; nothing if all is well.
pub fn why(row: &Row) -> Option<Why> {
    let of_attempt = || row.observed.last.as_ref().and_then(of_attempt);
    match state::state(row).0 {
        State::Refused => Some(of_refusal(row)),
        State::Dead => of_attempt().or(Some(NEVER_ANSWERED)),
        State::Waiting => {
            let reason = state::wait(row).and_then(|open| open.reason);
            reason.map(|reason| reason.advice().into())
        }
        State::Queued => of_attempt(),
        State::Accepted | State::Restated | State::Retracted => None,
    }
}

/// A message dies without an attempt where no access token was to be had.
const NEVER_ANSWERED: Why = Why {
    meaning: "Microsoft or its identity service could not be used for three hours.",
    cure: "Look at the log of upload and at doctor, repair the cause, and redrive.",
};

fn of_attempt(attempt: &Attempt) -> Option<Why> {
    look_up(attempt.code, attempt.error_code.as_deref()).map(Why::from)
}

fn of_refusal(row: &Row) -> Why {
    let lost = || {
        let (_, effects) = state::corrections(row);
        effects.into_iter().find_map(|effect| match effect {
            Effect::Refused(refusal) => Some(refusal.advice().into()),
            _ => None,
        })
    };
    match row.observed.refusal.as_ref().map(|refusal| &refusal.reason) {
        Some(reason @ RefusalReason::Microsoft { code, symbol }) => {
            look_up(*code, symbol.as_deref()).map_or_else(|| reason.advice().into(), Why::from)
        }
        Some(reason) => reason.advice().into(),
        None => lost().unwrap_or_else(|| RefusalReason::IdentityErased.advice().into()),
    }
}

/// What is sent next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Next {
    /// What is sent.
    pub action: Kind,
    /// Not before this.
    pub at: TextTime,
}

/// What happens to `row` next, without anybody's doing.
pub fn next(row: &Row, policy: &Policy, now: EventTime) -> Option<Next> {
    status::next(row, policy, now).map(|(action, at)| Next { action, at: at.into() })
}
