//! Single fields of an event, each read into its type or refused under its own code. Soft fields –
//! those about the click and the person – are left out with a warning instead.

use std::fmt;

use super::error::{ErrorCode, EventError, at};
use super::fields::{Fields, missing};
use crate::field::Field;
use crate::id::{EventName, RecordId, Source};
use crate::ledger::facts::References;
use crate::ledger::order::OrderKey;
use crate::ledger::row::PartitionKey;
use crate::mapping::{Account, EventRule, Mapping, PerOrder};
use crate::person::click_id::ClickId;
use crate::person::consent::Consent;
use crate::person::error::IdentityError;
use crate::person::identity::{Sha256Hash, hash_email, hash_phone};
use crate::text::{says_nothing, trim};
use crate::time::{EventTime, MAX_AGE, MAX_SKEW, Moment, TimeError};

impl Fields<'_> {
    pub(super) fn event_id(&self) -> Result<RecordId, EventError> {
        let text = self.id_text(Field::EventId)?.ok_or_else(|| missing(Field::EventId))?;
        RecordId::of_event(&text).map_err(at(ErrorCode::InvalidId, Field::EventId))
    }

    pub(super) fn source(&self) -> Result<Source, EventError> {
        let text = self.required_text(Field::Source)?;
        Source::parse(&text).map_err(at(ErrorCode::InvalidId, Field::Source))
    }

    /// An id, or another text that may come as a whole number, if there is one.
    pub(super) fn soft_id<T, E: fmt::Display>(
        &self, field: Field, code: ErrorCode, parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, EventError> {
        let text = if self.has(field) { self.id_text(field)? } else { None };
        text.map(|text| parse(&text).map_err(at(code, field))).transpose()
    }

    /// The order that an event for the goal under this key is about, where the goal counts one
    /// conversion per order. Any text will do, also one that is no id, but none that stands for a
    /// missing value: all sales would be one order.
    pub(super) fn order(
        &self, mapping: &Mapping, account: &Account, goal: &str, source: &Source,
    ) -> Option<OrderKey> {
        account.goal(goal).filter(|goal| goal.per_order == PerOrder::One)?;
        let number = self.id_text(Field::OrderId).ok()??;
        if says_nothing(&number) {
            return None;
        }
        let own = Some(source).filter(|source| mapping.has_own_orders(source));
        OrderKey::new(account.name(), goal, own, &number)
    }

    /// The event's name with what the mapping says of it.
    pub(super) fn event_rule<'m>(
        &self, mapping: &'m Mapping,
    ) -> Result<(EventName, &'m EventRule), EventError> {
        let text = self.required_text(Field::Event)?;
        let unknown = || not_in_mapping(ErrorCode::UnknownEvent, Field::Event);
        let rule = mapping.event(&text).ok_or_else(unknown)?;
        Ok((EventName::parse(&text).map_err(|_| unknown())?, rule))
    }

    /// The account that is named, if one is.
    pub(super) fn named_account<'m>(
        &self, mapping: &'m Mapping,
    ) -> Result<Option<&'m Account>, EventError> {
        let unknown = || not_in_mapping(ErrorCode::UnknownAccount, Field::Account);
        let name = self.said(Field::Account)?;
        name.map(|name| mapping.account(trim(&name)).ok_or_else(unknown)).transpose()
    }

    /// The account of a conversion: the named one, else the only one.
    pub(super) fn account<'m>(&self, mapping: &'m Mapping) -> Result<&'m Account, EventError> {
        let problem = "is missing: several accounts are configured";
        let missing = || EventError::at(ErrorCode::MissingField, Field::Account, problem);
        self.named_account(mapping)?.or_else(|| mapping.only_account()).ok_or_else(missing)
    }

    /// When it happened: not ahead of `now` by more than [`MAX_SKEW`].
    pub(super) fn occurred_at(&self, now: EventTime) -> Result<Moment, EventError> {
        let text = self.required_text(Field::OccurredAt)?;
        let time = Moment::parse_rfc3339(&text).map_err(|error| {
            let code = match error {
                TimeError::Invalid => ErrorCode::InvalidTime,
                TimeError::MissingOffset => ErrorCode::MissingOffset,
            };
            EventError::at(code, Field::OccurredAt, error)
        })?;
        if time.second() > now.plus_seconds(MAX_SKEW) {
            let problem = "is more than 5 minutes in the future";
            return Err(EventError::at(ErrorCode::TimeInFuture, Field::OccurredAt, problem));
        }
        Ok(time)
    }

    fn consent(&self) -> Result<Option<Consent>, EventError> {
        let word = self.consent_word()?;
        word.map(|word| Consent::parse(&word).ok_or_else(no_consent_word)).transpose()
    }

    /// The reference to the corrected event, with its name where that is given; whatever is wrong
    /// inside is `invalid_original`.
    pub(super) fn original(
        &self, own_source: &Source, mapping: &Mapping,
    ) -> Result<(PartitionKey, Option<EventName>), EventError> {
        let raw = self.raw(Field::Original).ok_or_else(|| missing(Field::Original))?;
        let inner = Fields::parse(raw).ok_or_else(|| invalid_original("must be an object"))?;
        let read = || {
            let is_given = inner.has(Field::Source);
            let source = if is_given { inner.source()? } else { own_source.clone() };
            let event_id = inner.event_id()?;
            let event = inner.has(Field::Event).then(|| inner.event_rule(mapping)).transpose()?;
            Ok((PartitionKey { source, event_id }, event))
        };
        match read().map_err(|error: EventError| invalid_original(&error.message))? {
            (id, None) => Ok((id, None)),
            (id, Some((name, EventRule::Conversion { .. }))) => Ok((id, Some(name))),
            _ => Err(invalid_original("event is not a conversion")),
        }
    }

    fn hash(
        &self, field: Field, hash: impl Fn(&str) -> Result<Sha256Hash, IdentityError>,
    ) -> Result<Option<Sha256Hash>, EventError> {
        let invalid = at(ErrorCode::InvalidValue, field);
        // Tables make numbers of phone numbers.
        let is_phone = field == Field::Phone && self.has(field);
        let text = if is_phone { self.id_text(field)? } else { self.said(field)? };
        text.map(|text| hash(&text).map_err(invalid)).transpose()
    }
}

fn not_in_mapping(code: ErrorCode, field: Field) -> EventError {
    EventError::at(code, field, "is not in the mapping")
}

fn no_consent_word() -> EventError {
    let problem = "must be granted, denied or unknown";
    EventError::at(ErrorCode::InvalidValue, Field::Consent, problem)
}

fn invalid_original(problem: &str) -> EventError {
    let message = format!("original: {problem}");
    let field = Some(Field::Original.as_str());
    EventError { code: ErrorCode::InvalidOriginal, message, field }
}

/// Refuses a conversion that Microsoft would refuse for its age.
pub(super) fn not_too_old(time: EventTime, now: EventTime) -> Result<(), EventError> {
    if now.seconds_since(time) <= MAX_AGE {
        return Ok(());
    }
    Err(EventError::at(ErrorCode::TooOld, Field::OccurredAt, "is more than 90 days ago"))
}

/// One event or landing while it is read.
pub(super) struct Reading<'a> {
    pub fields: Fields<'a>,
    /// Why fields were left out or changed, in the order in which they were read.
    pub warnings: Vec<EventError>,
}

impl<'a> Reading<'a> {
    /// Reads a JSON object; `None` for anything else.
    pub fn of(json: &'a str) -> Option<Self> {
        Some(Reading { fields: Fields::parse(json)?, warnings: Vec::new() })
    }

    /// What a soft field says; nothing and a warning if that can't be used.
    pub fn soft<T>(&mut self, read: Result<Option<T>, EventError>) -> Option<T> {
        read.unwrap_or_else(|problem| {
            self.warnings.push(problem);
            None
        })
    }

    /// What is not understood is unknown.
    pub fn consent(&mut self) -> Consent {
        self.soft(self.fields.consent()).unwrap_or_default()
    }

    /// Whether a correction is denied. Only by the word itself: another flag, such as a newsletter's,
    /// would cost the refund, and Microsoft would count too much.
    pub fn is_correction_denied(&mut self) -> bool {
        let is_denied = self.consent() == Consent::Denied;
        let word = self.fields.text(Field::Consent).ok().flatten();
        let is_word = word.is_some_and(|word| trim(&word).eq_ignore_ascii_case("denied"));
        if is_denied && !is_word {
            self.warnings.push(no_consent_word());
        }
        is_denied && is_word
    }

    pub fn references(&mut self) -> References {
        let mut id = |field| {
            let parse =
                if field == Field::CartId { RecordId::of_cart } else { RecordId::of_record };
            self.soft(self.fields.soft_id(field, ErrorCode::InvalidId, parse))
        };
        References {
            session: id(Field::SessionId),
            lead: id(Field::LeadId),
            cart: id(Field::CartId),
            order: id(Field::OrderId),
        }
    }

    pub fn click_id(&mut self) -> Option<ClickId> {
        let code = ErrorCode::InvalidClickId;
        self.soft(self.fields.soft_id(Field::Msclkid, code, ClickId::parse))
    }

    pub fn email(&mut self) -> Option<Sha256Hash> {
        self.person(Field::Email, Field::HashedEmail, hash_email)
    }

    pub fn phone(&mut self, country_code: Option<&str>) -> Option<Sha256Hash> {
        self.person(Field::Phone, Field::HashedPhone, |text| hash_phone(text, country_code))
    }

    /// A person's field, given as text or hashed. Given both ways, the text counts.
    fn person(
        &mut self, plain: Field, hashed: Field,
        hash: impl Fn(&str) -> Result<Sha256Hash, IdentityError>,
    ) -> Option<Sha256Hash> {
        let from_plain = self.soft(self.fields.hash(plain, hash));
        let from_hashed = self.soft(self.fields.hash(hashed, Sha256Hash::of_person));
        if from_plain.is_some() && from_hashed.is_some_and(|hash| Some(hash) != from_plain) {
            let problem = format!("is not the hash of {}", plain.as_str());
            self.warnings.push(EventError::at(ErrorCode::InvalidValue, hashed, problem));
        }
        from_plain.or(from_hashed)
    }
}
