//! Click ids (`msclkid`) as they arrive from landing pages, tags and CRMs.

use std::fmt;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use crate::text::trim;

#[cfg(test)]
mod tests;

/// A cleaned Microsoft click id: 16 to 64 characters of `0-9 A-Z a-z`, in the case it came in.
///
/// Microsoft says "always 32 characters", its older samples have 29
/// (learn.microsoft.com/advertising/campaign-management-service/offlineconversion), so other
/// lengths are taken.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
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
        let text = trim(text);
        // What decodes to no UTF-8 stays and is refused later.
        let decoded = percent_decode_str(text).decode_utf8().unwrap_or(text.into());
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

    /// The id in lower case, for keys that find duplicates. Never send it.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

/// What stands behind `msclkid=`, if that is there, up to the next parameter.
fn query_value(text: &str) -> &str {
    let value = text.rsplit_once("msclkid=").map_or(text, |(_, value)| value);
    let value = value.split(['?', '&', '#']).next().unwrap_or(value);
    // Of a text that was written as JSON twice, or of an address.
    value.trim_matches(['"', '\'', '/'])
}

/// `ID,ID` is ID; two different ones are nobody's.
fn once(text: &str) -> &str {
    let mut parts = text.split(',').map(str::trim);
    let first = parts.next().unwrap_or(text);
    if parts.all(|part| part.eq_ignore_ascii_case(first)) { first } else { text }
}

fn strip_suffix(text: &str) -> &str {
    SUFFIXES.iter().find_map(|suffix| text.strip_suffix(suffix)).unwrap_or(text)
}

fn refuse_known(text: &str) -> Result<(), ClickIdError> {
    if text == "N" {
        return Err(ClickIdError::Placeholder);
    }
    if text.contains(['{', '}', '[', ']', '<', '>', '$']) || is_filler(text) {
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

/// Whether it is the empty GUID, or a sample of nothing but `x`.
fn is_filler(text: &str) -> bool {
    let only = |sign: u8| text.bytes().all(|b| b == b'-' || b.eq_ignore_ascii_case(&sign));
    (is_guid(text) && only(b'0')) || (text.len() > 1 && only(b'x'))
}

/// Groups of 8, 4, 4, 4 and 12 hex digits.
fn is_guid(text: &str) -> bool {
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
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

/// Reads a stored id, which is clean already, or else cleans it.
impl TryFrom<String> for ClickId {
    type Error = ClickIdError;
    fn try_from(text: String) -> Result<Self, ClickIdError> {
        let is_clean = refuse_shape(&text).and_then(|()| refuse_known(&text)).is_ok();
        if is_clean { Ok(Self(text)) } else { Self::parse(&text) }
    }
}
