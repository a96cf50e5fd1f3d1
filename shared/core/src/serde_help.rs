//! Helpers for stored JSON: when a member is left out, and words that are not known.

use serde::de::value::{Error, StringDeserializer};
use serde::{Deserialize, Deserializer};

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Reads a word of an enum; none for one that only a later version knows.
pub(crate) fn known<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let word = Option::<String>::deserialize(deserializer)?;
    Ok(word.and_then(|word| T::deserialize(StringDeserializer::<Error>::new(word)).ok()))
}
