//! Codes of rejected events. Callers and dashboards key on them: never rename one.

use std::fmt;

use serde::Serialize;
use strum::{Display, IntoStaticStr, VariantArray};

use crate::field::Field;
use crate::id::{AccountName, RecordId, Source};

/// What is wrong with an event. Some are found only where more is known than the event itself: rights
/// of the caller's key, the ledger.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Display, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ErrorCode {
    /// A field that must be there is absent or null.
    MissingField,
    /// A field is of another JSON type, such as a list in place of a string.
    WrongType,
    /// An id or source breaks its rule.
    InvalidId,
    /// The event name is not in the mapping.
    UnknownEvent,
    /// The account is not in the mapping.
    UnknownAccount,
    /// The caller's key may not write this source (the caller of this crate finds it).
    SourceNotAllowed,
    /// The time is not RFC 3339.
    InvalidTime,
    /// The time has no UTC offset.
    MissingOffset,
    /// The time is more than five minutes ahead.
    TimeInFuture,
    /// The conversion is more than 90 days old: Microsoft would refuse it.
    TooOld,
    /// A value, or a correction's amount, must be there.
    MissingValue,
    /// The value is negative or too large, or can't be used as given.
    InvalidValue,
    ValueNotAllowed,
    MissingCurrency,
    /// Not an ISO 4217 code.
    InvalidCurrency,
    InvalidClickId,
    /// Nothing by which a click or person could be found.
    NoIdentifier,
    /// The reference to the corrected event can't be used.
    InvalidOriginal,
    /// Several events carry the original's id (found in the ledger).
    AmbiguousOriginal,
    /// The correction's currency is not the original's (found in the ledger).
    CurrencyMismatch,
    /// Same id, other content or other account (found in the ledger).
    Conflict,
    /// Another event of the same order is counted already, and this one says something else, or the
    /// order was taken back since (found in the ledger).
    SameOrder,
    /// Only a warning: an amount with more than three decimals was rounded.
    Rounded,
}

impl ErrorCode {
    pub const ALL: &[Self] = Self::VARIANTS;

    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventError {
    pub code: ErrorCode,
    /// For people. Never holds what the event holds.
    pub message: String,
    /// The field it is about, by its name in the event.
    pub field: Option<&'static str>,
}

impl EventError {
    pub fn at(code: ErrorCode, field: Field, problem: impl fmt::Display) -> Self {
        let field = field.as_str();
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

/// [`EventError::at`], for a `map_err`.
pub(super) fn at<E: fmt::Display>(code: ErrorCode, field: Field) -> impl Fn(E) -> EventError {
    move |problem| EventError::at(code, field, problem)
}
