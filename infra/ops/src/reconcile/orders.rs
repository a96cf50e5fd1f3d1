//! The file's rows as orders.

use tracklayer_core::event::{ErrorCode, Event, parse_event};
use tracklayer_core::ledger::order::OrderKey;
use tracklayer_core::ledger::row::RowKey;
use tracklayer_core::mapping::Mapping;
use tracklayer_core::money::Money;
use tracklayer_core::time::EventTime;

use super::compare::Fate;
use crate::import::lines::Line;

/// One order of the file.
#[derive(Debug)]
pub struct Order {
    /// Its line.
    pub line: u64,
    /// The key that its row has.
    pub key: Option<RowKey>,
    /// The order's number at its goal, where that counts one conversion per order.
    pub order: Option<OrderKey>,
    /// The goal that it counts for, by today's mapping.
    pub goal: String,
    /// When it happened.
    pub at: Option<EventTime>,
    /// The day on which it happened, in UTC.
    pub day: String,
    /// What it is worth, by the file.
    pub money: Option<Money>,
    /// Why it has no row by itself.
    why: Option<Fate>,
}

impl Order {
    /// Reads a row as the API would read the event. An order is found by its key also where nothing
    /// of its person is in the file, and however old it is.
    pub fn read(line: &Line, mapping: &Mapping, now: EventTime) -> Self {
        let event = match &line.event {
            Ok(event) => with_anybody(event),
            Err(reject) => return Order::unusable(line, reject.code()),
        };
        match parse_event(&event, mapping, at_its_time(&event, now)).event {
            Ok(Event::Conversion(it)) => Order {
                line: line.number,
                key: Some(it.key),
                order: it.order,
                goal: it.goal.name.to_string(),
                at: Some(it.occurred_at),
                day: day(it.occurred_at),
                money: it.value,
                why: None,
            },
            Ok(Event::Ignored(it)) => Order {
                why: Some(Fate::Ignored(it.reason.as_str().to_owned())),
                ..Order::bare(line)
            },
            Ok(Event::Correction(_)) => Order::unusable(line, ErrorCode::UnknownEvent.as_str()),
            Err(rejection) => Order::unusable(line, rejection.error.code.as_str()),
        }
    }

    fn bare(line: &Line) -> Self {
        let nothing = || "-".to_owned();
        let (goal, day) = (nothing(), nothing());
        let (line, at) = (line.number, None);
        Order { line, key: None, order: None, goal, at, day, money: None, why: None }
    }

    fn unusable(line: &Line, code: &str) -> Self {
        Order { why: Some(Fate::Rejected(code.to_owned())), ..Order::bare(line) }
    }

    /// What became of it if it can have no row.
    pub fn without_row(&self) -> Option<Fate> {
        self.why.clone()
    }
}

/// The day of this moment, in UTC.
pub fn day(time: EventTime) -> String {
    time.to_string().chars().take(10).collect()
}

/// Lists of orders seldom say who bought: some session makes the event complete.
fn with_anybody(event: &str) -> String {
    let mut event: serde_json::Value = serde_json::from_str(event).unwrap_or_default();
    if let Some(members) = event.as_object_mut() {
        members.entry("sessionId").or_insert_with(|| "reconcile".into());
    }
    event.to_string()
}

/// The time at which an order is young enough to be accepted: a year's list is compared as well.
fn at_its_time(event: &str, now: EventTime) -> EventTime {
    let event: serde_json::Value = serde_json::from_str(event).unwrap_or_default();
    let at = event["occurredAt"].as_str().and_then(|at| EventTime::parse_rfc3339(at).ok());
    at.map_or(now, |at| at.min(now))
}
