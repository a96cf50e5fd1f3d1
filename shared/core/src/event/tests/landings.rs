//! What pages send, one member at a time.

use super::*;
use crate::ledger::facts::References;

/// A landing with every member; one of them as this JSON text.
fn landing(member: &str, text: &str) -> Landing {
    let full = [
        ("msclkid", format!("{CLICK:?}")),
        ("landingUrl", r#""https://shop.example/a""#.to_owned()),
        ("sessionId", r#""s-1""#.to_owned()),
        ("leadId", r#""L1""#.to_owned()),
        ("cartId", r#""C1""#.to_owned()),
        ("orderId", "4711".to_owned()),
        ("consent", r#""granted""#.to_owned()),
        ("landedAt", "1777200000000".to_owned()),
    ];
    let members = full.map(|(name, good)| {
        format!("\"{name}\":{}", if name == member { text.to_owned() } else { good })
    });
    Landing::parse(&format!("{{{}}}", members.join(","))).expect("an object")
}

fn without_member(mut landing: Landing, member: &str) -> Landing {
    match member {
        "msclkid" => landing.click_id = None,
        "landingUrl" => landing.landing_url = None,
        "sessionId" => landing.references.session = None,
        "leadId" => landing.references.lead = None,
        "cartId" => landing.references.cart = None,
        "orderId" => landing.references.order = None,
        "consent" => landing.consent = Consent::Unknown,
        _ => landing.landed_at = None,
    }
    landing
}

#[test]
fn a_member_that_can_not_be_read_costs_no_other_one() {
    let all = landing("", "");
    assert!(all.click_id.is_some() && all.landing_url.is_some() && all.landed_at.is_some());
    let references = &all.references;
    assert!(
        [&references.session, &references.lead, &references.cart].iter().all(|it| it.is_some())
    );
    assert_eq!((all.consent, &all.ignored), (Consent::Granted, &Vec::new()));
    for field in Landing::FIELDS {
        let name = field.as_str();
        for text in [r#""\ud83d""#, r#""x\udc00""#, "1e999", "-0.5", "true", "[1]", r#"{"a":1}"#] {
            if (name, text) == ("consent", "true") {
                continue;
            }
            let read = landing(name, text);
            let left_out = read.ignored.iter().map(|it| it.field);
            assert!(left_out.eq([Some(name)]), "{name} {text}: {:?}", read.ignored);
            let expected = Landing { ignored: read.ignored.clone(), ..all.clone() };
            assert_eq!(read, without_member(expected, name), "{name} {text}");
        }
        for absent in ["null", r#""""#] {
            assert_eq!(landing(name, absent), without_member(all.clone(), name), "{name}");
        }
    }
}

#[test]
fn members_nobody_knows_may_hold_anything() {
    for (name, text) in [("x", "1e999"), ("x", r#""\ud83d""#), (r"\ud83d", "1"), (r"a\n", "[{}]")] {
        let read = Landing::parse(&format!(r#"{{"{name}":{text},"leadId":"L1"}}"#)).expect(name);
        let tied = References { lead: "L1".parse().ok(), ..References::default() };
        assert_eq!((read.references, read.ignored), (tied, Vec::new()), "{name} {text}");
    }
    let escaped = Landing::parse(r#"{"lead\u0049d":"L1"}"#).expect("an object");
    assert!(escaped.references.lead.is_some());
    for text in ["", "[]", "5", "{", r#"{"leadId":"#, "hello", "null"] {
        assert_eq!(Landing::parse(text), None, "{text}");
    }
}

#[test]
fn consent_is_read_in_any_clear_word_and_another_one_says_nothing() {
    let sale = |consent: &str| {
        let text = with(purchase(), json!({ "consent": 1 })).to_string();
        let event = text.replace("\"consent\":1", &format!("\"consent\":{consent}"));
        parse_event(&event, &mapping(), now())
    };
    let modes = r#"{"ad_storage":"denied","analytics_storage":"granted"}"#;
    let words = ["false", "0", r#""0""#, r#""false""#, r#"" No ""#, r#""DENIED""#, r#""opt-out""#];
    for denied in words.into_iter().chain([modes]) {
        assert_eq!(landing("consent", denied).consent, Consent::Denied, "{denied}");
        let Ok(Event::Ignored(it)) = sale(denied).event else { panic!("{denied}") };
        assert_eq!(it.reason, IgnoredReason::ConsentDenied, "{denied}");
    }
    let modes = r#"{"ad_storage":"granted","ad_user_data":"denied"}"#;
    let words = ["true", "1", "1.0", r#""Yes""#, r#""1""#, r#"" GRANTED""#, r#""opted_in""#];
    for granted in words.into_iter().chain([modes]) {
        let read = landing("consent", granted);
        assert_eq!((read.consent, read.ignored.len()), (Consent::Granted, 0), "{granted}");
        let Parsed { event: Ok(Event::Conversion(sold)), warnings } = sale(granted) else {
            panic!("{granted}")
        };
        assert_eq!((sold.consent, warnings), (Consent::Granted, Vec::new()), "{granted}");
    }
    for unclear in [r#""maybe""#, "2", r#"{"marketing":true}"#, r#"["granted"]"#] {
        let read = landing("consent", unclear);
        assert_eq!((read.consent, read.ignored.len()), (Consent::Unknown, 1), "{unclear}");
        let Parsed { event: Ok(Event::Conversion(sold)), warnings } = sale(unclear) else {
            panic!("{unclear}")
        };
        assert_eq!((sold.consent, warnings.len()), (Consent::Unknown, 1), "{unclear}");
        assert_eq!(warnings[0].field, Some("consent"), "{unclear}");
    }
    // What it says is no reason why nobody is recognised.
    let nobody = with(without(purchase(), "sessionId"), json!({ "consent": "maybe" }));
    assert_eq!(refusal(&nobody), (ErrorCode::NoIdentifier, None));
}

/// `time()` of PHP and Python says seconds.
#[test]
fn a_landing_may_be_dated_in_seconds() {
    let at = |text: &str| landing("landedAt", text).landed_at.map(EventTime::epoch);
    for text in ["1777200000", r#""1777200000""#, "1777200000000", r#""2026-04-26T10:40:00Z""#] {
        assert_eq!(at(text), Some(1_777_200_000), "{text}");
    }
    assert_eq!(at("-1000"), Some(-1));
}
