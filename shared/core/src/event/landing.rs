//! A landing: what a web page sends of a visitor who clicked an ad.

use super::error::{ErrorCode, EventError};
use super::fields::Fields;
use super::read::Reading;
use crate::field::Field;
use crate::ledger::facts::References;
use crate::person::{click_id::ClickId, consent::Consent, landing_url::LandingUrl};
use crate::time::{EventTime, TimeError};

/// What of a landing can be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Landing {
    /// The click.
    pub click_id: Option<ClickId>,
    /// The session in which it was seen, and records that the visitor is tied to.
    pub references: References,
    /// The page that the ad led to.
    pub landing_url: Option<LandingUrl>,
    /// What the visitor consented to.
    pub consent: Consent,
    /// When the page was opened, by the visitor's clock.
    pub landed_at: Option<EventTime>,
    /// Members that can't be used: they are left out.
    pub ignored: Vec<EventError>,
}

impl Landing {
    /// Every member.
    pub const FIELDS: [Field; 8] = [
        Field::Msclkid,
        Field::LandingUrl,
        Field::SessionId,
        Field::LeadId,
        Field::CartId,
        Field::OrderId,
        Field::Consent,
        Field::LandedAt,
    ];

    /// Reads a JSON object; `None` for anything else. Each member is read on its own: one that can't
    /// be used costs no other one.
    pub fn parse(json: &str) -> Option<Self> {
        let mut reading = Reading::of(json)?;
        Some(Landing {
            click_id: reading.click_id(),
            references: reading.references(),
            landing_url: reading.soft(landing_url(&reading.fields)),
            consent: reading.consent(),
            landed_at: reading.soft(landed_at(&reading.fields)),
            ignored: reading.warnings,
        })
    }
}

fn landing_url(fields: &Fields<'_>) -> Result<Option<LandingUrl>, EventError> {
    let problem = "is not an http or https address";
    let redact = |text: &str| LandingUrl::redact(text).ok_or(problem);
    fields.soft_id(Field::LandingUrl, ErrorCode::InvalidValue, redact)
}

fn landed_at(fields: &Fields<'_>) -> Result<Option<EventTime>, EventError> {
    fields.soft_id(Field::LandedAt, ErrorCode::InvalidTime, |text| time_of(text.trim()))
}

/// As milliseconds, numbers below are before 1973: they are seconds.
const LEAST_MS: i64 = 100_000_000_000;

/// RFC 3339, or milliseconds since 1970 as scripts have them, or seconds as servers do.
fn time_of(text: &str) -> Result<EventTime, TimeError> {
    match text.parse::<i64>() {
        Ok(seconds @ 0..LEAST_MS) => Ok(EventTime::from_epoch(seconds)),
        Ok(ms) => Ok(EventTime::from_epoch(ms.div_euclid(1_000))),
        Err(_) => EventTime::parse_rfc3339(text),
    }
}
