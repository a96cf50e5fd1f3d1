use proptest::prelude::*;

use super::*;

fn fingerprint(event: &Event) -> String {
    match event {
        Event::Conversion(conversion) => conversion.fingerprint(),
        Event::Correction(correction) => correction.fingerprint(),
        Event::Ignored(_) => panic!("is not stored"),
    }
}

fn print(event: &Value) -> String {
    fingerprint(&parse(event).expect("valid"))
}

fn print_text(text: &str) -> String {
    fingerprint(&parse_text(text).expect("valid"))
}

#[test]
fn what_says_the_same() {
    let text = purchase().to_string();
    let print = print_text(&text);
    for (from, to) in [
        ("129.95", "129.950"),
        ("129.95", "12995e-2"),
        ("2026-04-24T11:42:13+02:00", "2026-04-24T09:42:13Z"),
        ("2026-04-24T11:42:13+02:00", "2026-04-24T09:42:13.5Z"),
        ("{", "{\"colour\":\"red\","),
        ("{", "{\"account\":\"main\","),
        ("{", "{\"consent\":\"unknown\",\"email\":null,"),
        ("shop", "sh\\u006fp"),
    ] {
        assert_eq!(print_text(&text.replacen(from, to, 1)), print, "{to}");
    }
}

/// A repetition may know the person better; that is added to the row, and no conflict.
#[test]
fn what_is_said_of_the_person_does_not_count() {
    let base = with(purchase(), json!({ "email": "john@contoso.com", "phone": "+14255551234" }));
    for other in [
        json!({ "sessionId": "sess_10493" }),
        json!({ "sessionId": null, "leadId": "sess_10492" }),
        json!({ "msclkid": CLICK }),
        json!({ "cartId": "C" }),
        json!({ "orderId": "O" }),
        json!({ "email": "jane@contoso.com" }),
        json!({ "phone": "+14255551235" }),
        json!({ "phone": null }),
        json!({ "consent": "granted" }),
    ] {
        assert_eq!(print(&with(base.clone(), other.clone())), print(&base), "{other}");
    }
}

#[test]
fn what_says_something_else() {
    let base = purchase();
    let others = [
        json!({ "event": "phone_sale" }),
        json!({ "eventId": "4712" }),
        json!({ "source": "shop2" }),
        json!({ "occurredAt": "2026-04-24T09:42:14Z" }),
        json!({ "value": 129.96 }),
        json!({ "currency": "EUR" }),
    ];
    let prints: std::collections::HashSet<_> =
        others.iter().map(|other| print(&with(base.clone(), other.clone()))).collect();
    assert_eq!(prints.len(), others.len());
    assert!(!prints.contains(&print(&base)));
}

#[test]
fn corrections_that_say_something_else() {
    let full = without(without(refund(), "amount"), "currency");
    let others = [
        full.clone(),
        with(full, json!({ "newValue": 30, "currency": "USD" })),
        with(refund(), json!({ "amount": 31 })),
        with(refund(), json!({ "occurredAt": "2026-04-25T08:05:00.001Z" })),
        with(refund(), json!({ "currency": "EUR" })),
        with(refund(), json!({ "eventId": "4711-r2" })),
        with(refund(), json!({ "original": { "eventId": "4712" } })),
        with(refund(), json!({ "original": { "eventId": "4711", "source": "stripe" } })),
        with(refund(), json!({ "original": { "eventId": "4711", "event": "purchase" } })),
        with(refund(), json!({ "account": "main" })),
    ];
    let prints: std::collections::HashSet<_> = others.iter().map(print).collect();
    assert_eq!(prints.len(), others.len());
    assert!(!prints.contains(&print(&refund())));
    let own_source = json!({ "original": { "eventId": "4711", "source": "shop" } });
    assert_eq!(print(&with(refund(), own_source)), print(&refund()));
}

/// Stored with every row for 13 months: if these change, every repetition becomes a conflict.
#[test]
fn fingerprints_never_change() {
    assert_eq!(print(&purchase()).to_string(), "5cf4f862cf1eb4f59500f154fbc8b5b1");
    assert_eq!(print(&refund()).to_string(), "6154cbda507c9b016031386c58442d06");
}

#[test]
fn the_mapping_does_not_count() {
    let renamed = Mapping::SAMPLE.replace("\"Purchase\"", "\"Kauf\"");
    let renamed = Mapping::parse(&renamed).expect("mapping");
    let event = parse_event(&purchase().to_string(), &renamed, now()).event.expect("valid");
    assert_eq!(fingerprint(&event), print(&purchase()));
}

proptest! {
    #[test]
    fn the_way_of_writing_does_not_count(
        cents in 0..100_000_000_000_i64,
        zeros in 0..8_usize,
        offset in -14_i64..=14,
        seconds in 0..86_400_i64,
    ) {
        let instant = now().plus_seconds(-DAY_AND_A_HALF - seconds);
        let sale = |value: &str, time: &str| {
            let event = with(purchase(), json!({ "occurredAt": time }));
            print_text(&event.to_string().replace("129.95", value))
        };
        let plain = sale(&format!("{}.{:02}", cents / 100, cents % 100), &instant.to_string());
        let local = instant.plus_seconds(offset * 3600).to_string();
        let sign = if offset < 0 { '-' } else { '+' };
        let local = format!("{}{sign}{:02}:00", local.trim_end_matches('Z'), offset.abs());
        let odd = sale(&format!("{cents}{}e-{}", "0".repeat(zeros), zeros + 2), &local);
        prop_assert_eq!(&plain, &odd);
        let other = sale(&format!("{cents}e-2"), &instant.plus_seconds(1).to_string());
        prop_assert_ne!(plain, other);
    }
}

const DAY_AND_A_HALF: i64 = 129_600;
