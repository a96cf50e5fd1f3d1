//! Single fields of an event, each read into its type or refused under its own code. Soft fields –
//! those about the click and the person – are left out with a warning instead.

use std::fmt;

use super::error::{ErrorCode, EventError};
use super::field::Field;
use super::fields::{Fields, missing};
use crate::id::{EventName, RecordId, Source};
use crate::ledger::facts::References;
use crate::ledger::order::OrderKey;
use crate::ledger::row::PartitionKey;
use crate::mapping::{Account, EventRule, Mapping, PerOrder};
use crate::person::click_id::ClickId;
use crate::person::consent::Consent;
use crate::person::error::IdentityError;
use crate::person::identity::{Sha256Hash, hash_email, hash_phone};
use crate::text::says_nothing;
use crate::time::{EventTime, MAX_AGE, MAX_SKEW, Moment, TimeError};

/// Why fields were left out or changed, in the order in which they were read.
pub(super) type Warnings = Vec<EventError>;

/// What a soft field says; nothing and a warning if that can't be used.
pub(super) fn soft<T>(read: Result<Option<T>, EventError>, warnings: &mut Warnings) -> Option<T> {
    read.unwrap_or_else(|problem| {
        warnings.push(problem);
        None
    })
}

pub(super) fn event_id(fields: &Fields<'_>) -> Result<RecordId, EventError> {
    let text = fields.id_text(Field::EventId)?.ok_or_else(|| missing(Field::EventId))?;
    let invalid = |e| EventError::at(ErrorCode::InvalidId, Field::EventId.as_str(), e);
    RecordId::of_event(&text).map_err(invalid)
}

pub(super) fn source(fields: &Fields<'_>) -> Result<Source, EventError> {
    let text = fields.required_text(Field::Source)?;
    let invalid = |e| EventError::at(ErrorCode::InvalidId, Field::Source.as_str(), e);
    Source::parse(&text).map_err(invalid)
}

fn record_id(fields: &Fields<'_>, field: Field) -> Result<Option<RecordId>, EventError> {
    let parse = if field == Field::CartId { RecordId::of_cart } else { RecordId::of_record };
    soft_id(fields, field, ErrorCode::InvalidId, parse)
}

/// An id, or another text that may come as a whole number, if there is one.
pub(super) fn soft_id<T, E: fmt::Display>(
    fields: &Fields<'_>, field: Field, code: ErrorCode, parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, EventError> {
    let text = if fields.has(field) { fields.id_text(field)? } else { None };
    let invalid = |problem| EventError::at(code, field.as_str(), problem);
    text.map(|text| parse(&text).map_err(invalid)).transpose()
}

/// The order that an event for the goal under this key is about, where the goal counts one conversion
/// per order. Any text will do, also one that is no id, but none that stands for a missing value: all
/// sales would be one order.
pub(super) fn order(
    fields: &Fields<'_>, mapping: &Mapping, account: &Account, goal: &str, source: &Source,
) -> Option<OrderKey> {
    account.goal(goal).filter(|goal| goal.per_order == PerOrder::One)?;
    let number = fields.id_text(Field::OrderId).ok()??;
    if says_nothing(&number) {
        return None;
    }
    let own = Some(source).filter(|source| mapping.has_own_orders(source));
    OrderKey::new(account.name(), goal, own, &number)
}

/// The event's name with what the mapping says of it.
pub(super) fn event_rule<'m>(
    fields: &Fields<'_>, mapping: &'m Mapping,
) -> Result<(EventName, &'m EventRule), EventError> {
    let text = fields.required_text(Field::Event)?;
    let unknown =
        || EventError::at(ErrorCode::UnknownEvent, Field::Event.as_str(), "is not in the mapping");
    let rule = mapping.event(&text).ok_or_else(unknown)?;
    Ok((EventName::parse(&text).map_err(|_| unknown())?, rule))
}

/// The account that is named, if one is.
pub(super) fn named_account<'m>(
    fields: &Fields<'_>, mapping: &'m Mapping,
) -> Result<Option<&'m Account>, EventError> {
    let field = Field::Account.as_str();
    let unknown = || EventError::at(ErrorCode::UnknownAccount, field, "is not in the mapping");
    let name = fields.said(Field::Account)?;
    name.map(|name| mapping.account(&name).ok_or_else(unknown)).transpose()
}

/// The account of a conversion: the named one, else the only one.
pub(super) fn account<'m>(
    fields: &Fields<'_>, mapping: &'m Mapping,
) -> Result<&'m Account, EventError> {
    let problem = "is missing: several accounts are configured";
    let missing = || EventError::at(ErrorCode::MissingField, Field::Account.as_str(), problem);
    named_account(fields, mapping)?.or_else(|| mapping.only_account()).ok_or_else(missing)
}

/// When it happened: not ahead of `now` by more than [`MAX_SKEW`].
pub(super) fn occurred_at(fields: &Fields<'_>, now: EventTime) -> Result<Moment, EventError> {
    let field = Field::OccurredAt.as_str();
    let text = fields.required_text(Field::OccurredAt)?;
    let time = Moment::parse_rfc3339(text.trim()).map_err(|error| match error {
        TimeError::Invalid => EventError::at(ErrorCode::InvalidTime, field, error),
        TimeError::MissingOffset => EventError::at(ErrorCode::MissingOffset, field, error),
    })?;
    if time.second() > now.plus_seconds(MAX_SKEW) {
        let problem = "is more than 5 minutes in the future";
        return Err(EventError::at(ErrorCode::TimeInFuture, field, problem));
    }
    Ok(time)
}

/// Refuses a conversion that Microsoft would refuse for its age.
pub(super) fn not_too_old(time: EventTime, now: EventTime) -> Result<(), EventError> {
    if now.seconds_since(time) <= MAX_AGE {
        return Ok(());
    }
    let problem = "is more than 90 days ago";
    Err(EventError::at(ErrorCode::TooOld, Field::OccurredAt.as_str(), problem))
}

pub(super) fn references(fields: &Fields<'_>, warnings: &mut Warnings) -> References {
    let mut id = |field| soft(record_id(fields, field), warnings);
    References {
        session: id(Field::SessionId),
        lead: id(Field::LeadId),
        cart: id(Field::CartId),
        order: id(Field::OrderId),
    }
}

pub(super) fn click_id(fields: &Fields<'_>, warnings: &mut Warnings) -> Option<ClickId> {
    let read = soft_id(fields, Field::Msclkid, ErrorCode::InvalidClickId, ClickId::parse);
    soft(read, warnings)
}

pub(super) fn email(fields: &Fields<'_>, warnings: &mut Warnings) -> Option<Sha256Hash> {
    person(fields, Field::Email, Field::HashedEmail, hash_email, warnings)
}

pub(super) fn phone(
    fields: &Fields<'_>, country_code: Option<&str>, warnings: &mut Warnings,
) -> Option<Sha256Hash> {
    let hash = |text: &str| hash_phone(text, country_code);
    person(fields, Field::Phone, Field::HashedPhone, hash, warnings)
}

/// A person's field, given as text or hashed. Given both ways, the text counts.
fn person(
    fields: &Fields<'_>, plain: Field, hashed: Field,
    hash: impl Fn(&str) -> Result<Sha256Hash, IdentityError>, warnings: &mut Warnings,
) -> Option<Sha256Hash> {
    let from_plain = soft(hash_field(fields, plain, hash), warnings);
    let from_hashed = soft(hash_field(fields, hashed, Sha256Hash::of_person), warnings);
    if from_plain.is_some() && from_hashed.is_some_and(|hash| Some(hash) != from_plain) {
        let problem = format!("is not the hash of {}", plain.as_str());
        warnings.push(EventError::at(ErrorCode::InvalidValue, hashed.as_str(), problem));
    }
    from_plain.or(from_hashed)
}

fn hash_field(
    fields: &Fields<'_>, field: Field, hash: impl Fn(&str) -> Result<Sha256Hash, IdentityError>,
) -> Result<Option<Sha256Hash>, EventError> {
    let invalid = |e| EventError::at(ErrorCode::InvalidValue, field.as_str(), e);
    fields.said(field)?.map(|text| hash(&text).map_err(invalid)).transpose()
}

/// An unknown word is refused rather than taken for consent; a refusal may also be `false` or `0`.
pub(super) fn consent(fields: &Fields<'_>) -> Result<Consent, EventError> {
    if matches!(fields.raw(Field::Consent), Some("false" | "0")) {
        return Ok(Consent::Denied);
    }
    let Some(word) = fields.said(Field::Consent)? else {
        return Ok(Consent::Unknown);
    };
    Consent::parse(&word).ok_or_else(no_consent_word)
}

/// As [`consent`], but a refusal only by its own word: another flag, such as a newsletter's, would
/// cost the refund, and Microsoft would count too much.
pub(super) fn consent_of_correction(fields: &Fields<'_>) -> Result<Consent, EventError> {
    let consent = consent(fields)?;
    let is_word = |word: &str| word.trim().eq_ignore_ascii_case(consent.as_str());
    if consent == Consent::Denied && !fields.said(Field::Consent)?.as_deref().is_some_and(is_word) {
        return Err(no_consent_word());
    }
    Ok(consent)
}

fn no_consent_word() -> EventError {
    let problem = "must be granted, denied or unknown";
    EventError::at(ErrorCode::InvalidValue, Field::Consent.as_str(), problem)
}

/// The reference to the corrected event, with its name where that is given; whatever is wrong inside is `invalid_original`.
pub(super) fn original(
    fields: &Fields<'_>, own_source: &Source, mapping: &Mapping,
) -> Result<(PartitionKey, Option<EventName>), EventError> {
    let raw = fields.raw(Field::Original).ok_or_else(|| missing(Field::Original))?;
    let inner = Fields::parse(raw).ok_or_else(|| invalid_original("must be an object"))?;
    let inside = |error: EventError| invalid_original(&error.message);
    let source =
        if inner.has(Field::Source) { source(&inner).map_err(inside)? } else { own_source.clone() };
    let event_id = event_id(&inner).map_err(inside)?;
    let event = inner.has(Field::Event).then(|| event_rule(&inner, mapping)).transpose();
    let event = match event.map_err(inside)? {
        None => None,
        Some((name, EventRule::Conversion(_))) => Some(name),
        Some(_) => return Err(invalid_original("event is not a conversion")),
    };
    Ok((PartitionKey { source, event_id }, event))
}

fn invalid_original(problem: &str) -> EventError {
    let message = format!("original: {problem}");
    let field = Some(Field::Original.as_str());
    EventError { code: ErrorCode::InvalidOriginal, message, field }
}
