//! What Microsoft's errors mean: their classes, and how an error is looked up in `error_table`.
//!
//! That table drives the decision, the log, `status` and the troubleshooting page, so they can't
//! disagree. Sources: the operation pages of the Campaign Management service
//! (learn.microsoft.com/advertising/campaign-management-service/applyofflineconversions and
//! …/applyofflineconversionadjustments) and its list of operation error codes
//! (learn.microsoft.com/advertising/guides/operation-error-codes).

pub use super::error_class::{Entry, ErrorClass, UNREADABLE, Wait};
pub use super::error_table::TABLE;

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
