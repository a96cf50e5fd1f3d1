use super::*;
use crate::mapping::Revenue;
use crate::person::identity::{hash_email, hash_phone};

#[test]
fn a_purchase() {
    let sale = conversion(&purchase());
    assert_eq!(sale.key.event.as_str(), "purchase");
    assert_eq!(sale.key.event_id.as_str(), "4711");
    assert_eq!(sale.key.source.as_str(), "shop");
    assert_eq!(sale.account.as_str(), "main");
    assert_eq!(sale.occurred_at.to_string(), "2026-04-24T09:42:13Z");
    assert_eq!(sale.goal.name.as_str(), "Purchase");
    assert_eq!(sale.goal.revenue, Revenue::VariableValue);
    assert_eq!(sale.value.map(|money| money.to_string()).as_deref(), Some("129.95 USD"));
    assert_eq!(sale.references.session.as_ref().map(RecordId::as_str), Some("sess_10492"));
    assert_eq!((sale.email, sale.phone, sale.consent), (None, None, Consent::Unknown));
}

#[test]
fn every_code() {
    use ErrorCode as E;
    let cases = [
        // Names and ids.
        (without(purchase(), "event"), E::MissingField, "event"),
        (with(purchase(), json!({ "event": null })), E::MissingField, "event"),
        (with(purchase(), json!({ "event": 1 })), E::WrongType, "event"),
        (with(purchase(), json!({ "event": "sneeze" })), E::UnknownEvent, "event"),
        (without(purchase(), "eventId"), E::MissingField, "eventId"),
        (with(purchase(), json!({ "eventId": 47.11 })), E::WrongType, "eventId"),
        (with(purchase(), json!({ "eventId": "" })), E::InvalidId, "eventId"),
        (with(purchase(), json!({ "eventId": "jane@x.com" })), E::InvalidId, "eventId"),
        (with(purchase(), json!({ "eventId": "x".repeat(129) })), E::InvalidId, "eventId"),
        (without(purchase(), "source"), E::MissingField, "source"),
        (with(purchase(), json!({ "source": "my shop" })), E::InvalidId, "source"),
        (with(purchase(), json!({ "source": true })), E::WrongType, "source"),
        (with(purchase(), json!({ "account": "other" })), E::UnknownAccount, "account"),
        (with(purchase(), json!({ "account": 1 })), E::WrongType, "account"),
        // Time.
        (without(purchase(), "occurredAt"), E::MissingField, "occurredAt"),
        (with(purchase(), json!({ "occurredAt": 1_777_023_733 })), E::WrongType, "occurredAt"),
        (with(purchase(), json!({ "occurredAt": "yesterday" })), E::InvalidTime, "occurredAt"),
        (
            with(purchase(), json!({ "occurredAt": "2026-04-24T11:42:13" })),
            E::MissingOffset,
            "occurredAt",
        ),
        (
            with(purchase(), json!({ "occurredAt": "2026-04-26T12:05:01Z" })),
            E::TimeInFuture,
            "occurredAt",
        ),
        (
            with(purchase(), json!({ "occurredAt": "2026-01-26T11:59:59Z" })),
            E::TooOld,
            "occurredAt",
        ),
        // Money.
        (without(purchase(), "value"), E::MissingValue, "value"),
        (with(purchase(), json!({ "value": null })), E::MissingValue, "value"),
        (with(purchase(), json!({ "value": -0.01 })), E::InvalidValue, "value"),
        (with(purchase(), json!({ "value": 1_000_000_000_000_i64 })), E::InvalidValue, "value"),
        (without(purchase(), "currency"), E::MissingCurrency, "currency"),
        (with(purchase(), json!({ "currency": "ABC" })), E::InvalidCurrency, "currency"),
        (with(purchase(), json!({ "currency": 840 })), E::WrongType, "currency"),
        (with(lead(), json!({ "value": 1, "currency": "USD" })), E::ValueNotAllowed, "value"),
        (with(lead(), json!({ "currency": "USD" })), E::ValueNotAllowed, "currency"),
        // What the mapping asks for.
        (
            json!({ "event": "visit", "eventId": "v1", "source": "crm", "sessionId": "s1",
                    "occurredAt": "2026-04-24T09:42:13Z" }),
            E::MissingField,
            "leadId",
        ),
    ];
    for (event, code, field) in cases {
        assert_eq!(refusal(&event), (code, Some(field)), "{event}");
    }
}

#[test]
fn something_must_identify_the_click_or_the_person() {
    let nobody = without(purchase(), "sessionId");
    assert_eq!(refusal(&nobody), (ErrorCode::NoIdentifier, None));
    let hash = "0".repeat(64);
    for known in [
        json!({ "msclkid": CLICK }),
        json!({ "leadId": "L1" }),
        json!({ "cartId": "C1" }),
        json!({ "orderId": "O1" }),
        json!({ "email": "john@contoso.com" }),
        json!({ "phone": "+14255551234" }),
        json!({ "hashedEmail": hash }),
        json!({ "hashedPhone": hash }),
    ] {
        assert!(parse(&with(nobody.clone(), known)).is_ok());
    }
}

#[test]
fn a_person_identifies_even_where_the_mapping_sends_no_hashes() {
    let mut file: Value = serde_json::from_str(Mapping::SAMPLE).expect("JSON");
    file["goals"]["purchase"]["enhancedConversions"] = json!(false);
    let plain = Mapping::parse(&file.to_string()).expect("a mapping");
    let nobody = without(purchase(), "sessionId");
    let person = with(nobody.clone(), json!({ "email": "john@contoso.com" }));
    let Ok(Event::Conversion(sale)) = parse_event(&person.to_string(), &plain, now()).event else {
        panic!("a conversion");
    };
    assert_eq!(sale.email, hash_email("john@contoso.com").ok());
    assert!(parse_event(&nobody.to_string(), &plain, now()).event.is_err());
}

#[test]
fn the_account_must_be_named_when_there_are_several() {
    let mut file: Value = serde_json::from_str(Mapping::SAMPLE).expect("JSON");
    file["accounts"]["second"] =
        json!({ "goals": { "purchase": "Kauf" }, "defaultCountryCode": "49" });
    let mapping = Mapping::parse(&file.to_string()).expect("mapping");
    let parse = |event: &Value| parse_event(&event.to_string(), &mapping, now()).event;
    let error = parse(&purchase()).expect_err("which account?").error;
    assert_eq!((error.code, error.field), (ErrorCode::MissingField, Some("account")));
    let second = with(purchase(), json!({ "account": "second", "phone": "0171 2345678" }));
    let Ok(Event::Conversion(sale)) = parse(&second) else { panic!("a conversion") };
    assert_eq!(sale.goal.name.as_str(), "Kauf");
    assert_eq!(sale.phone, hash_phone("+491712345678", None).ok());
}

#[test]
fn ages_and_clocks_at_their_limits() {
    for time in ["2026-04-26T12:05:00Z", "2026-01-26T12:00:00Z", "2026-04-26T14:05:00+02:00"] {
        assert!(parse(&with(purchase(), json!({ "occurredAt": time }))).is_ok(), "{time}");
    }
}

#[test]
fn values_keep_their_digits() {
    for (token, value) in [
        ("0.1", "0.1"),
        ("10.50", "10.5"),
        ("1.2995e2", "129.95"),
        ("999999999998.999", "999999999998.999"),
        ("0", "0"),
    ] {
        let text = purchase().to_string().replace("129.95", token);
        let Ok(Event::Conversion(sale)) = parse_text(&text) else { panic!("{text}") };
        assert_eq!(sale.value.expect("value").amount.to_string(), value);
    }
    let long = purchase().to_string().replace("129.95", &"9".repeat(100_000));
    assert_eq!(parse_text(&long).expect_err("too large").error.code, ErrorCode::InvalidValue);
}

#[test]
fn goals_without_and_with_a_value_of_their_own() {
    assert_eq!(conversion(&lead()).value, None);
    let visit = with(lead(), json!({ "event": "visit" }));
    assert_eq!(conversion(&visit).value, None);
    let valued = conversion(&with(visit.clone(), json!({ "value": 5, "currency": "EUR" })));
    assert_eq!(valued.value.map(|money| money.to_string()).as_deref(), Some("5 EUR"));
    let half = with(visit.clone(), json!({ "currency": "EUR" }));
    assert_eq!(refusal(&half), (ErrorCode::MissingValue, Some("value")));
    let half = with(visit, json!({ "value": 5 }));
    assert_eq!(refusal(&half), (ErrorCode::MissingCurrency, Some("currency")));
}

#[test]
fn persons_are_hashed_at_the_door() {
    let plain = json!({ "email": " John.Smith+ads@Contoso.com", "phone": "1 425 555 1234" });
    let sale = conversion(&with(purchase(), plain.clone()));
    assert_eq!(sale.email, hash_email("johnsmith@contoso.com").ok());
    assert_eq!(sale.phone, hash_phone("+14255551234", None).ok());
    let shown = format!("{sale:?}").to_lowercase();
    assert!(!shown.contains("smith") && !shown.contains("4255551234"), "{shown}");
    let hash = sale.email.expect("hash").hex();
    for hashed in [json!({ "hashedEmail": hash }), json!({ "email": hash.to_uppercase() })] {
        let again = conversion(&with(purchase(), hashed));
        assert_eq!(again.email, sale.email, "a hash is never hashed again");
    }
    let both = with(purchase(), with(plain, json!({ "hashedEmail": hash })));
    assert_eq!(conversion(&both).email, sale.email);
}

#[test]
fn nothing_is_stored_without_consent() {
    let denied = json!({ "consent": "denied" });
    assert_eq!(ignored(&with(purchase(), denied.clone())), Some(IgnoredReason::ConsentDenied));
    assert_eq!(ignored(&with(refund(), denied.clone())), Some(IgnoredReason::ConsentDenied));
    let invalid = with(purchase(), json!({ "consent": "denied", "source": "my shop" }));
    assert_eq!(refusal(&invalid), (ErrorCode::InvalidId, Some("source")));
    let granted = conversion(&with(purchase(), json!({ "consent": "granted" })));
    assert_eq!(granted.consent, Consent::Granted);
}

#[test]
fn analytics_events_need_an_id_and_nothing_else() {
    let view = json!({ "event": "page_view", "eventId": "p1", "source": "web" });
    assert_eq!(ignored(&view), Some(IgnoredReason::AnalyticsOnly));
    assert_eq!(refusal(&without(view, "eventId")), (ErrorCode::MissingField, Some("eventId")));
    assert_eq!(IgnoredReason::AnalyticsOnly.as_str(), "analytics_only");
    assert_eq!(IgnoredReason::ConsentDenied.as_str(), "consent_denied");
}

#[test]
fn unknown_fields_nulls_escapes_and_repeated_keys() {
    let extra = json!({ "colour": { "deep": [1, null] }, "email": null, "msclkid": null });
    assert_eq!(conversion(&with(purchase(), extra)), conversion(&purchase()));
    let text = purchase().to_string();
    let repeated = text.replacen('{', "{\"value\":\"x\",\"eventId\":7,", 1);
    assert_eq!(parse_text(&repeated), parse_text(&text), "the last one counts");
    let escaped =
        text.replace("purchase", "purch\\u0061se").replace("\"value\"", "\"v\\u0061lue\"");
    assert_eq!(parse_text(&escaped), parse_text(&text));
    let spaced = text
        .replace(':', " : ")
        .replace(',', "\n , ")
        .replace("11 : 42 : 13+02 : 00", "11:42:13+02:00");
    assert_eq!(parse_text(&spaced), parse_text(&text));
}
