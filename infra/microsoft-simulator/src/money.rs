//! Amounts, exactly as in the text of the request's JSON: never converted to a binary fraction.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use serde_json::value::RawValue;

/// Reads a JSON number's text; `None` for a JSON value that is not a number.
pub(crate) fn parse(raw: &RawValue) -> Option<Number> {
    let text = raw.get();
    let numeric = text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    numeric.then(|| match exact(text) {
        Some(amount) => Number::Exact(amount),
        None => Number::TooLong,
    })
}

fn exact(text: &str) -> Option<Decimal> {
    if text.contains(['e', 'E']) {
        return Decimal::from_scientific(text).ok();
    }
    Decimal::from_str_exact(text).ok()
}

/// A JSON number, or one with more digits than a decimal holds (and so far out of any range).
pub(crate) enum Number {
    Exact(Decimal),
    TooLong,
}

/// Writes the decimal's digits as a JSON number; `null` for none.
pub(crate) fn serialize<S: Serializer>(
    amount: &Option<Decimal>, serializer: S,
) -> Result<S::Ok, S::Error> {
    let Some(amount) = amount else {
        return serializer.serialize_none();
    };
    RawValue::from_string(amount.to_string()).map_err(S::Error::custom)?.serialize(serializer)
}

/// Reads a JSON number or `null` of the settings; `9.90` becomes `9.9`.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Decimal>, D::Error> {
    let Some(raw) = Option::<serde_json::Number>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let message = || D::Error::custom(format!("not an amount: {raw}"));
    exact(&raw.to_string()).map(Some).ok_or_else(message)
}
