//! The body and the answers of `POST /api/tracklayer/events`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use tracklayer_core::{
    event::{EventError, Ignored, Rejection},
    id::{RecordId, Source},
    ledger::row::Row,
    reconcile::state::state,
};
use tracklayer_edge::lambda::http_api::Problem;

/// The most events of one request.
const MAX_EVENTS: usize = 500;

/// One event, or several.
pub enum Body<'a> {
    One([&'a RawValue; 1]),
    Many(Vec<&'a RawValue>),
}

impl<'a> Body<'a> {
    pub fn parse(text: &'a str) -> Result<Self, Problem> {
        let invalid = |message| Problem::new(400, "invalid_json", message);
        let raw: &RawValue =
            serde_json::from_str(text).map_err(|_| invalid("the body is not JSON"))?;
        if raw.get().starts_with('{') {
            return Ok(Body::One([raw]));
        }
        let events: Vec<&RawValue> = serde_json::from_str(raw.get())
            .map_err(|_| invalid("the body is neither an object nor an array"))?;
        match events.len() {
            0 => Err(invalid("the array is empty")),
            1..=MAX_EVENTS => Ok(Body::Many(events)),
            _ => Err(Problem::new(413, "too_many_events", "at most 500 events a request")),
        }
    }

    pub fn events(&self) -> &[&'a RawValue] {
        match self {
            Body::One(event) => event,
            Body::Many(events) => events,
        }
    }
}

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
    /// For metrics.
    #[serde(skip)]
    pub account: Option<String>,
}

/// The five endings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Queued,
    Duplicate,
    Ignored,
    Conflict,
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
        }
    }

    /// Stored, or stored before: with where the row stands.
    pub fn stored(event_id: &RecordId, source: &Source, status: Status, row: &Row) -> Self {
        let (state, reason) = state(row);
        EventAnswer {
            state: Some(state.as_str()),
            reason: Some(reason),
            account: Some(row.account.to_string()),
            ..Self::new(event_id, source, status)
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
