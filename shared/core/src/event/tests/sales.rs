//! What shops and CRMs write of the sale itself: one row for each form, with what becomes of it.

use super::*;

/// Field, JSON text, and what becomes of it: the text after `=`, that rounded after `~`, or a
/// refusal with the code after `!`.
const HARD: &[(&str, &str, &str)] = &[
    ("eventId", "10492", "=10492"),
    ("eventId", r#""10492""#, "=10492"),
    ("eventId", "12345678901234567890123", "=12345678901234567890123"),
    ("eventId", "10492.0", "=10492"),
    ("eventId", "10492.5", "!wrong_type"),
    ("eventId", "true", "!wrong_type"),
    ("eventId", r##""#10492""##, "!invalid_id"),
    ("eventId", r#""""#, "!invalid_id"),
    ("account", r#""""#, "=main"),
    ("consent", r#""""#, "=unknown"),
    ("consent", r#"" Granted""#, "=granted"),
    ("consent", r#""yes""#, "=granted"),
    ("consent", "1", "=granted"),
    ("consent", "true", "=granted"),
    ("consent", r#"{"analytics_storage":"denied","ad_storage":"granted"}"#, "=granted"),
    ("consent", r#"{"ad_storage":true}"#, "=granted"),
    ("consent", r#"{"ad_storage":null}"#, "=unknown"),
    ("eventId", r#"" 4711\n""#, "=4711"),
    ("eventId", r#""\ufeff4711""#, "=4711"),
    ("eventId", "-5", "=-5"),
    ("eventId", "0", "=0"),
    ("eventId", "4.711e3", "!wrong_type"),
    ("eventId", r#""47 11""#, "!invalid_id"),
    // As an id they would make one sale of all.
    ("eventId", r#""undefined""#, "!invalid_id"),
    ("eventId", r#""null""#, "!invalid_id"),
    ("eventId", r#""{{order_id}}""#, "!invalid_id"),
    (
        "eventId",
        r#""{3F2504E0-4F89-11D3-9A0C-0305E82C3301}""#,
        "={3F2504E0-4F89-11D3-9A0C-0305E82C3301}",
    ),
    ("source", r#""shop ""#, "=shop"),
    ("source", r#""shop\u200b""#, "=shop"),
    ("source", r#""my shop""#, "!invalid_id"),
    ("event", r#"" purchase\t""#, "=purchase"),
    ("event", r#""Purchase""#, "!unknown_event"),
    ("account", r#"" main""#, "=main"),
    ("account", r#""Main""#, "!unknown_account"),
    ("value", r#"".95""#, "!invalid_value"),
    ("value", r#""129.95€""#, "!invalid_value"),
    ("value", r#""EUR 129.95""#, "!invalid_value"),
    ("value", r#""(129.95)""#, "!invalid_value"),
    ("value", r#""129.95-""#, "!invalid_value"),
    ("value", r#""1_299.95""#, "!invalid_value"),
    ("value", r#""0x81""#, "!invalid_value"),
    ("value", r#""129.9500000000001""#, "~129.95 USD"),
    ("value", "12995e-2", "=129.95 USD"),
    ("value", "1e-400", "~0 USD"),
    ("value", "1e400", "!invalid_value"),
    ("value", "[129.95]", "!wrong_type"),
    ("currency", r#""eur\n""#, "=129.95 EUR"),
    ("currency", r#""€""#, "!invalid_currency"),
    ("currency", r#""Euro""#, "!invalid_currency"),
    ("currency", r#""GBX""#, "!invalid_currency"),
    ("currency", r#""BTC""#, "!invalid_currency"),
    ("currency", r#""USD,EUR""#, "!invalid_currency"),
    ("currency", "978", "!wrong_type"),
    ("occurredAt", r#""\u200e2026-04-24T09:42:13Z""#, "=2026-04-24T09:42:13Z"),
    (
        "occurredAt",
        r#""2026-04-24T11:42:13+02:00[Europe/Berlin][u-ca=gregory]""#,
        "=2026-04-24T09:42:13Z",
    ),
    ("occurredAt", r#""2026-04-24T09:42:13.1234567890Z""#, "=2026-04-24T09:42:13Z"),
    ("occurredAt", r#""2026-04-24T02:42:13 -0700""#, "=2026-04-24T09:42:13Z"),
    ("occurredAt", r#""2026-04-24T23:42:13+14:00""#, "=2026-04-24T09:42:13Z"),
    ("occurredAt", r#""2026-04-24T11:42:13+24:00""#, "!invalid_time"),
    ("occurredAt", r#""2026-04-24 11:42:13 GMT+0200""#, "!invalid_time"),
    ("occurredAt", r#""2026-04-24 11:42:13 America/New_York""#, "!invalid_time"),
    ("occurredAt", r#""2026-4-24T9:42:13Z""#, "!invalid_time"),
    ("occurredAt", r#""2026/04/24 09:42:13Z""#, "!invalid_time"),
    ("occurredAt", r#""2026-02-29T00:00:00Z""#, "!invalid_time"),
    ("occurredAt", r#""0001-01-01T00:00:00Z""#, "!too_old"),
    ("occurredAt", "1777023733000", "!wrong_type"),
    ("currency", r#""usd""#, "=129.95 USD"),
    ("currency", r#"" Usd ""#, "=129.95 USD"),
    ("currency", r#""US$""#, "!invalid_currency"),
    ("currency", r#""""#, "!invalid_currency"),
    ("value", r#""129.95""#, "=129.95 USD"),
    ("value", r#"" 129.950 ""#, "=129.95 USD"),
    ("value", r#""0""#, "=0 USD"),
    ("value", "-0", "=0 USD"),
    ("value", r#""-0.00""#, "=0 USD"),
    ("value", "-1.4e-14", "~0 USD"),
    ("value", "1.2995e2", "=129.95 USD"),
    ("value", "836.9999999999998", "~837 USD"),
    ("value", r#""16.260163""#, "~16.26 USD"),
    ("value", "0.0005", "~0.001 USD"),
    ("value", "0.00049", "~0 USD"),
    ("value", "999999999999.0004", "~999999999999 USD"),
    ("value", "999999999999.9999", "!invalid_value"),
    ("value", r#""-5""#, "!invalid_value"),
    ("value", r#""1.2995e2""#, "!invalid_value"),
    ("value", r#""129,95""#, "!invalid_value"),
    ("value", r#""1,299.95""#, "!invalid_value"),
    ("value", r#""1.299,95""#, "!invalid_value"),
    ("value", r#""1 299.95""#, "!invalid_value"),
    ("value", r#""$129.95""#, "!invalid_value"),
    ("value", r#""129.95 USD""#, "!invalid_value"),
    ("value", r#""１２９.９５""#, "!invalid_value"),
    ("value", r#""free""#, "!invalid_value"),
    ("value", r#""129.95\u200b""#, "=129.95 USD"),
    ("value", "1e3", "=1000 USD"),
    ("value", r#""1'299.50""#, "!invalid_value"),
    ("value", r#""1.299.950""#, "!invalid_value"),
    ("value", r#""+129.95""#, "!invalid_value"),
    ("value", r#""129.""#, "!invalid_value"),
    ("value", r#""0129.95""#, "!invalid_value"),
    ("value", r#""١٢٩٫٩٥""#, "!invalid_value"),
    ("currency", r#""\ufeffUSD""#, "=129.95 USD"),
    ("currency", r#""840""#, "!invalid_currency"),
    ("currency", r#""RMB""#, "!invalid_currency"),
    ("value", r#""NaN""#, "!invalid_value"),
    ("value", r#""""#, "!missing_value"),
    ("value", "null", "!missing_value"),
    ("value", "true", "!wrong_type"),
    ("value", r#"{"amount":"129.95"}"#, "!wrong_type"),
    ("occurredAt", r#""2026-04-24T09:42:13.000+0000""#, "=2026-04-24T09:42:13Z"),
    ("occurredAt", r#""2026-04-24 09:42:13+00:00""#, "=2026-04-24T09:42:13Z"),
    ("occurredAt", r#""2026-04-24 11:42:13 +0200""#, "=2026-04-24T09:42:13Z"),
    ("occurredAt", r#""2026-04-24 11:42:13.5+02""#, "=2026-04-24T09:42:13Z"),
    ("occurredAt", r#""2026-04-24 09:42:13 UTC""#, "=2026-04-24T09:42:13Z"),
    ("occurredAt", r#"" 2026-04-24t09:42:13z ""#, "=2026-04-24T09:42:13Z"),
    ("occurredAt", r#""2026-03-29T02:30:00+01:00""#, "=2026-03-29T01:30:00Z"),
    ("occurredAt", r#""2026-04-24T23:59:60Z""#, "!invalid_time"),
    ("occurredAt", r#""2026-04-24T24:00:00Z""#, "!invalid_time"),
    ("occurredAt", r#""2026-04-24T11:42Z""#, "=2026-04-24T11:42:00Z"),
    ("occurredAt", r#""2026-04-24T11:42+02:00""#, "=2026-04-24T09:42:00Z"),
    ("occurredAt", r#""2026-04-24T11:42:13+02:00[Europe/Berlin]""#, "=2026-04-24T09:42:13Z"),
    ("occurredAt", r#""2026-04-24T11:42:13,5+02:00""#, "=2026-04-24T09:42:13Z"),
    ("occurredAt", r#""2026-04-24 09:42:13 GMT""#, "=2026-04-24T09:42:13Z"),
    ("occurredAt", r#""2026-04-24 09:42:13 Z""#, "=2026-04-24T09:42:13Z"),
    ("occurredAt", r#""2026-04-24T11:42:13[Europe/Berlin]""#, "!invalid_time"),
    ("occurredAt", r#""2026-04-24 11:42:13 CEST""#, "!invalid_time"),
    ("occurredAt", r#""2026-04-24T11:42""#, "!missing_offset"),
    ("occurredAt", r#""2026-04-24 11:42:13 PM +02:00""#, "!invalid_time"),
    ("occurredAt", r#""Fri, 24 Apr 2026 11:42:13 +0200""#, "!invalid_time"),
    ("occurredAt", r#""20260424T094213Z""#, "!invalid_time"),
    ("occurredAt", r#""46136.48765""#, "!invalid_time"),
    ("occurredAt", r#""/Date(1777023733000)/""#, "!invalid_time"),
    ("occurredAt", r#""2026-04-24""#, "!invalid_time"),
    ("occurredAt", r#""24/04/2026 11:42:13""#, "!invalid_time"),
    ("occurredAt", r#""2026-04-24 11:42:13""#, "!missing_offset"),
    ("occurredAt", r#""2026-04-24T11:42:13.123""#, "!missing_offset"),
    ("occurredAt", r#""1777023733""#, "!invalid_time"),
    ("occurredAt", "1777023733", "!wrong_type"),
    ("occurredAt", r#""""#, "!invalid_time"),
];

#[test]
fn what_makes_a_sale_is_read_or_refused() {
    for (field, json, expected) in HARD {
        let mut event = purchase();
        event[*field] = json!("replaced");
        let text = event.to_string().replacen(r#""replaced""#, json, 1);
        let Parsed { event, warnings } = parse_event(&text, &mapping(), now());
        let found = match event {
            Err(rejection) => {
                assert_eq!(rejection.error.field, Some(*field), "{text}");
                format!("!{}", rejection.error.code)
            }
            Ok(Event::Conversion(sale)) => {
                let is_rounded = warnings.iter().any(|it| it.code == ErrorCode::Rounded);
                let text = match *field {
                    "eventId" => sale.key.event_id.to_string(),
                    "account" => sale.account.to_string(),
                    "source" => sale.key.source.to_string(),
                    "event" => sale.key.event.to_string(),
                    "consent" => sale.consent.as_str().to_owned(),
                    "occurredAt" => sale.occurred_at.to_string(),
                    _ => sale.value.expect("a value").to_string(),
                };
                format!("{}{text}", if is_rounded { "~" } else { "=" })
            }
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(found, *expected, "{text}");
    }
}

/// Money of a correction, and what it does; `!` refuses.
#[test]
fn what_a_refund_says_is_read_as_exactly_and_never_as_everything_by_mistake() {
    for (members, expected) in [
        (json!({ "amount": 16.260_163 }), "~refund 16.26 USD"),
        (json!({ "amount": "16.26" }), "=refund 16.26 USD"),
        (json!({ "amount": "16.26", "newValue": "" }), "=refund 16.26 USD"),
        (json!({ "amount": "", "newValue": 80 }), "=restatement 80 USD"),
        (json!({ "amount": null, "newValue": "80.0004" }), "~restatement 80 USD"),
        (json!({ "amount": "", "currency": null }), "!invalid_value"),
        (json!({ "amount": null, "newValue": "", "currency": null }), "!invalid_value"),
        (json!({ "amount": null, "currency": null, "value": "" }), "!value_not_allowed"),
        (json!({ "amount": null, "currency": "" }), "!invalid_currency"),
        (json!({ "amount": null, "currency": null }), "=full"),
        (json!({ "original": { "eventId": 4711 } }), "=refund 30 USD"),
        // Nothing of it is read.
        (json!({ "email": "n/a", "sessionId": "a b" }), "=refund 30 USD"),
    ] {
        let event = with(refund(), members);
        let Parsed { event: parsed, warnings } = parse_event(&event.to_string(), &mapping(), now());
        let found = match parsed {
            Err(rejection) => format!("!{}", rejection.error.code),
            Ok(Event::Correction(correction)) => {
                let sign = if warnings.is_empty() { "=" } else { "~" };
                format!("{sign}{}", change_of(&correction))
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(found, expected, "{event}");
    }
}

/// Where no value may be, an empty one is none.
#[test]
fn an_empty_value_is_none() {
    let empty = json!({ "value": "", "currency": "" });
    assert_eq!(conversion(&with(lead(), empty.clone())).value, None);
    assert_eq!(conversion(&with(lead(), with(empty, json!({ "event": "visit" })))).value, None);
}
