//! What Microsoft's errors mean: their classes, and how an error is looked up in `error_table`.
//!
//! That table drives the decision, the log, `status` and the troubleshooting page, so they can't
//! disagree. Sources: the operation pages of the Campaign Management service
//! (learn.microsoft.com/advertising/campaign-management-service/applyofflineconversions and
//! …/applyofflineconversionadjustments) and its list of operation error codes
//! (learn.microsoft.com/advertising/guides/operation-error-codes).

pub use super::error_table::TABLE;

/// What an error means for the rows it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// Microsoft's own trouble; whether the rows counted is unknown. Same payload again.
    Retry,
    /// Too many calls: the account pauses for a minute.
    Throttled,
    /// The access token is no good: fetch a new one once, then treat as [`ErrorClass::Account`].
    Token,
    /// Nothing of this account can be sent until a person repairs its set-up. Messages are
    /// returned as batch item failures.
    Account,
    /// The row waits until a moment that can be named, and then is sent again.
    Wait(Wait),
    /// The row is refused; a person changes the goal or the mapping and redrives.
    Configuration,
    /// The row is refused because Microsoft doesn't know its goal's name.
    GoalName,
    /// The click is later than the conversion: the row is sent without that click, or refused if
    /// an earlier attempt has no answer or it was sent without one.
    Click,
    /// The row is refused and no repair will make Microsoft take it.
    Final,
    /// The payload is wrong: a defect of this software, or a row that can't be expressed.
    Defect,
    /// Not in the table, and counted as `UnknownCode`. A row that it names is refused; a whole call
    /// has an unknown outcome and is sent again.
    Unknown,
}

impl ErrorClass {
    /// For people: what becomes of the row, and who must act.
    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorClass::Retry => "retry",
            ErrorClass::Throttled => "pause, then retry",
            ErrorClass::Token => "new token once, then fix configuration",
            ErrorClass::Account => "fix configuration; the account's rows are retried",
            ErrorClass::Wait(_) => "wait, then send again",
            ErrorClass::Configuration | ErrorClass::GoalName => "fix configuration, then redrive",
            ErrorClass::Click => "sent without that click",
            ErrorClass::Final => "final",
            ErrorClass::Defect => "our defect",
            ErrorClass::Unknown => "unknown",
        }
    }
}

/// What a [`ErrorClass::Wait`] waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// A goal takes conversions two hours after it was made.
    GoalTooRecent,
    TimeInFuture,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Microsoft's number; `None` where Microsoft publishes only the symbol.
    pub code: Option<i64>,
    /// Microsoft's symbol (`ErrorCode`).
    pub symbol: &'static str,
    pub class: ErrorClass,
    pub cause: &'static str,
    pub cure: &'static str,
}

/// The line for an error as Microsoft sent it; the number wins, the symbol helps where there is none
/// – or where it is 0, which means "none" as often as for an internal error.
pub fn look_up(code: Option<i64>, symbol: Option<&str>) -> Option<&'static Entry> {
    let by_code = code.and_then(|code| TABLE.iter().find(|entry| entry.code == Some(code)));
    let by_symbol = symbol.and_then(|symbol| TABLE.iter().find(|entry| entry.symbol == symbol));
    match code {
        // A new symbol beside the number 0 is not known by that number.
        Some(0) if symbol.is_some_and(|symbol| !symbol.is_empty()) => by_symbol,
        _ => by_code.or(by_symbol),
    }
}

/// The symbol of a refusal that says nothing but its HTTP status, 400.
pub const UNREADABLE: &str = "HTTP 400";

/// What to do about an error as Microsoft sent it.
pub fn classify(code: Option<i64>, symbol: Option<&str>) -> ErrorClass {
    look_up(code, symbol).map_or(ErrorClass::Unknown, |entry| entry.class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_symbols_are_unique() {
        for (position, entry) in TABLE.iter().enumerate() {
            let rest = &TABLE[position + 1..];
            assert!(rest.iter().all(|other| other.symbol != entry.symbol), "{}", entry.symbol);
            assert!(rest.iter().all(|other| entry.code.is_none() || other.code != entry.code));
        }
    }

    #[test]
    fn number_wins_over_symbol_and_symbol_helps_without_number() {
        assert_eq!(classify(Some(5606), Some("SomethingElse")), ErrorClass::GoalName);
        assert_eq!(
            classify(None, Some("NotEligibleForEnhancedConversions")),
            ErrorClass::Configuration
        );
        assert_eq!(classify(Some(99_999), Some("BrandNew")), ErrorClass::Unknown);
        assert_eq!(classify(Some(0), Some("OfflineConversionNameInvalid")), ErrorClass::GoalName);
        assert_eq!(classify(Some(0), None), ErrorClass::Retry);
        assert_eq!(classify(Some(0), Some("")), ErrorClass::Retry);
        assert_eq!(classify(Some(0), Some("InternalError")), ErrorClass::Retry);
        assert_eq!(classify(Some(0), Some("BrandNew")), ErrorClass::Unknown);
    }
}
