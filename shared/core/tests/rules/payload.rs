//! Golden payloads.

use tracklayer_core::ledger::facts::Facts;
use tracklayer_core::ledger::observed::Adjustment;
use tracklayer_core::microsoft::payload::{
    ApplyAdjustments, ApplyConversions, OfflineConversion, OfflineConversionAdjustment,
};
use tracklayer_core::person::identity::Identity;

use crate::support::*;

fn apply(facts: &Facts) -> String {
    let body = ApplyConversions { offline_conversions: vec![OfflineConversion::new(facts)] };
    serde_json::to_string(&body).expect("JSON")
}

fn adjust(facts: &Facts, adjustment: &Adjustment) -> String {
    let time = time("2026-04-25T08:05:00Z");
    let row = OfflineConversionAdjustment::new(facts, adjustment, time);
    let body = ApplyAdjustments { offline_conversion_adjustments: vec![row] };
    serde_json::to_string(&body).expect("JSON")
}

fn with_hashes() -> Facts {
    let mut facts = facts();
    facts.identity.email = hash(MAIL);
    facts.identity.phone = hash(PHONE);
    facts
}

fn priced(text: &str) -> Facts {
    Facts { money: Some(usd(text)), ..facts() }
}

#[test]
fn apply_with_click_and_hashes() {
    let expected = format!(
        r#"{{"OfflineConversions":[{{"ConversionName":"Purchase","ConversionTime":"2026-04-24T09:42:13Z","MicrosoftClickId":"{CLICK}","HashedEmailAddress":"{MAIL}","HashedPhoneNumber":"{PHONE}","ConversionValue":129.95,"ConversionCurrencyCode":"USD"}}]}}"#
    );
    assert_eq!(apply(&with_hashes()), expected);
}

#[test]
fn apply_by_hash_alone() {
    let identity = Identity { email: hash(MAIL), ..Identity::default() };
    let expected = format!(
        r#"{{"OfflineConversions":[{{"ConversionName":"Purchase","ConversionTime":"2026-04-24T09:42:13Z","HashedEmailAddress":"{MAIL}","ConversionValue":129.95,"ConversionCurrencyCode":"USD"}}]}}"#
    );
    assert_eq!(apply(&Facts { identity, ..facts() }), expected);
}

#[test]
fn apply_without_value_has_neither_value_nor_currency() {
    let expected = format!(
        r#"{{"OfflineConversions":[{{"ConversionName":"Qualified Lead","ConversionTime":"2026-04-24T09:42:13Z","MicrosoftClickId":"{CLICK}"}}]}}"#
    );
    assert_eq!(apply(&without_value()), expected);
}

#[test]
fn restate_has_the_net_and_its_currency() {
    let expected = format!(
        r#"{{"OfflineConversionAdjustments":[{{"ConversionName":"Purchase","ConversionTime":"2026-04-24T09:42:13Z","MicrosoftClickId":"{CLICK}","HashedEmailAddress":"{MAIL}","HashedPhoneNumber":"{PHONE}","AdjustmentType":"Restate","AdjustmentTime":"2026-04-25T08:05:00Z","AdjustmentValue":99.95,"AdjustmentCurrencyCode":"USD"}}]}}"#
    );
    assert_eq!(adjust(&with_hashes(), &Adjustment::Restate(usd("99.95"))), expected);
}

#[test]
fn retract_has_no_value_and_no_currency() {
    let expected = format!(
        r#"{{"OfflineConversionAdjustments":[{{"ConversionName":"Purchase","ConversionTime":"2026-04-24T09:42:13Z","MicrosoftClickId":"{CLICK}","AdjustmentType":"Retract","AdjustmentTime":"2026-04-25T08:05:00Z"}}]}}"#
    );
    assert_eq!(adjust(&facts(), &Adjustment::Retract), expected);
}

#[test]
fn money_keeps_its_digits_on_the_wire() {
    for (given, sent) in [
        ("0.1", "0.1"),
        ("0.3", "0.3"),
        ("10.50", "10.5"),
        ("0", "0"),
        ("1e3", "1000"),
        ("9007199254.993", "9007199254.993"),
        ("999999999998.999", "999999999998.999"),
        ("999999999999", "999999999999"),
    ] {
        let expected = format!(r#""ConversionValue":{sent},"#);
        assert!(apply(&priced(given)).contains(&expected), "{given}");
        let restated = adjust(&facts(), &Adjustment::Restate(usd(given)));
        assert!(restated.contains(&format!(r#""AdjustmentValue":{sent},"#)), "{given}");
    }
}

#[test]
fn a_sum_is_sent_as_people_would_write_it() {
    let corrections = [refund("r1", 1, "0.1"), refund("r2", 2, "0.2")];
    let folded =
        tracklayer_core::ledger::correction::fold(&id("main"), &priced("0.6"), &corrections);
    let tracklayer_core::ledger::correction::Worth::Net(net) = folded.worth else {
        panic!("a net")
    };
    let sent = adjust(&priced("0.6"), &Adjustment::Restate(net));
    assert!(sent.contains(r#""AdjustmentValue":0.3,"#), "{sent}");
}

#[test]
fn what_needs_escaping_is_escaped() {
    let facts = Facts { goal: id("Sale \"A\" – Ü"), ..facts() };
    assert!(apply(&facts).contains(r#""ConversionName":"Sale \"A\" – Ü""#));
}
