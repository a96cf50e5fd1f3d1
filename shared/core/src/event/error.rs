//! Codes of rejected events. Callers and dashboards key on them: never rename one.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::id::{AccountName, RecordId, Source};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)*) => {
        /// What is wrong with an event. Some are found only where more is known than the event
        /// itself: rights of the caller's key, the ledger.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $name,)* }

        impl ErrorCode {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// A field that must be there is absent or null.
    MissingField => "missing_field",
    /// A field is of another JSON type, such as a list in place of a string.
    WrongType => "wrong_type",
    /// An id or source breaks its rule.
    InvalidId => "invalid_id",
    /// The event name is not in the mapping.
    UnknownEvent => "unknown_event",
    /// The account is not in the mapping.
    UnknownAccount => "unknown_account",
    /// The caller's key may not write this source (the caller of this crate finds it).
    SourceNotAllowed => "source_not_allowed",
    /// The time is not RFC 3339.
    InvalidTime => "invalid_time",
    /// The time has no UTC offset.
    MissingOffset => "missing_offset",
    /// The time is more than five minutes ahead.
    TimeInFuture => "time_in_future",
    /// The conversion is more than 90 days old: Microsoft would refuse it.
    TooOld => "too_old",
    /// A value, or a correction's amount, must be there.
    MissingValue => "missing_value",
    /// The value is negative or too large, or can't be used as given.
    InvalidValue => "invalid_value",
    ValueNotAllowed => "value_not_allowed",
    MissingCurrency => "missing_currency",
    /// Not an ISO 4217 code.
    InvalidCurrency => "invalid_currency",
    InvalidClickId => "invalid_click_id",
    /// Nothing by which a click or person could be found.
    NoIdentifier => "no_identifier",
    /// The reference to the corrected event can't be used.
    InvalidOriginal => "invalid_original",
    /// Several events carry the original's id (found in the ledger).
    AmbiguousOriginal => "ambiguous_original",
    /// The correction's currency is not the original's (found in the ledger).
    CurrencyMismatch => "currency_mismatch",
    /// Same id, other content or other account (found in the ledger).
    Conflict => "conflict",
    /// Another event of the same order is counted already, and this one says something else, or the
    /// order was taken back since (found in the ledger).
    SameOrder => "same_order",
    /// Only a warning: an amount with more than three decimals was rounded.
    Rounded => "rounded",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct EventError {
    pub code: ErrorCode,
    /// For people. Never holds what the event holds.
    pub message: String,
    /// The field it is about, by its name in the event.
    pub field: Option<&'static str>,
}

impl EventError {
    pub fn at(code: ErrorCode, field: &'static str, problem: impl fmt::Display) -> Self {
        Self { code, message: format!("{field} {problem}"), field: Some(field) }
    }

    /// Whether the field that this warning is about was left out.
    pub fn is_left_out(&self) -> bool {
        self.code != ErrorCode::Rounded
    }

    /// An error about the event as a whole.
    pub fn whole(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: None }
    }
}

/// An event that was not taken, with what of it is usable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The event's id, if it is a valid one.
    pub event_id: Option<RecordId>,
    /// The event's source, if it is a valid one.
    pub source: Option<Source>,
    /// The account that it is about, as far as that is known: it is counted under it.
    pub account: Option<AccountName>,
    /// What is wrong, and with which field.
    pub error: EventError,
}

// By hand: thiserror would take the field `source` for the error's cause.
impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Rejection {}
