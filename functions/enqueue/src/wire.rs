//! The answers of `POST /api/tracklayer/events`.

use std::collections::BTreeMap;

use serde::Serialize;
use tracklayer_core::{
    event::{Correction, EventError, Ignored, Rejection},
    id::{AccountName, RecordId, Source},
    ledger::{correction::Correction as RowCorrection, orphan::Orphan, row::Row},
    reconcile::state::{State, refusal_of, state, state_of_orphan},
};

/// What became of one event.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventAnswer {
    pub event_id: Option<RecordId>,
    pub source: Option<Source>,
    pub status: Status,
    /// Where the row stands; only of stored events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// Why it waits, was refused or was ignored: null where there is nothing to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<EventError>,
    /// For metrics: the account, where it is known.
    #[serde(skip)]
    pub account: Option<AccountName>,
    /// For metrics: corrections that can have no effect, recorded with this event.
    #[serde(skip)]
    pub lost: usize,
}

/// How an event ends, in the words of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is stored.
    Queued,
    /// It was stored before.
    Duplicate,
    /// It is valid, and nothing is stored on purpose.
    Ignored,
    /// Its id is taken by something else.
    Conflict,
    /// It can't be taken.
    Rejected,
}

impl Status {
    /// The HTTP status when the event was sent alone.
    pub fn http(self) -> u16 {
        match self {
            Status::Queued => 202,
            Status::Duplicate | Status::Ignored => 200,
            Status::Conflict => 409,
            Status::Rejected => 422,
        }
    }

    /// Its metric.
    pub fn metric(self) -> &'static str {
        match self {
            Status::Queued => "Queued",
            Status::Duplicate => "Duplicate",
            Status::Ignored => "Ignored",
            Status::Conflict => "Conflict",
            Status::Rejected => "Rejected",
        }
    }
}

impl EventAnswer {
    fn new(event_id: &RecordId, source: &Source, status: Status) -> Self {
        EventAnswer {
            event_id: Some(event_id.clone()),
            source: Some(source.clone()),
            status,
            state: None,
            reason: None,
            error: None,
            account: None,
            lost: 0,
        }
    }

    /// Stored, or stored before: with the state of its row.
    pub fn stored(event_id: &RecordId, source: &Source, status: Status, row: &Row) -> Self {
        let (state, reason) = state(row);
        EventAnswer {
            state: Some(state.as_str()),
            reason: Some(reason),
            account: Some(row.account.clone()),
            ..Self::new(event_id, source, status)
        }
    }

    /// A correction that its original's row has: with the row's state, or its own where it can have no
    /// effect.
    pub fn of_correction(correction: &Correction, status: Status, row: &Row) -> Self {
        let (event_id, source) = (&correction.event_id, &correction.source);
        let is_it = |known: &RowCorrection| known.event_id == *event_id && known.source == *source;
        let refusal = row.corrections.iter().position(is_it).and_then(|at| refusal_of(row, at));
        let answer = Self::stored(event_id, source, status, row);
        let Some(refusal) = refusal else { return answer };
        EventAnswer {
            state: Some(State::Refused.as_str()),
            reason: Some(Some(refusal.as_str().to_owned())),
            lost: usize::from(status == Status::Queued),
            ..answer
        }
    }

    /// A correction whose original has not come.
    pub fn of_orphan(correction: &Correction, status: Status, orphan: &Orphan) -> Self {
        let (state, reason) = state_of_orphan(orphan);
        EventAnswer {
            state: Some(state.as_str()),
            reason: Some(Some(reason.to_owned())),
            account: orphan.account.clone(),
            ..Self::new(&correction.event_id, &correction.source, status)
        }
    }

    /// Not stored, on purpose.
    pub fn ignored(ignored: &Ignored) -> Self {
        EventAnswer {
            reason: Some(Some(ignored.reason.as_str().to_owned())),
            ..Self::new(&ignored.event_id, &ignored.source, Status::Ignored)
        }
    }

    /// The id is taken by something else.
    pub fn conflict(event_id: &RecordId, source: &Source, error: EventError) -> Self {
        EventAnswer { error: Some(error), ..Self::new(event_id, source, Status::Conflict) }
    }

    /// Not stored, because of `error`.
    pub fn rejected(event_id: &RecordId, source: &Source, error: EventError) -> Self {
        EventAnswer { error: Some(error), ..Self::new(event_id, source, Status::Rejected) }
    }
}

impl From<Rejection> for EventAnswer {
    fn from(rejection: Rejection) -> Self {
        EventAnswer {
            event_id: rejection.event_id,
            source: rejection.source,
            status: Status::Rejected,
            state: None,
            reason: None,
            error: Some(rejection.error),
            account: None,
            lost: 0,
        }
    }
}

/// The answer to an array.
#[derive(Serialize)]
pub struct ArrayAnswer {
    pub results: Vec<EventAnswer>,
    pub counts: BTreeMap<Status, usize>,
}

impl ArrayAnswer {
    pub fn new(results: Vec<EventAnswer>) -> Self {
        let mut counts = BTreeMap::new();
        for result in &results {
            *counts.entry(result.status).or_default() += 1;
        }
        ArrayAnswer { results, counts }
    }
}
