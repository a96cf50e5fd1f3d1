//! Every rule that an event is held to, and every code.

mod conversions;
mod corrections;
mod fingerprints;
mod landings;
mod orders;
mod people;
mod sales;

use serde_json::{Value, json};

use super::*;
use crate::field::Field;
use crate::id::RecordId;
use crate::ledger::correction::Change;
use crate::mapping::Mapping;

const CLICK: &str = "f894f652ea334e739002f7167ab8f8e3";

fn now() -> EventTime {
    EventTime::parse_rfc3339("2026-04-26T12:00:00Z").expect("time")
}

/// The shipped mapping with a goal of fixed value.
fn mapping() -> Mapping {
    let mut file: Value = serde_json::from_str(Mapping::SAMPLE).expect("JSON");
    file["goals"]["visit"] = json!({
        "name": "Visit", "revenue": "FixedValue", "countType": "All", "enhancedConversions": false,
    });
    file["events"]["visit"] = json!({ "goal": "visit", "required": ["leadId"] });
    Mapping::parse(&file.to_string()).expect("mapping")
}

fn parse(event: &Value) -> Result<Event, Rejection> {
    parse_text(&event.to_string())
}

fn parse_text(text: &str) -> Result<Event, Rejection> {
    parse_event(text, &mapping(), now()).event
}

fn purchase() -> Value {
    json!({
        "event": "purchase", "eventId": "4711", "source": "shop",
        "occurredAt": "2026-04-24T11:42:13+02:00",
        "value": 129.95, "currency": "USD", "sessionId": "sess_10492",
    })
}

fn lead() -> Value {
    json!({
        "event": "qualified_lead", "eventId": "4712", "source": "crm",
        "occurredAt": "2026-04-24T09:42:13Z", "leadId": "L1",
    })
}

fn refund() -> Value {
    json!({
        "event": "refund", "eventId": "4711-r1", "source": "shop",
        "occurredAt": "2026-04-25T08:05:00Z",
        "original": { "eventId": "4711" }, "amount": 30.00, "currency": "USD",
    })
}

/// The event with some members replaced.
fn with(mut event: Value, members: Value) -> Value {
    let Value::Object(members) = members else { panic!("an object") };
    for (name, value) in members {
        event[name] = value;
    }
    event
}

fn without(mut event: Value, name: &str) -> Value {
    event.as_object_mut().expect("an object").remove(name);
    event
}

fn conversion(event: &Value) -> Conversion {
    match parse(event) {
        Ok(Event::Conversion(conversion)) => conversion,
        other => panic!("{other:?}"),
    }
}

/// What a correction does, with its money.
fn change_of(correction: &Correction) -> String {
    let Change { amount, new_value, currency } = correction.recorded.change;
    let currency = currency.map_or_else(String::new, |currency| format!(" {currency}"));
    match (amount, new_value) {
        (Some(amount), None) => format!("refund {amount}{currency}"),
        (None, Some(value)) => format!("restatement {value}{currency}"),
        (None, None) => format!("full{currency}"),
        (Some(_), Some(_)) => "both".to_owned(),
    }
}

fn correction(event: &Value) -> Correction {
    match parse(event) {
        Ok(Event::Correction(correction)) => correction,
        other => panic!("{other:?}"),
    }
}

/// The code and field of the refusal.
fn refusal(event: &Value) -> (ErrorCode, Option<&'static str>) {
    let error = parse(event).expect_err(&event.to_string()).error;
    (error.code, error.field)
}

fn ignored(event: &Value) -> Option<IgnoredReason> {
    match parse(event) {
        Ok(Event::Ignored(ignored)) => Some(ignored.reason),
        _ => None,
    }
}

#[test]
fn every_code_has_its_own_text() {
    let texts: std::collections::BTreeSet<_> = ErrorCode::ALL.iter().map(|c| c.as_str()).collect();
    assert_eq!(texts.len(), ErrorCode::ALL.len());
    assert_eq!(serde_json::to_value(ErrorCode::TooOld).expect("text"), "too_old");
}

#[test]
fn fields_are_known_by_their_names() {
    let field: Field = serde_json::from_str("\"hashedEmail\"").expect("a field");
    assert_eq!(field, Field::HashedEmail);
    assert!(serde_json::from_str::<Field>("\"colour\"").is_err());
}

#[test]
fn what_is_no_object() {
    for text in ["5", "[]", "null", "\"purchase\"", "{", "", "{}{}", "{\"event\":}"] {
        let rejection = parse_text(text).expect_err(text);
        assert_eq!(rejection.error.code, ErrorCode::WrongType, "{text}");
        assert_eq!(rejection.error.field, None);
        assert_eq!((rejection.event_id, rejection.source), (None, None));
    }
}

#[test]
fn a_rejection_names_the_event_where_it_can() {
    let rejection = parse(&with(purchase(), json!({ "value": -1 }))).expect_err("negative");
    assert_eq!(rejection.event_id.expect("id").as_str(), "4711");
    assert_eq!(rejection.source.expect("source").as_str(), "shop");
    let rejection = parse(&with(purchase(), json!({ "eventId": true }))).expect_err("no id");
    assert_eq!(rejection.event_id, None);
    assert_eq!(rejection.source.expect("source").as_str(), "shop");
}

#[test]
fn an_answer_never_repeats_what_a_person_is() {
    for secret in [json!("jane.doe@"), json!("jane.doe"), json!(["jane.doe"])] {
        for field in ["email", "phone", "hashedEmail", "eventId", "source", "msclkid", "consent"] {
            let event = with(purchase(), json!({ field: secret }));
            let Parsed { event, mut warnings } = parse_event(&event.to_string(), &mapping(), now());
            warnings.extend(event.err().map(|rejection| rejection.error));

            let answer = serde_json::to_string(&warnings).expect("JSON");
            assert!(!answer.contains("jane"), "{answer}");
        }
    }
}

#[test]
fn an_error_is_answered_with_code_message_and_field() {
    let error = parse(&without(purchase(), "currency")).expect_err("no currency").error;
    let answer = serde_json::to_value(&error).expect("JSON");
    let message = "currency is missing beside value";
    let expected = json!({ "code": "missing_currency", "message": message, "field": "currency" });
    assert_eq!(answer, expected);
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,60}", value in "\\PC{0,12}") {
        let _ = parse_text(&text);
        for field in ["event", "eventId", "occurredAt", "value", "currency", "original", "phone"] {
            let _ = parse(&with(purchase(), json!({ field: value })));
            let _ = parse_text(&format!("{{\"event\":\"purchase\",\"{field}\":{value}}}"));
        }
    }
}
