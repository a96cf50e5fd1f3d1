//! Events as sources send them.

use serde_json::{Value, json};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

/// The click id of the setup guide.
pub const MSCLKID: &str = "dd4afcccb1c9a4cad9544dd7e5006";

/// A click id of its own for each number, in the documented form.
#[must_use]
pub fn click(number: u32) -> String {
    format!("{number:08x}c1c9a4cad9544dd7e5006aaa")
}

/// Now plus some seconds, as RFC 3339 in UTC with whole seconds.
#[must_use]
pub fn time(offset_seconds: i64) -> String {
    let time = OffsetDateTime::now_utc() + Duration::seconds(offset_seconds);
    let time = time.replace_nanosecond(0).expect("zero");
    time.format(&Rfc3339).expect("a time")
}

/// A purchase of `value` USD by click id, a second ago.
#[must_use]
pub fn purchase(event_id: &str, msclkid: &str, value: &Value) -> Value {
    json!({"event": "purchase", "eventId": event_id, "source": "shop", "occurredAt": time(-1),
           "value": value, "currency": "USD", "msclkid": msclkid})
}

/// A refund of `amount` USD; of everything if it is null.
#[must_use]
pub fn refund(event_id: &str, original: &str, amount: &Value) -> Value {
    let mut event = json!({"event": "refund", "eventId": event_id, "source": "shop",
                           "occurredAt": time(0), "original": {"eventId": original}});
    if !amount.is_null() {
        event["amount"] = amount.clone();
        event["currency"] = json!("USD");
    }
    event
}

/// `event` with other members; null removes one.
///
/// # Panics
/// If either is no JSON object.
#[must_use]
pub fn with(event: &Value, changes: &Value) -> Value {
    let mut event = event.clone();
    let members = event.as_object_mut().expect("an object");
    for (name, value) in changes.as_object().expect("an object") {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    event
}
