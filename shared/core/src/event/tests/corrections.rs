use super::*;

fn kind(event: &Value) -> String {
    change_of(&correction(event))
}

fn full() -> Value {
    without(without(refund(), "amount"), "currency")
}

#[test]
fn a_refund() {
    let back = correction(&refund());
    assert_eq!(back.event.as_str(), "refund");
    assert_eq!(back.recorded.event_id.as_str(), "4711-r1");
    assert_eq!(back.recorded.source.as_str(), "shop");
    assert_eq!(back.recorded.account, None, "the original knows its account");
    assert_eq!(back.recorded.occurred_at.second().to_string(), "2026-04-25T08:05:00Z");
    assert_eq!(back.original.event_id.as_str(), "4711");
    assert_eq!(back.original.source.as_str(), "shop", "its own unless given");
    assert_eq!(back.recorded.original_event, None);
}

#[test]
fn kinds() {
    assert_eq!(kind(&refund()), "refund 30 USD");
    assert_eq!(kind(&full()), "full");
    assert_eq!(kind(&with(refund(), json!({ "amount": null, "currency": null }))), "full");
    let restated = with(full(), json!({ "newValue": 99.950, "currency": "EUR" }));
    assert_eq!(kind(&restated), "restatement 99.95 EUR");
    assert_eq!(kind(&with(refund(), json!({ "amount": 0 }))), "refund 0 USD");
}

#[test]
fn the_original_of_another_source_and_name() {
    let original = json!({ "eventId": "77", "source": "stripe", "event": "phone_sale" });
    let back = correction(&with(refund(), json!({ "original": original, "account": "main" })));
    assert_eq!(back.original.source.as_str(), "stripe");
    assert_eq!(back.recorded.original_event.as_ref().map(EventName::as_str), Some("phone_sale"));
    assert_eq!(back.recorded.account.as_ref().map(AccountName::as_str), Some("main"));
}

#[test]
fn every_code() {
    use ErrorCode as E;
    let cases = [
        (without(refund(), "original"), E::MissingField, "original"),
        (with(refund(), json!({ "original": null })), E::MissingField, "original"),
        (with(refund(), json!({ "original": "4711" })), E::InvalidOriginal, "original"),
        (with(refund(), json!({ "original": {} })), E::InvalidOriginal, "original"),
        (
            with(refund(), json!({ "original": { "eventId": true } })),
            E::InvalidOriginal,
            "original",
        ),
        (
            with(refund(), json!({ "original": { "eventId": "a b" } })),
            E::InvalidOriginal,
            "original",
        ),
        (
            with(refund(), json!({ "original": { "eventId": "1", "source": "my shop" } })),
            E::InvalidOriginal,
            "original",
        ),
        (
            with(refund(), json!({ "original": { "eventId": "1", "event": "sneeze" } })),
            E::InvalidOriginal,
            "original",
        ),
        (
            with(refund(), json!({ "original": { "eventId": "1", "event": "refund" } })),
            E::InvalidOriginal,
            "original",
        ),
        (with(refund(), json!({ "newValue": 1 })), E::ValueNotAllowed, "newValue"),
        (with(full(), json!({ "value": 30, "currency": "USD" })), E::ValueNotAllowed, "value"),
        (without(refund(), "amount"), E::MissingValue, "amount"),
        (without(refund(), "currency"), E::MissingCurrency, "currency"),
        (with(refund(), json!({ "amount": [30] })), E::WrongType, "amount"),
        (with(refund(), json!({ "amount": -30 })), E::InvalidValue, "amount"),
        (with(refund(), json!({ "currency": "US" })), E::InvalidCurrency, "currency"),
        (with(full(), json!({ "newValue": -1, "currency": "USD" })), E::InvalidValue, "newValue"),
        (with(refund(), json!({ "account": "other" })), E::UnknownAccount, "account"),
        (without(refund(), "eventId"), E::MissingField, "eventId"),
        (without(refund(), "occurredAt"), E::MissingField, "occurredAt"),
        (
            with(refund(), json!({ "occurredAt": "2026-04-26T12:05:01Z" })),
            E::TimeInFuture,
            "occurredAt",
        ),
    ];
    for (event, code, field) in cases {
        assert_eq!(refusal(&event), (code, Some(field)), "{event}");
    }
}

/// Another flag, such as a newsletter's, does not cost the refund.
#[test]
fn only_the_word_denied_lets_a_refund_be_ignored() {
    let denied = with(refund(), json!({ "consent": " Denied" }));
    let Ok(Event::Ignored(it)) = parse(&denied) else { panic!("{denied}") };
    assert_eq!(it.reason, IgnoredReason::ConsentDenied);
    for (consent, warnings) in [
        (json!(false), 1),
        (json!(0), 1),
        (json!("no"), 1),
        (json!("withdrawn"), 1),
        (json!({}), 1),
        (json!({"ad_storage": "denied"}), 1),
        (json!("maybe"), 1),
        (json!(true), 0),
        (json!("granted"), 0),
        (json!(""), 0),
    ] {
        let event = with(refund(), json!({ "consent": consent })).to_string();
        let parsed = parse_event(&event, &mapping(), now());
        assert!(matches!(parsed.event, Ok(Event::Correction(_))), "{event}");
        let told = parsed.warnings.iter().filter(|it| it.field == Some("consent"));
        assert_eq!((told.count(), parsed.warnings.len()), (warnings, warnings), "{event}");
    }
}

#[test]
fn a_correction_may_be_old_and_needs_no_identifier() {
    // Whether it comes too late depends on its original, which the ledger knows.
    assert!(parse(&with(refund(), json!({ "occurredAt": "2025-01-01T00:00:00Z" }))).is_ok());
}

#[test]
fn the_mapping_may_name_further_corrections() {
    let mut file: Value = serde_json::from_str(Mapping::SAMPLE).expect("JSON");
    file["events"]["cancellation"] = json!({ "adjusts": true, "required": ["orderId"] });
    let mapping = Mapping::parse(&file.to_string()).expect("mapping");
    let event = with(full(), json!({ "event": "cancellation" }));
    let parse = |event: &Value| parse_event(&event.to_string(), &mapping, now()).event;
    let error = parse(&event).expect_err("no order").error;
    assert_eq!((error.code, error.field), (ErrorCode::MissingField, Some("orderId")));
    let error = parse(&with(event.clone(), json!({ "orderId": "O 1" }))).expect_err("no id").error;
    assert_eq!((error.code, error.field), (ErrorCode::InvalidId, Some("orderId")));
    assert!(matches!(parse(&with(event, json!({ "orderId": 1 }))), Ok(Event::Correction(_))));
}
