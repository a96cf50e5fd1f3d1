//! Instants as text. Read: RFC 3339 with `Z` or an offset. Written: whole seconds of UTC with `Z`.

use serde::{Deserialize, Deserializer, Serializer, de::Error};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// Reads an ISO 8601 instant; a text without `Z` or offset names no instant and is refused.
pub(crate) fn parse(text: &str) -> Option<OffsetDateTime> {
    let instant = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Some(instant.to_offset(UtcOffset::UTC))
}

/// `2026-04-24T09:42:13Z`; fractions of a second are cut off.
pub(crate) fn format(instant: OffsetDateTime) -> String {
    let t = instant.to_offset(UtcOffset::UTC);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

pub(crate) fn serialize<S: Serializer>(
    instant: &OffsetDateTime, serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*instant))
}

/// Like [`parse`], for members whose name says that they are in UTC: `Z` may be missing.
pub(crate) fn parse_utc(text: &str) -> Option<OffsetDateTime> {
    parse(text).or_else(|| parse(&format!("{text}Z")))
}

/// For `#[serde(with = "instant::required")]`.
pub(crate) mod required {
    pub(crate) use super::serialize;
    use super::*;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<OffsetDateTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| D::Error::custom(format!("not an instant: {text}")))
    }
}

/// For `#[serde(with = "instant::optional")]`.
pub(crate) mod optional {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        instant: &Option<OffsetDateTime>, serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match instant {
            Some(instant) => serializer.serialize_some(&format(*instant)),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<OffsetDateTime>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else {
            return Ok(None);
        };
        let message = || D::Error::custom(format!("not an instant: {text}"));
        parse(&text).map(Some).ok_or_else(message)
    }
}
