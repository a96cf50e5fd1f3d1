//! Every mistake an event can have.

use serde_json::{Value, json};
use test_support::events::{refund, time, with};

use super::{lead, sale};

/// An event, what is changed in it, and the code and field it is refused with.
pub type Case = (Value, Value, &'static str, Option<&'static str>);

pub fn cases() -> Vec<Case> {
    let (sale, lead) = (sale("bad", 1), lead("bad", 1));
    let part = refund("bad", "4711", &json!(5));
    let full = refund("bad", "4711", &json!(null));
    let of = |event: &Value, changes: Value, code: &'static str, field: &'static str| {
        (event.clone(), changes, code, Some(field))
    };
    let long = "x".repeat(129);
    let bare = json!({"msclkid": null});
    let mut cases = vec![(with(&sale, &bare), json!({}), "no_identifier", None)];
    for (event, field) in [
        (&sale, "event"),
        (&sale, "eventId"),
        (&sale, "source"),
        (&sale, "occurredAt"),
        (&part, "original"),
    ] {
        cases.push((with(event, &json!({field: null})), json!({}), "missing_field", Some(field)));
    }
    for field in ["source", "occurredAt", "currency", "account"] {
        cases.push(of(&sale, json!({field: 5}), "wrong_type", field));
    }
    let nobody = with(&sale, &bare);
    let ids = ["msclkid", "sessionId", "leadId", "cartId", "orderId"];
    for field in ids.into_iter().chain(["email", "phone", "hashedEmail", "hashedPhone"]) {
        cases.push(of(&nobody, json!({field: ["x"]}), "wrong_type", field));
    }
    cases.push(of(&sale, json!({"eventId": 4.5}), "wrong_type", "eventId"));
    for id in ["", "a b", "jane@x.example", "a\"b", "a\\b", "a?b", "a#b", "a%20b", "ä", &long] {
        cases.push(of(&sale, json!({"eventId": id}), "invalid_id", "eventId"));
    }
    for field in ["sessionId", "leadId", "cartId", "orderId"] {
        cases.push(of(&nobody, json!({field: "jane@x.example"}), "invalid_id", field));
    }
    for source in ["", "a b", "shop/eu", &long[..65]] {
        cases.push(of(&sale, json!({"source": source}), "invalid_id", "source"));
    }
    for msclkid in ["N", "{msclkid}", "short", "01234567890123456789012345678901"] {
        cases.push(of(&nobody, json!({"msclkid": msclkid}), "invalid_click_id", "msclkid"));
    }
    for value in
        [json!(-1), json!(-0.01), json!(1_000_000_000_000_u64), json!("1,50"), json!(1e300)]
    {
        cases.push(of(&sale, json!({"value": value}), "invalid_value", "value"));
        cases.push(of(&part, json!({"amount": value}), "invalid_value", "amount"));
    }
    for value in [json!(true), json!([1])] {
        cases.push(of(&sale, json!({"value": value}), "wrong_type", "value"));
        cases.push(of(&part, json!({"amount": value}), "wrong_type", "amount"));
    }
    for code in ["US$", "USDT", "ZZZ", "", "$"] {
        cases.push(of(&sale, json!({"currency": code}), "invalid_currency", "currency"));
        cases.push(of(&part, json!({"currency": code}), "invalid_currency", "currency"));
    }
    cases.extend([
        of(&sale, json!({"event": 5}), "wrong_type", "event"),
        of(&sale, json!({"event": "sale"}), "unknown_event", "event"),
        of(&sale, json!({"event": "Purchase"}), "unknown_event", "event"),
        of(&sale, json!({"account": "nobody"}), "unknown_account", "account"),
        of(&part, json!({"account": "nobody"}), "unknown_account", "account"),
        of(&sale, json!({"occurredAt": "yesterday"}), "invalid_time", "occurredAt"),
        of(&sale, json!({"occurredAt": "2026-02-30T00:00:00Z"}), "invalid_time", "occurredAt"),
        of(&sale, json!({"occurredAt": "2026-04-24T11:42:13"}), "missing_offset", "occurredAt"),
        of(&sale, json!({"occurredAt": time(330)}), "time_in_future", "occurredAt"),
        of(&part, json!({"occurredAt": time(330)}), "time_in_future", "occurredAt"),
        of(&sale, json!({"occurredAt": time(-90 * 86_400 - 60)}), "too_old", "occurredAt"),
        of(&sale, json!({"value": null}), "missing_value", "value"),
        of(&sale, json!({"value": null, "currency": null}), "missing_value", "value"),
        of(&sale, json!({"currency": null}), "missing_currency", "currency"),
        of(&lead, json!({"value": 1}), "value_not_allowed", "value"),
        of(&lead, json!({"currency": "USD"}), "value_not_allowed", "currency"),
        of(&nobody, json!({"email": "nobody"}), "invalid_value", "email"),
        of(&nobody, json!({"phone": "call me"}), "invalid_value", "phone"),
        of(&nobody, json!({"hashedEmail": "abc"}), "invalid_value", "hashedEmail"),
        of(&nobody, json!({"hashedPhone": "abc"}), "invalid_value", "hashedPhone"),
        of(&part, json!({"original": "4711"}), "invalid_original", "original"),
        of(&part, json!({"original": {}}), "invalid_original", "original"),
        of(&part, json!({"original": {"eventId": true}}), "invalid_original", "original"),
        of(&part, json!({"original": {"eventId": "a@b"}}), "invalid_original", "original"),
        of(&part, json!({"currency": null}), "missing_currency", "currency"),
        of(&full, json!({"currency": "USD"}), "missing_value", "amount"),
        of(&part, json!({"newValue": 5}), "value_not_allowed", "newValue"),
        of(&full, json!({"value": 5, "currency": "USD"}), "value_not_allowed", "value"),
    ]);
    for event in ["refund", "page_view", "sale"] {
        let original = json!({"original": {"eventId": "4711", "event": event}});
        cases.push(of(&full, original, "invalid_original", "original"));
    }
    cases
}
