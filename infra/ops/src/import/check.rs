//! What the API's own parser says of an event.

use tracklayer_core::{
    event::{Event, EventError, parse_event},
    mapping::Mapping,
    money::Money,
    time::EventTime,
};

/// An event that the API would accept.
pub struct Said {
    /// `conversion`, `correction` or `ignored`.
    pub status: String,
    /// The original's value.
    pub money: Option<Money>,
    /// Fields that would be left out or changed.
    pub warnings: usize,
}

/// Reads an event as the API does.
pub fn check(event: &str, mapping: &Mapping, now: EventTime) -> Result<Said, EventError> {
    let parsed = parse_event(event, mapping, now);
    let (status, money) = match parsed.event.map_err(|rejection| rejection.error)? {
        Event::Conversion(conversion) => ("conversion", conversion.value),
        Event::Correction(_) => ("correction", None),
        Event::Ignored(_) => ("ignored", None),
    };
    Ok(Said { status: status.to_owned(), money, warnings: parsed.warnings.len() })
}
