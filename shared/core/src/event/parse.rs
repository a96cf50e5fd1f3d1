//! The rules of one event, in the order in which they are checked.

use std::collections::BTreeMap;

use super::error::{ErrorCode, EventError, Rejection};
use super::field::Field;
use super::fields::{Fields, missing};
use super::read::Warnings;
use super::{Conversion, Correction, Event, Ignored, IgnoredReason, money, read};
use crate::ledger;
use crate::ledger::row::RowKey;
use crate::mapping::{Account, ConversionRule, CorrectionRule, EventRule, Mapping};
use crate::person::consent::Consent;
use crate::time::EventTime;

/// What one event of a request says.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The event, or why it can't be accepted.
    pub event: Result<Event, Rejection>,
    /// Which fields were left out or changed, and why. They are answered beside any status.
    pub warnings: Vec<EventError>,
}

/// Reads one event from its JSON text.
///
/// Fields of the person are hashed here and their text is dropped. Unknown fields are tolerated;
/// of equal keys the last counts; `null` counts as absent. The first rule that is broken is the
/// one that is answered. A field about the click or the person that can't be used costs no sale:
/// it is left out with a warning, unless nothing usable is left or the mapping requires it.
pub fn parse_event(raw: &str, mapping: &Mapping, now: EventTime) -> Parsed {
    let Some(fields) = Fields::parse(raw) else {
        let error = EventError::whole(ErrorCode::WrongType, "an event must be a JSON object");
        let rejection = Rejection { event_id: None, source: None, account: None, error };
        return Parsed { event: Err(rejection), warnings: Vec::new() };
    };
    let mut reading = Reading { fields, mapping, now, warnings: Warnings::new() };
    let event = reading.event();
    let Reading { fields, warnings, .. } = reading;
    let event = event.map_err(|error| Rejection {
        event_id: read::event_id(&fields).ok(),
        source: read::source(&fields).ok(),
        account: read::account(&fields, mapping).ok().map(|account| account.name().clone()),
        error,
    });
    Parsed { event, warnings }
}

/// One event while it is read.
struct Reading<'a> {
    fields: Fields<'a>,
    mapping: &'a Mapping,
    now: EventTime,
    warnings: Warnings,
}

impl Reading<'_> {
    fn event(&mut self) -> Result<Event, EventError> {
        let (event, rule) = read::event_rule(&self.fields, self.mapping)?;
        let event_id = read::event_id(&self.fields)?;
        let source = read::source(&self.fields)?;
        let key = RowKey { source, event_id, event };
        match rule {
            EventRule::AnalyticsOnly => Ok(ignored(key, IgnoredReason::AnalyticsOnly)),
            EventRule::Conversion(rule) => match read::consent(&self.fields)? {
                Consent::Denied => Ok(self.denied(key, rule)),
                consent => self.conversion(key, rule, consent).map(Event::Conversion),
            },
            EventRule::Correction(rule) => match read::consent_of_correction(&self.fields)? {
                Consent::Denied => Ok(ignored(key, IgnoredReason::ConsentDenied)),
                _ => self.correction(key, rule).map(Event::Correction),
            },
        }
    }

    /// Without consent nothing more of the event is read than which order it is about.
    fn denied(&self, key: RowKey, rule: &ConversionRule) -> Event {
        let named = read::named_account(&self.fields, self.mapping);
        let accounts: Vec<&Account> = match named {
            Ok(Some(account)) => vec![account],
            Ok(None) => self.mapping.accounts().collect(),
            Err(_) => Vec::new(),
        };
        let order = |account: &&Account| {
            let order = read::order(&self.fields, self.mapping, account, &rule.goal, &key.source)?;
            Some((account.name().clone(), order))
        };
        let orders = accounts.iter().filter_map(order).collect();
        let account = read::account(&self.fields, self.mapping).ok();
        let account = account.map(|account| account.name().clone());
        let reason = IgnoredReason::ConsentDenied;
        Event::Ignored(Ignored { key, account, orders, reason })
    }

    fn conversion(
        &mut self, key: RowKey, rule: &ConversionRule, consent: Consent,
    ) -> Result<Conversion, EventError> {
        let (fields, warnings) = (&self.fields, &mut self.warnings);
        let account = read::account(fields, self.mapping)?;
        // Soft fields first, so that their warnings are answered beside any error.
        let msclkid = read::click_id(fields, warnings);
        let references = read::references(fields, warnings);
        let email = read::email(fields, warnings);
        let phone = read::phone(fields, account.default_country_code(), warnings);
        let goal = account.goal(&rule.goal).ok_or_else(unmapped)?;
        let occurred_at = read::occurred_at(fields, self.now)?.second();
        read::not_too_old(occurred_at, self.now)?;
        let conversion = Conversion {
            order: read::order(fields, self.mapping, account, &rule.goal, &key.source),
            key,
            account: account.name().clone(),
            occurred_at,
            goal: goal.clone(),
            value: money::conversion_value(fields, goal.revenue, warnings)?,
            msclkid,
            references,
            email,
            phone,
            consent,
        };
        self.require(&rule.required)?;
        self.identified(conversion)
    }

    fn correction(&mut self, key: RowKey, rule: &CorrectionRule) -> Result<Correction, EventError> {
        let fields = &self.fields;
        let account = read::named_account(fields, self.mapping)?;
        let occurred_at = read::occurred_at(fields, self.now)?;
        let (original, original_event) = read::original(fields, &key.source, self.mapping)?;
        let change = money::change(fields, &mut self.warnings)?;
        if !rule.required.is_empty() {
            read::references(fields, &mut self.warnings);
        }
        self.require(&rule.required)?;
        let RowKey { source, event_id, event } = key;
        let recorded = ledger::correction::Correction {
            source,
            event_id,
            occurred_at,
            recorded_at: self.now,
            original_event,
            account: account.map(|account| account.name().clone()),
            change,
            refused: None,
        };
        Ok(Correction { event, original, recorded })
    }

    /// Fields that the mapping asks for beyond the rules: what can't be used is not there.
    fn require(&self, required: &[Field]) -> Result<(), EventError> {
        for field in required {
            let mut left_out = self.left_out();
            if let Some(problem) = left_out.find(|it| it.field == Some(field.as_str())) {
                return Err(problem.clone());
            }
            if !self.fields.has(*field) {
                return Err(missing(*field));
            }
        }
        Ok(())
    }

    /// Refuses a conversion that could never be matched with a click or a person.
    fn identified(&self, conversion: Conversion) -> Result<Conversion, EventError> {
        let person = conversion.email.is_some() || conversion.phone.is_some();
        if person || conversion.msclkid.is_some() || !conversion.references.is_empty() {
            return Ok(conversion);
        }
        let message = "one of msclkid, sessionId, leadId, cartId, orderId, email, phone, \
                       hashedEmail, hashedPhone must be there";
        let nobody = || EventError::whole(ErrorCode::NoIdentifier, message);
        Err(self.left_out().next().cloned().unwrap_or_else(nobody))
    }

    fn left_out(&self) -> impl Iterator<Item = &EventError> {
        self.warnings.iter().filter(|warning| warning.is_left_out())
    }
}

fn ignored(key: RowKey, reason: IgnoredReason) -> Event {
    Event::Ignored(Ignored { key, account: None, orders: BTreeMap::new(), reason })
}

/// Can't happen: every account has every goal of the mapping.
fn unmapped() -> EventError {
    EventError::at(ErrorCode::UnknownEvent, Field::Event.as_str(), "has no goal in this account")
}
