//! The message on the queue: "this row may need work".
//!
//! It carries the row's key, an earliest time and a few words for people; never personal data, and
//! nothing that the row doesn't know better.

use serde::{Deserialize, Serialize};

use crate::ledger::row::{Row, RowKey};
use crate::money::Money;
use crate::time::{EventTime, TextTime};

pub const VERSION: u8 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signal {
    /// [`VERSION`].
    pub v: u8,
    #[serde(flatten)]
    pub key: RowKey,
    /// Not before this; the visibility of a message that comes earlier is changed to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<TextTime>,
    /// For people who look into the queue: `purchase shop/4711 129.95 USD`.
    #[serde(default)]
    pub summary: String,
}

/// A message that is no signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSignal {
    #[error("the message body is no signal")]
    Unreadable,
    #[error("the signal has an unknown version")]
    Version,
}

impl Signal {
    /// A signal for `row`, to be read at `not_before` or later.
    pub fn new(row: &Row, not_before: Option<EventTime>) -> Self {
        let money = row.facts.money.as_ref();
        Signal { not_before: not_before.map(TextTime), ..Self::of(&row.key, money) }
    }

    /// A signal for the row under `key`, for whoever has not read it; `money` is for
    /// people only.
    pub fn of(key: &RowKey, money: Option<&Money>) -> Self {
        let money = money.map_or_else(String::new, |money| format!(" {money}"));
        Signal {
            v: VERSION,
            key: key.clone(),
            not_before: None,
            summary: format!("{} {}{money}", key.event, key.label()),
        }
    }

    /// Reads a message body.
    ///
    /// # Errors
    /// If it is no signal, or one of another version.
    pub fn parse(body: &str) -> Result<Self, BadSignal> {
        let signal: Signal = serde_json::from_str(body).map_err(|_| BadSignal::Unreadable)?;
        if signal.v == VERSION { Ok(signal) } else { Err(BadSignal::Version) }
    }
}
