//! The body and the answers of `POST /api/tracklayer/events`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use tracklayer_core::event::{Conversion, EventError, IgnoredReason, Rejection};
use tracklayer_core::id::{AccountName, RecordId, Source};
use tracklayer_core::ledger::correction::{Correction, CorrectionRefusal};
use tracklayer_core::ledger::orphan::Orphan;
use tracklayer_core::ledger::row::{PartitionKey, Row, RowKey};
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::reconcile::state::{State, refusal_in_orphan, refusal_of, state};
use tracklayer_edge::lambda::http_api::Problem;

/// The most events of one request.
const MAX_EVENTS: usize = 500;

/// The reason in the answer to another notice of an order that is counted already.
const SAME_ORDER: &str = "same_order";

/// One event, or several, each still its JSON text.
pub(crate) enum Body<'a> {
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

#[derive(Debug, Default, Serialize)]
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
    /// The event that counts for the order, where this is another notice of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<RowKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<EventError>,
    /// Which fields were left out or changed, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<EventError>,
    /// For metrics: the account, where it is known.
    #[serde(skip)]
    pub account: Option<AccountName>,
}

/// How an event ends, in the words of the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Queued,
    Duplicate,
    /// It is valid, and nothing is stored on purpose.
    Ignored,
    /// Its id is taken by something else.
    Conflict,
    #[default]
    Rejected,
}

impl Status {
    pub const ALL: [Status; 5] =
        [Status::Queued, Status::Duplicate, Status::Ignored, Status::Conflict, Status::Rejected];

    /// The HTTP status when the event was sent alone.
    pub fn http(self) -> u16 {
        match self {
            Status::Queued => 202,
            Status::Duplicate | Status::Ignored => 200,
            Status::Conflict => 409,
            Status::Rejected => 422,
        }
    }

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
    fn new(id: PartitionKey, status: Status) -> Self {
        let PartitionKey { source, event_id } = id;
        let (event_id, source) = (Some(event_id), Some(source));
        EventAnswer { event_id, source, status, ..Self::default() }
    }

    /// The account that it counts under: `none` where that is not known.
    pub fn account_name(&self) -> &str {
        self.account.as_ref().map_or("none", AccountName::as_str)
    }

    /// `source/eventId`, with a `-` for what could not be read.
    pub fn label(&self) -> String {
        let source = self.source.as_ref().map_or("-", Source::as_str);
        let event_id = self.event_id.as_ref().map_or("-", RecordId::as_str);
        format!("{source}/{event_id}")
    }

    /// Stored, or stored before: with the state of its row.
    pub fn stored(id: PartitionKey, status: Status, row: &Row) -> Self {
        let (state, reason) = state(row);
        EventAnswer {
            state: Some(state.as_str()),
            reason: Some(reason),
            account: Some(row.account.clone()),
            ..Self::new(id, status)
        }
    }

    /// A correction that its original's row has: with the row's state, or its own where it can have no
    /// effect.
    pub fn of_correction(correction: &Correction, status: Status, row: &Row) -> Self {
        let answer = Self::stored(correction.id(), status, row);
        let Some((_, refusal)) = refusal_in(row, correction) else { return answer };
        EventAnswer {
            state: Some(State::Refused.as_str()),
            reason: Some(Some(refusal.as_str().to_owned())),
            ..answer
        }
    }

    /// A correction that is known, of a row that is not kept any more.
    pub fn known(correction: &Correction) -> Self {
        Self::new(correction.id(), Status::Duplicate)
    }

    /// A correction whose original has not come.
    pub fn of_orphan(correction: &Correction, status: Status, orphan: &Orphan) -> Self {
        let known = orphan.corrections.iter().find(|known| known.is(correction));
        let refusal = known.and_then(|known| refusal_in_orphan(orphan, known));
        let waits = (State::Waiting, WaitReason::OriginalMissing.as_str());
        let (state, reason) = refusal.map_or(waits, |reason| (State::Refused, reason));
        EventAnswer {
            state: Some(state.as_str()),
            reason: Some(Some(reason.to_owned())),
            account: orphan.account.clone(),
            ..Self::new(correction.id(), status)
        }
    }

    /// Another notice of the order that `row` counts.
    pub fn same_order(conversion: &Conversion, row: &Row) -> Self {
        EventAnswer {
            reason: Some(Some(SAME_ORDER.to_owned())),
            of: Some(row.key.clone()),
            ..Self::stored(conversion.key.partition_key(), Status::Duplicate, row)
        }
    }

    /// Not stored on purpose.
    pub fn ignored(key: &RowKey, reason: IgnoredReason) -> Self {
        EventAnswer {
            reason: Some(Some(reason.as_str().to_owned())),
            ..Self::new(key.partition_key(), Status::Ignored)
        }
    }

    /// Not stored, because of `error`.
    pub fn refused(id: PartitionKey, status: Status, error: EventError) -> Self {
        EventAnswer { error: Some(error), ..Self::new(id, status) }
    }
}

/// The correction as `row` has it, and why it can have no effect, if it has none.
pub(crate) fn refusal_in<'r>(
    row: &'r Row, correction: &Correction,
) -> Option<(&'r Correction, CorrectionRefusal)> {
    let at = row.corrections.iter().position(|known| known.is(correction))?;
    Some((&row.corrections[at], refusal_of(row, at)?))
}

impl From<Rejection> for EventAnswer {
    fn from(rejection: Rejection) -> Self {
        EventAnswer {
            event_id: rejection.event_id,
            source: rejection.source,
            error: Some(rejection.error),
            account: rejection.account,
            ..Self::default()
        }
    }
}

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
