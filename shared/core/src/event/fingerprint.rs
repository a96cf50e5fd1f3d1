//! Whether two events say the same: [`short_hash`] of what was parsed, not of the text. `10.50` is
//! `10.5`, `+02:00` is the same instant in `Z`, unknown fields don't count. Nor does anything
//! that comes from the mapping: a renamed goal must not turn a repetition into a conflict.

use std::fmt;

use super::{Conversion, Correction};
use crate::id::short_hash;

/// Feeds `name NUL value NUL` for every field that is there. No value holds a NUL, so different
/// fields never give the same bytes.
struct Canonical(String);

impl Canonical {
    fn new(kind: &str) -> Self {
        Self(String::with_capacity(512)).with("kind", kind)
    }

    fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        for part in [name, &value.to_string()] {
            self.0.push_str(part);
            self.0.push('\0');
        }
        self
    }

    fn with_some(self, name: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    fn finish(self) -> String {
        short_hash(self.0)
    }
}

impl Conversion {
    /// Over event, ids, account, time, value and currency. Fields about the person don't count: a
    /// repetition may say them better.
    pub fn fingerprint(&self) -> String {
        Canonical::new("conversion")
            .with("event", &self.key.event)
            .with("eventId", &self.key.event_id)
            .with("source", &self.key.source)
            .with("account", &self.account)
            .with("occurredAt", self.occurred_at.epoch())
            .with_some("value", self.value)
            .finish()
    }
}

impl Correction {
    /// Over everything the caller said, the account included where it was named.
    pub fn fingerprint(&self) -> String {
        let (recorded, change) = (&self.recorded, &self.recorded.change);
        let kind = match (change.amount, change.new_value) {
            (Some(_), _) => "refund",
            (None, Some(_)) => "restatement",
            (None, None) => "full",
        };
        Canonical::new("correction")
            .with("event", &self.event)
            .with("eventId", &recorded.event_id)
            .with("source", &recorded.source)
            .with_some("account", recorded.account.as_ref())
            .with("occurredAt", recorded.occurred_at.epoch_ms())
            .with("original.source", &self.original.source)
            .with("original.eventId", &self.original.event_id)
            .with_some("original.event", recorded.original_event.as_ref())
            .with(kind, change.money().map_or_else(String::new, |money| money.to_string()))
            .finish()
    }
}
