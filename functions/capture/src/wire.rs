//! The body that the page sends.

use std::fmt::Display;

use serde::Deserialize;
use serde_json::Value;
use tracklayer_core::{
    event::{ErrorCode, EventError},
    id::RecordId,
    person::{click_id::ClickId, consent::Consent, landing_url::LandingUrl},
    reconcile::attribution::TieKind,
    time::{EventTime, TimeError},
};
use tracklayer_edge::lambda::http_api::Problem;

/// What of a landing can be used.
#[derive(Debug, Default)]
pub struct Landing {
    pub click_id: Option<ClickId>,
    pub session: Option<RecordId>,
    pub ties: Vec<(TieKind, RecordId)>,
    pub landing_url: Option<LandingUrl>,
    pub consent: Consent,
    pub landed_at: Option<EventTime>,
    /// Members that can't be used: they are left out.
    pub ignored: Vec<EventError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    msclkid: Option<Value>,
    landing_url: Option<Value>,
    session_id: Option<Value>,
    lead_id: Option<Value>,
    cart_id: Option<Value>,
    order_id: Option<Value>,
    consent: Option<Value>,
    landed_at: Option<Value>,
}

impl Landing {
    /// Reads a body. A member that can't be used costs no other one.
    ///
    /// # Errors
    /// If it is no JSON object.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let value: Value = serde_json::from_str(text)
            .map_err(|_| Problem::new(400, "invalid_json", "the body is not JSON"))?;
        if !value.is_object() {
            return Err(Problem::new(400, "invalid_json", "the body is not a JSON object"));
        }
        let body: Body = serde_json::from_value(value)
            .map_err(|_| Problem::new(400, "invalid_json", "the body is not a JSON object"))?;
        Ok(Self::read(&body))
    }

    fn read(body: &Body) -> Self {
        use ErrorCode::{InvalidClickId, InvalidId, InvalidTime, InvalidValue};
        let mut members = Members::default();
        let click_id = members.read("msclkid", InvalidClickId, &body.msclkid, ClickId::parse);
        let ties = [
            (TieKind::Lead, members.id("leadId", &body.lead_id)),
            (TieKind::Cart, {
                members.read("cartId", InvalidId, &body.cart_id, RecordId::of_cart)
            }),
            (TieKind::Order, members.id("orderId", &body.order_id)),
        ];
        let url = |text: &str| LandingUrl::redact(text).ok_or("is not an http or https address");
        let word = |text: &str| Consent::parse(text).ok_or("must be granted, denied or unknown");
        Landing {
            click_id,
            ties: ties.into_iter().filter_map(|(kind, id)| Some((kind, id?))).collect(),
            session: members.id("sessionId", &body.session_id),
            landing_url: members.read("landingUrl", InvalidValue, &body.landing_url, url),
            consent: members.read("consent", InvalidValue, &body.consent, word).unwrap_or_default(),
            landed_at: members.read("landedAt", InvalidTime, &body.landed_at, landed_at),
            ignored: members.ignored,
        }
    }

    /// Why there is nothing to store, if there is nothing: the first of what can't be used.
    pub fn problem(&self) -> Option<Problem> {
        if self.click_id.is_some() || !self.ties.is_empty() {
            return None;
        }
        let is_wanted = |ignored: &&EventError| {
            matches!(ignored.field, Some("msclkid" | "leadId" | "cartId" | "orderId"))
        };
        let (field, code, message) = match self.ignored.iter().find(is_wanted) {
            Some(ignored) => (ignored.field, ignored.code, ignored.message.as_str()),
            None => {
                let message = "msclkid, or one of leadId, cartId, orderId, must be there";
                (Some("msclkid"), ErrorCode::MissingField, message)
            }
        };
        Some(Problem { field, ..Problem::new(422, code.as_str(), message) })
    }
}

/// The members of a body while they are read.
#[derive(Default)]
struct Members {
    ignored: Vec<EventError>,
}

impl Members {
    fn id(&mut self, field: &'static str, value: &Option<Value>) -> Option<RecordId> {
        self.read(field, ErrorCode::InvalidId, value, RecordId::of_record)
    }

    /// The member's value. Absent, null and empty text are the same: pages send what they have.
    fn read<T, E: Display>(
        &mut self,
        field: &'static str,
        code: ErrorCode,
        value: &Option<Value>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let problem = match value {
            None | Some(Value::Null) => return None,
            Some(Value::String(text)) if text.is_empty() => return None,
            Some(Value::String(text)) => parse(text.trim()).map_err(|error| error.to_string()),
            Some(Value::Number(number)) if !number.is_f64() => {
                parse(&number.to_string()).map_err(|error| error.to_string())
            }
            Some(_) => Err("must be a string or a whole number".to_owned()),
        };
        problem.map_err(|problem| self.ignored.push(EventError::at(code, field, problem))).ok()
    }
}

/// RFC 3339, or milliseconds since 1970 as scripts have them.
fn landed_at(text: &str) -> Result<EventTime, TimeError> {
    match text.parse::<i64>() {
        Ok(ms) => Ok(EventTime::from_epoch(ms.div_euclid(1_000))),
        Err(_) => EventTime::parse_rfc3339(text),
    }
}
