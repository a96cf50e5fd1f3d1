//! The body that the page sends.

use serde::Deserialize;
use serde_json::Value;
use tracklayer_core::{
    id::RecordId,
    person::{click_id::ClickId, landing_url::LandingUrl},
    reconcile::attribution::TieKind,
    time::EventTime,
};
use tracklayer_edge::lambda::http_api::Problem;

/// A landing, with every member checked.
#[derive(Debug, Default)]
pub struct Landing {
    pub click_id: Option<ClickId>,
    pub session: Option<RecordId>,
    pub ties: Vec<(TieKind, RecordId)>,
    pub landing_url: Option<LandingUrl>,
    pub consent: Option<String>,
    pub landed_at: Option<EventTime>,
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
    /// Reads a body.
    ///
    /// # Errors
    /// Naming the member that is wrong.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let value: Value = serde_json::from_str(text)
            .map_err(|_| Problem::new(400, "invalid_json", "the body is not JSON"))?;
        if !value.is_object() {
            return Err(Problem::new(400, "invalid_json", "the body is not a JSON object"));
        }
        let body: Body = serde_json::from_value(value)
            .map_err(|_| Problem::new(400, "invalid_json", "the body is not a JSON object"))?;
        let consent = consent(&body.consent)?;
        if consent.as_deref() == Some("denied") {
            // Nothing of it is kept; and a person who says no does not get answers about mistakes.
            let lenient = |value, field| id(value, field).ok().flatten();
            let session = lenient(&body.session_id, "sessionId");
            let ties = [
                (TieKind::Lead, lenient(&body.lead_id, "leadId")),
                (TieKind::Cart, lenient(&body.cart_id, "cartId")),
                (TieKind::Order, lenient(&body.order_id, "orderId")),
            ];
            return Ok(Landing { consent, session, ties: given(ties), ..Landing::default() });
        }
        let ties = [
            (TieKind::Lead, id(&body.lead_id, "leadId")?),
            (TieKind::Cart, id(&body.cart_id, "cartId")?),
            (TieKind::Order, id(&body.order_id, "orderId")?),
        ];
        Ok(Landing {
            click_id: click_id(&body.msclkid)?,
            session: id(&body.session_id, "sessionId")?,
            ties: given(ties),
            landing_url: text_of(&body.landing_url, "landingUrl")?.and_then(LandingUrl::redact),
            consent,
            landed_at: landed_at(&body.landed_at)?,
        })
    }
}

fn given(ties: [(TieKind, Option<RecordId>); 3]) -> Vec<(TieKind, RecordId)> {
    ties.into_iter().filter_map(|(kind, id)| Some((kind, id?))).collect()
}

/// Absent, null and empty text are the same: pages send what they have.
fn text_of<'a>(value: &'a Option<Value>, field: &'static str) -> Result<Option<&'a str>, Problem> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(wrong("wrong_type", field, "must be a string")),
    }
}

fn wrong(code: &'static str, field: &'static str, rule: &str) -> Problem {
    Problem { field: Some(field), ..Problem::new(422, code, format!("{field} {rule}")) }
}

fn id(value: &Option<Value>, field: &'static str) -> Result<Option<RecordId>, Problem> {
    let parse = |text| {
        RecordId::parse(text).map_err(|error| wrong("invalid_id", field, &error.to_string()))
    };
    text_of(value, field)?.map(parse).transpose()
}

fn click_id(value: &Option<Value>) -> Result<Option<ClickId>, Problem> {
    let field = "msclkid";
    let parse = |text| {
        ClickId::parse(text).map_err(|error| wrong("invalid_click_id", field, &error.to_string()))
    };
    text_of(value, field)?.map(parse).transpose()
}

fn consent(value: &Option<Value>) -> Result<Option<String>, Problem> {
    match text_of(value, "consent")? {
        None => Ok(None),
        Some(word @ ("granted" | "denied" | "unknown")) => Ok(Some(word.to_owned())),
        Some(_) => Err(wrong("invalid_value", "consent", "must be granted, denied or unknown")),
    }
}

fn landed_at(value: &Option<Value>) -> Result<Option<EventTime>, Problem> {
    let field = "landedAt";
    let parse = |text| {
        EventTime::parse_rfc3339(text)
            .map_err(|error| wrong("invalid_time", field, &error.to_string()))
    };
    text_of(value, field)?.map(parse).transpose()
}
