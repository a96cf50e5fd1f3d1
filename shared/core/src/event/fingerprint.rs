//! Whether two events say the same: a hash over what was parsed, not over the text. `10.50` is
//! `10.5`, `+02:00` is the same instant in `Z`, unknown fields don't count. Nor does anything
//! that comes from the mapping: a renamed goal must not turn a repetition into a conflict.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use super::{Conversion, Correction, Event};
use crate::person::identity::to_hex;

/// The first 16 bytes of a SHA-256; written and stored as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 16]);

/// The fingerprint of an event that is stored; `None` for an ignored one.
pub fn fingerprint(event: &Event) -> Option<Fingerprint> {
    match event {
        Event::Conversion(conversion) => Some(conversion.fingerprint()),
        Event::Correction(correction) => Some(correction.fingerprint()),
        Event::Ignored(_) => None,
    }
}

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

    fn finish(self) -> Fingerprint {
        let hash: [u8; 32] = Sha256::digest(self.0.as_bytes()).into();
        let mut first = [0; 16];
        first.copy_from_slice(&hash[..16]);
        Fingerprint(first)
    }
}

impl Conversion {
    /// Over event, ids, account, time, value and currency. Fields about the person don't count: a
    /// repetition may say them better.
    pub fn fingerprint(&self) -> Fingerprint {
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
    pub fn fingerprint(&self) -> Fingerprint {
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

impl Fingerprint {
    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads 32 hex digits.
    pub fn parse(hex: &str) -> Option<Self> {
        let digits = hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit());
        let number = digits.then(|| u128::from_str_radix(hex, 16).ok()).flatten()?;
        Some(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hex = String::deserialize(deserializer)?;
        Self::parse(&hex).ok_or_else(|| de::Error::custom("is not 32 hex digits"))
    }
}
