//! The rules of one event, in the order in which they are checked.

use super::error::{ErrorCode, EventError, Rejection};
use super::field::Field;
use super::fields::{Fields, missing};
use super::{Conversion, Correction, Event, Ignored, IgnoredReason, money, read};
use crate::id::{EventName, RecordId, Source};
use crate::mapping::{ConversionRule, CorrectionRule, EventRule, Mapping};
use crate::person::consent::Consent;
use crate::time::EventTime;

/// Reads one event from its JSON text.
///
/// Fields of the person are hashed here and their text is dropped. Unknown fields are tolerated;
/// of equal keys the last counts; `null` counts as absent. The first rule that is broken is the
/// one that is answered.
pub fn parse_event(raw: &str, mapping: &Mapping, now: EventTime) -> Result<Event, Rejection> {
    let Some(fields) = Fields::parse(raw) else {
        let error = EventError::whole(ErrorCode::WrongType, "an event must be a JSON object");
        return Err(Rejection { event_id: None, source: None, error });
    };
    let reading = Reading { fields, mapping, now };
    reading.event().map_err(|error| Rejection {
        event_id: read::event_id(&reading.fields).ok(),
        source: read::source(&reading.fields).ok(),
        error,
    })
}

/// One event while it is read.
struct Reading<'a> {
    fields: Fields<'a>,
    mapping: &'a Mapping,
    now: EventTime,
}

/// What every event has.
struct Head {
    event: EventName,
    event_id: RecordId,
    source: Source,
}

impl Head {
    fn ignored(self, reason: IgnoredReason) -> Event {
        let Head { event, event_id, source } = self;
        Event::Ignored(Ignored { event, event_id, source, account: None, order: None, reason })
    }
}

impl Reading<'_> {
    fn event(&self) -> Result<Event, EventError> {
        let (event, rule) = read::event_rule(&self.fields, self.mapping)?;
        let event_id = read::event_id(&self.fields)?;
        let source = read::source(&self.fields)?;
        let head = Head { event, event_id, source };
        match rule {
            EventRule::AnalyticsOnly => Ok(head.ignored(IgnoredReason::AnalyticsOnly)),
            EventRule::Conversion(rule) => match read::consent(&self.fields)? {
                Consent::Denied => Ok(self.denied(head, rule)),
                consent => self.conversion(head, rule, consent).map(Event::Conversion),
            },
            EventRule::Correction(rule) => match read::consent(&self.fields)? {
                Consent::Denied => Ok(head.ignored(IgnoredReason::ConsentDenied)),
                _ => self.correction(head, rule).map(Event::Correction),
            },
        }
    }

    /// Without consent nothing more of the event is read than which order it is about.
    fn denied(&self, head: Head, rule: &ConversionRule) -> Event {
        let Head { event, event_id, source } = head;
        let account = read::account(&self.fields, self.mapping).ok();
        let order = account.and_then(|account| {
            read::order(&self.fields, self.mapping, account, &rule.goal, &source)
        });
        let account = account.map(|account| account.name().clone());
        let reason = IgnoredReason::ConsentDenied;
        Event::Ignored(Ignored { event, event_id, source, account, order, reason })
    }

    fn conversion(
        &self,
        head: Head,
        rule: &ConversionRule,
        consent: Consent,
    ) -> Result<Conversion, EventError> {
        let fields = &self.fields;
        let account = read::account(fields, self.mapping)?;
        let goal = account.goal(&rule.goal).ok_or_else(unmapped)?;
        let occurred_at = read::occurred_at(fields, self.now)?.second();
        read::not_too_old(occurred_at, self.now)?;
        let conversion = Conversion {
            order: read::order(fields, self.mapping, account, &rule.goal, &head.source),
            event: head.event,
            event_id: head.event_id,
            source: head.source,
            account: account.name().clone(),
            occurred_at,
            goal: goal.clone(),
            value: money::conversion_value(fields, goal.revenue)?,
            msclkid: read::click_id(fields)?,
            references: read::references(fields)?,
            email: read::email(fields)?,
            phone: read::phone(fields, account.default_country_code())?,
            consent,
        };
        self.require(&rule.required)?;
        identified(conversion)
    }

    fn correction(&self, head: Head, rule: &CorrectionRule) -> Result<Correction, EventError> {
        let fields = &self.fields;
        let account = read::named_account(fields, self.mapping)?;
        let occurred_at = read::occurred_at(fields, self.now)?;
        let original = read::original(fields, &head.source, self.mapping)?;
        let kind = money::correction_kind(fields)?;
        self.require(&rule.required)?;
        Ok(Correction {
            event: head.event,
            event_id: head.event_id,
            source: head.source,
            account: account.map(|account| account.name().clone()),
            occurred_at,
            original,
            kind,
        })
    }

    /// Fields that the mapping asks for beyond the rules.
    fn require(&self, required: &[Field]) -> Result<(), EventError> {
        let absent = required.iter().find(|field| !self.fields.has(**field));
        absent.map_or(Ok(()), |field| Err(missing(*field)))
    }
}

/// Refuses a conversion that could never be matched with a click or a person.
fn identified(conversion: Conversion) -> Result<Conversion, EventError> {
    let person = conversion.email.is_some() || conversion.phone.is_some();
    if person || conversion.msclkid.is_some() || !conversion.references.is_empty() {
        return Ok(conversion);
    }
    let message = "one of msclkid, sessionId, leadId, cartId, orderId, email, phone, hashedEmail, \
                   hashedPhone must be there";
    Err(EventError::whole(ErrorCode::NoIdentifier, message))
}

/// Can't happen: every account has every goal of the mapping.
fn unmapped() -> EventError {
    EventError::at(ErrorCode::UnknownEvent, Field::Event.as_str(), "has no goal in this account")
}
