//! The fields of one event or landing, each as the JSON text it came in. Numbers are never read as
//! binary floats on the way: money keeps its digits.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_bytes::{ByteBuf, Bytes};
use serde_json::value::RawValue;

use super::error::{ErrorCode, EventError};
use crate::field::Field;
use crate::text::trim;

/// The members of a JSON object; of equal ones the last counts. Their names may be no text at all.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Fields<'a>(#[serde(borrow)] BTreeMap<ByteBuf, &'a RawValue>);

impl<'a> Fields<'a> {
    /// Reads a JSON object; `None` for anything else.
    pub(super) fn parse(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// The field's JSON text; a `null` counts as absent.
    pub(super) fn raw(&self, field: Field) -> Option<&'a str> {
        self.0
            .get(Bytes::new(field.as_str().as_bytes()))
            .map(|value| value.get())
            .filter(|text| *text != "null")
    }

    /// Whether anything is said: an empty text says as little as a `null`.
    pub(super) fn has(&self, field: Field) -> bool {
        self.raw(field).is_some_and(|text| text != "\"\"")
    }

    /// The field as a string, if it is there.
    pub(super) fn text(&self, field: Field) -> Result<Option<Cow<'a, str>>, EventError> {
        let Some(raw) = self.raw(field) else { return Ok(None) };
        string(raw).map(Some).ok_or_else(|| wrong_type(field, "must be a string"))
    }

    /// The field as a string that says something, if there is one.
    pub(super) fn said(&self, field: Field) -> Result<Option<Cow<'a, str>>, EventError> {
        if self.has(field) { self.text(field) } else { Ok(None) }
    }

    /// The field as a string or a whole number, if it is there: many shops number what they have.
    pub(super) fn id_text(&self, field: Field) -> Result<Option<Cow<'a, str>>, EventError> {
        self.raw(field).map(|raw| id_text(field, raw)).transpose()
    }

    /// The word or flag of consent, if it is there. Of an object, as consent mode has it, that of
    /// `ad_storage`.
    pub(super) fn consent_word(&self) -> Result<Option<Cow<'a, str>>, EventError> {
        let Some(raw) = self.raw(Field::Consent) else { return Ok(None) };
        let ad_storage = |modes: &Self| modes.0.get(Bytes::new(b"ad_storage")).copied();
        let mode = Fields::parse(raw).as_ref().and_then(ad_storage);
        match mode.map_or(raw, RawValue::get) {
            "null" | "\"\"" => Ok(None),
            flag @ ("true" | "false") => Ok(Some(flag.into())),
            word => id_text(Field::Consent, word).map(Some),
        }
    }

    /// The field as the text of a JSON number, if it is there. A string must be a plain decimal,
    /// without an exponent; the text of any other one is no number.
    pub(super) fn number(&self, field: Field) -> Result<Option<Cow<'a, str>>, EventError> {
        let Some(raw) = self.raw(field) else { return Ok(None) };
        if raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return Ok(Some(Cow::Borrowed(raw)));
        }
        let text = string(raw).ok_or_else(|| wrong_type(field, "must be a number"))?;
        let is_plain = !text.contains(['e', 'E']);
        Ok(Some(Cow::Owned(if is_plain { trim(&text).to_owned() } else { String::new() })))
    }

    /// The field as a string that must be there. Blanks and invisible characters around it don't count.
    pub(super) fn required_text(&self, field: Field) -> Result<String, EventError> {
        let text = self.text(field)?.ok_or_else(|| missing(field))?;
        Ok(trim(&text).to_owned())
    }
}

pub(super) fn missing(field: Field) -> EventError {
    EventError::at(ErrorCode::MissingField, field, "is missing")
}

fn wrong_type(field: Field, problem: &str) -> EventError {
    EventError::at(ErrorCode::WrongType, field, problem)
}

fn id_text(field: Field, raw: &str) -> Result<Cow<'_, str>, EventError> {
    let text = whole_number(raw).map(Cow::Borrowed).or_else(|| string(raw));
    text.ok_or_else(|| wrong_type(field, "must be a string or a whole number"))
}

/// The digits of a whole number, also of one that was written as a decimal: tables whose column has
/// gaps turn `4711` into `4711.0`.
fn whole_number(raw: &str) -> Option<&str> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, decimals) = raw.split_once('.').unwrap_or((raw, "0"));
    let is_whole = is_digits(whole.strip_prefix('-').unwrap_or(whole));
    (is_whole && decimals.bytes().all(|byte| byte == b'0')).then_some(whole)
}

/// The string that a JSON text spells; borrowed where it has no escapes.
fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str(raw).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}
