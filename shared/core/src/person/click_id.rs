//! Click ids (`msclkid`) as they arrive from landing pages, tags and CRMs.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

#[cfg(test)]
mod tests;

/// A cleaned Microsoft click id: 16 to 64 characters of `0-9 A-Z a-z`, in the case it came in.
///
/// Microsoft says "always 32 characters", its older samples have 29
/// (learn.microsoft.com/advertising/campaign-management-service/offlineconversion), so other
/// lengths are taken and told apart by [`ClickId::is_standard`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClickId(String);

/// Why a text is no click id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClickIdError {
    #[error("is the placeholder N, not a click id")]
    Placeholder,
    #[error("is a template that was not filled in")]
    Template,
    #[error("is one of Microsoft's test ids")]
    TestId,
    #[error("has characters other than letters and digits")]
    OtherCharacters,
    #[error("has fewer than 16 characters")]
    TooShort,
    #[error("has more than 64 characters")]
    TooLong,
}

/// Ids of Microsoft's samples, in lower case.
const TEST_IDS: [&str; 2] = ["example-123", "01234567890123456789012345678901"];

/// What Microsoft's tag puts behind the id in its cookie.
const SUFFIXES: [&str; 4] = ["-0N", "-1N", "-0", "-1"];

impl ClickId {
    /// Cleans and checks a click id: percent-decodes once, takes the value out of an address or
    /// query that it stands in, strips a leading `_uet`, a trailing `-0`, `-1`, `-0N` or `-1N` and
    /// the dashes of a GUID. An id that is given twice (`ID,ID`) counts once. Cleaning a cleaned id
    /// changes nothing.
    pub fn parse(text: &str) -> Result<Self, ClickIdError> {
        let decoded = percent_decode(text.trim());
        let value = once(query_value(&decoded));
        let bare = strip_suffix(value.strip_prefix("_uet").unwrap_or(value));
        refuse_known(bare)?;
        let id = if is_guid(bare) { bare.replace('-', "") } else { bare.to_owned() };
        refuse_shape(&id)?;
        Ok(Self(id))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has the documented form, 32 hex digits; others are taken but worth counting.
    pub fn is_standard(&self) -> bool {
        self.0.len() == 32 && self.0.bytes().all(|b| b.is_ascii_hexdigit())
    }

    /// The id in lower case, for keys that find duplicates. Never send it.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

/// What stands behind `msclkid=`, if that is there, up to the next parameter.
fn query_value(text: &str) -> &str {
    let value = text.rsplit_once("msclkid=").map_or(text, |(_, value)| value);
    value.split(['?', '&', '#']).next().unwrap_or(value)
}

/// `ID,ID` is ID; two different ones are nobody's.
fn once(text: &str) -> &str {
    let mut parts = text.split(',').map(str::trim);
    let first = parts.next().unwrap_or(text);
    if parts.all(|part| part == first) { first } else { text }
}

fn strip_suffix(text: &str) -> &str {
    SUFFIXES.iter().find_map(|suffix| text.strip_suffix(suffix)).unwrap_or(text)
}

fn refuse_known(text: &str) -> Result<(), ClickIdError> {
    if text == "N" {
        return Err(ClickIdError::Placeholder);
    }
    if text.contains(['{', '}', '[', ']', '<', '>', '$']) {
        return Err(ClickIdError::Template);
    }
    if TEST_IDS.iter().any(|id| text.eq_ignore_ascii_case(id)) {
        return Err(ClickIdError::TestId);
    }
    Ok(())
}

fn refuse_shape(id: &str) -> Result<(), ClickIdError> {
    if !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(ClickIdError::OtherCharacters);
    }
    match id.len() {
        ..16 => Err(ClickIdError::TooShort),
        16..=64 => Ok(()),
        _ => Err(ClickIdError::TooLong),
    }
}

/// Groups of 8, 4, 4, 4 and 12 hex digits.
fn is_guid(text: &str) -> bool {
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// Decodes `%XX` once; whatever is no escape, or decodes to no UTF-8, stays and is refused later.
fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escape = (byte == b'%').then(|| bytes.get(at + 1..at + 3).and_then(hex_byte)).flatten();
        decoded.push(escape.unwrap_or(byte));
        at += if escape.is_some() { 3 } else { 1 };
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

fn hex_byte(pair: &[u8]) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some(digit(*pair.first()?)? * 16 + digit(*pair.get(1)?)?)
}

impl std::str::FromStr for ClickId {
    type Err = ClickIdError;
    fn from_str(text: &str) -> Result<Self, ClickIdError> {
        Self::parse(text)
    }
}

impl fmt::Display for ClickId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ClickId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for ClickId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ClickId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // What we stored is clean already.
        match refuse_shape(&text).and_then(|()| refuse_known(&text)) {
            Ok(()) => Ok(Self(text)),
            Err(_) => Self::parse(&text).map_err(de::Error::custom),
        }
    }
}
