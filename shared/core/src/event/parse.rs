//! The rules of one event, in the order in which they are checked.

use std::collections::BTreeMap;

use super::error::{ErrorCode, EventError, Rejection};
use super::fields::missing;
use super::read::{Reading, not_too_old};
use super::{Conversion, Correction, Event, Ignored, IgnoredReason};
use crate::field::Field;
use crate::ledger;
use crate::ledger::row::RowKey;
use crate::mapping::{Account, EventRule, Mapping};
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
    let Some(reading) = Reading::of(raw) else {
        let error = EventError::whole(ErrorCode::WrongType, "an event must be a JSON object");
        let rejection = Rejection { event_id: None, source: None, account: None, error };
        return Parsed { event: Err(rejection), warnings: Vec::new() };
    };
    let mut rules = Rules { reading, mapping, now };
    let event = rules.event();
    let Reading { fields, warnings } = rules.reading;
    let event = event.map_err(|error| Rejection {
        event_id: fields.event_id().ok(),
        source: fields.source().ok(),
        account: fields.account(mapping).ok().map(|account| account.name().clone()),
        error,
    });
    Parsed { event, warnings }
}

/// One event while it is held to the rules.
struct Rules<'a> {
    reading: Reading<'a>,
    mapping: &'a Mapping,
    now: EventTime,
}

impl Rules<'_> {
    fn event(&mut self) -> Result<Event, EventError> {
        let fields = &self.reading.fields;
        let (event, rule) = fields.event_rule(self.mapping)?;
        let event_id = fields.event_id()?;
        let key = RowKey { source: fields.source()?, event_id, event };
        match rule {
            EventRule::AnalyticsOnly => Ok(ignored(key, IgnoredReason::AnalyticsOnly)),
            EventRule::Conversion { goal, required } => match self.reading.consent() {
                Consent::Denied => Ok(self.denied(key, goal)),
                consent => self.conversion(key, goal, required, consent).map(Event::Conversion),
            },
            EventRule::Correction { .. } if self.reading.is_correction_denied() => {
                Ok(ignored(key, IgnoredReason::ConsentDenied))
            }
            EventRule::Correction { required } => {
                self.correction(key, required).map(Event::Correction)
            }
        }
    }

    /// Without consent nothing more of the event is read than which order it is about.
    fn denied(&self, key: RowKey, goal: &str) -> Event {
        let fields = &self.reading.fields;
        let accounts: Vec<&Account> = match fields.named_account(self.mapping) {
            Ok(Some(account)) => vec![account],
            Ok(None) => self.mapping.accounts().collect(),
            Err(_) => Vec::new(),
        };
        let order = |account: &&Account| {
            let order = fields.order(self.mapping, account, goal, &key.source)?;
            Some((account.name().clone(), order))
        };
        let orders = accounts.iter().filter_map(order).collect();
        let account = fields.account(self.mapping).ok().map(|account| account.name().clone());
        Event::Ignored(Ignored { key, account, orders, reason: IgnoredReason::ConsentDenied })
    }

    fn conversion(
        &mut self, key: RowKey, goal_key: &str, required: &[Field], consent: Consent,
    ) -> Result<Conversion, EventError> {
        let reading = &mut self.reading;
        let account = reading.fields.account(self.mapping)?;
        // Soft fields first, so that their warnings are answered beside any error.
        let msclkid = reading.click_id();
        let references = reading.references();
        let email = reading.email();
        let phone = reading.phone(account.default_country_code());
        let goal = account.goal(goal_key).ok_or_else(unmapped)?;
        let occurred_at = reading.fields.occurred_at(self.now)?.second();
        not_too_old(occurred_at, self.now)?;
        let conversion = Conversion {
            order: reading.fields.order(self.mapping, account, goal_key, &key.source),
            key,
            account: account.name().clone(),
            occurred_at,
            goal: goal.clone(),
            value: reading.value(goal.revenue)?,
            msclkid,
            references,
            email,
            phone,
            consent,
        };
        self.require(required)?;
        self.identified(conversion)
    }

    fn correction(&mut self, key: RowKey, required: &[Field]) -> Result<Correction, EventError> {
        let fields = &self.reading.fields;
        let account = fields.named_account(self.mapping)?.map(|account| account.name().clone());
        let occurred_at = fields.occurred_at(self.now)?;
        let (original, original_event) = fields.original(&key.source, self.mapping)?;
        let change = self.reading.change()?;
        if !required.is_empty() {
            self.reading.references();
        }
        self.require(required)?;
        let RowKey { source, event_id, event } = key;
        let recorded = ledger::correction::Correction {
            source,
            event_id,
            occurred_at,
            recorded_at: self.now,
            original_event,
            account,
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
            if !self.reading.fields.has(*field) {
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
        let consent = Some(Field::Consent.as_str());
        let problem = self.left_out().find(|it| it.field != consent);
        Err(problem.cloned().unwrap_or_else(nobody))
    }

    fn left_out(&self) -> impl Iterator<Item = &EventError> {
        self.reading.warnings.iter().filter(|warning| warning.is_left_out())
    }
}

fn ignored(key: RowKey, reason: IgnoredReason) -> Event {
    Event::Ignored(Ignored { key, account: None, orders: BTreeMap::new(), reason })
}

/// Can't happen: every account has every goal of the mapping.
fn unmapped() -> EventError {
    EventError::at(ErrorCode::UnknownEvent, Field::Event, "has no goal in this account")
}
