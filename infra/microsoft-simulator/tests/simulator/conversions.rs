use microsoft_simulator::Settings;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::bench::{Bench, CLICK, CONVERSIONS, With, codes, fault_code, purchase};

const HASH: &str = "ec81f3ac7b2b19675bab9d54cf416f9f18cff87c97da5cca82c0f0891bc40602";

/// The codes that one row with this member gets.
async fn codes_with(name: &str, value: impl Into<Value>) -> Vec<i64> {
    codes(&Bench::new().await.convert(&[purchase().with(name, value)]).await)
}

#[tokio::test]
async fn a_good_row_is_accepted() {
    let bench = Bench::new().await;
    let answer = bench.convert(&[purchase()]).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"PartialErrors":[]}"#));
    assert!(answer.tracking_id.is_some());
}

#[tokio::test]
async fn an_error_carries_every_member() {
    let bench = Bench::new().await;
    let answer = bench.convert(&[purchase().with("ConversionName", "purchase")]).await;
    let expected = json!({
        "Code": 5606,
        "Details": null,
        "ErrorCode": "OfflineConversionNameInvalid",
        "FieldPath": "OfflineConversions[0].ConversionName",
        "ForwardCompatibilityMap": null,
        "Index": 0,
        "Message": "No offline conversion goal has this name.",
        "Type": "BatchError",
    });
    assert_eq!(answer.json["PartialErrors"], json!([expected]));
}

#[tokio::test]
async fn a_bad_row_leaves_the_others_alone_and_gets_all_its_errors() {
    let bench = Bench::new().await;
    let bad = purchase().with("ConversionName", " Purchase").with("ConversionValue", -1);
    let answer = bench.convert(&[purchase(), bad, Value::Null]).await;
    assert_eq!(codes(&answer), [5606, 5610, 5602]);
    let errors = answer.json["PartialErrors"].as_array().cloned().unwrap_or_default();
    let indexes: Vec<_> = errors.iter().map(|error| error["Index"].as_i64()).collect();
    assert_eq!(indexes, [Some(1), Some(1), Some(2)]);
    assert_eq!(bench.simulator.conversions().len(), 1);
}

#[tokio::test]
async fn names_are_required() {
    assert_eq!(codes_with("ConversionName", "").await, [5605]);
    assert_eq!(codes_with("ConversionName", Value::Null).await, [5605]);
}

#[tokio::test]
async fn times_are_bounded() {
    assert_eq!(codes_with("ConversionTime", "").await, [5608]);
    assert_eq!(codes_with("ConversionTime", "2026-04-24T10:00:00Z").await, [0; 0]);
    assert_eq!(codes_with("ConversionTime", "2026-04-24T10:00:01Z").await, [5614]);
    assert_eq!(codes_with("ConversionTime", "2026-01-24T10:00:00Z").await, [0; 0]);
    assert_eq!(codes_with("ConversionTime", "2026-01-24T09:59:59Z").await, [5609]);
}

#[tokio::test]
async fn one_unreadable_time_fails_the_whole_call() {
    let bench = Bench::new().await;
    for time in ["yesterday", "2026-04-24 09:42", "2026-04-24T24:00:00Z", "2026-04-24T09:42:13"] {
        let answer = bench.convert(&[purchase(), purchase().with("ConversionTime", time)]).await;
        assert_eq!((answer.status, fault_code(&answer)), (400, Some(113)), "{time}");
    }
    assert!(bench.simulator.conversions().is_empty());
}

#[tokio::test]
async fn click_ids_are_checked() {
    assert_eq!(codes_with("MicrosoftClickId", Value::Null).await, [5603]);
    assert_eq!(codes_with("MicrosoftClickId", "").await, [5603]);
    assert_eq!(codes_with("MicrosoftClickId", "Example-123").await, [5604]);
    assert_eq!(codes_with("MicrosoftClickId", "01234567890123456789012345678901").await, [5604]);
    assert_eq!(codes_with("MicrosoftClickId", "{msclkid}-of-a-template").await, [5604]);
    assert_eq!(codes_with("MicrosoftClickId", "short").await, [5604]);
    assert_eq!(codes_with("MicrosoftClickId", "dd4afcccb1c9a4cad9544dd7e5006").await, [0; 0]);
}

#[tokio::test]
async fn values_are_bounded() {
    for value in ["0", "149.900", "0.125", "1e3", "999999999999"] {
        assert_eq!(raw_value(value).await, [0; 0], "{value}");
    }
    let too_long = "123456789012345678901234567890123456789.5";
    for value in ["-0.01", "0.1234", "999999999999.001", "1000000000000", too_long] {
        assert_eq!(raw_value(value).await, [5610], "{value}");
    }
}

/// The codes that a value gets which stands like this in the request's text.
async fn raw_value(value: &str) -> Vec<i64> {
    let bench = Bench::new().await;
    let body = json!({ "OfflineConversions": [purchase()] }).to_string();
    codes(&bench.call(CONVERSIONS, body.replace("149.5", value)).await)
}

#[tokio::test]
async fn a_value_that_is_no_number_fails_the_call() {
    let answer = Bench::new().await.convert(&[purchase().with("ConversionValue", "149.5")]).await;
    assert_eq!((answer.status, fault_code(&answer)), (400, Some(100)));
}

#[tokio::test]
async fn currencies_are_checked() {
    assert_eq!(codes_with("ConversionCurrencyCode", "TRY").await, [0; 0]);
    assert_eq!(codes_with("ConversionCurrencyCode", "EURO").await, [5611]);
    assert_eq!(codes_with("ConversionCurrencyCode", "eur").await, [5611]);
}

#[tokio::test]
async fn a_young_goal_takes_nothing_for_two_hours() {
    let mut settings = Settings::default();
    let created_at = OffsetDateTime::from_unix_timestamp(1_777_024_800).expect("in range");
    settings.accounts[0].goals[0].created_at = Some(created_at - Duration::hours(1));
    let mut bench = Bench::with(settings).await;
    for (seconds, expected) in [(0, vec![5615]), (3_599, vec![5615]), (1, vec![])] {
        bench.pass(seconds);
        bench.sign_in().await;
        assert_eq!(codes(&bench.convert(&[purchase()]).await), expected);
    }
}

fn by_hash(hash: &str) -> Value {
    purchase().with("MicrosoftClickId", Value::Null).with("HashedEmailAddress", hash)
}

#[tokio::test]
async fn hashes_stand_in_for_a_click_id() {
    let bench = Bench::new().await;
    assert_eq!(codes(&bench.convert(&[by_hash(HASH), by_hash(HASH)]).await), [0; 0]);
    let row = bench.first().await;
    assert_eq!((&row["clickId"], &row["duplicates"]), (&Value::Null, &json!(1)));
}

#[tokio::test]
async fn hashes_must_be_hashes() {
    let bench = Bench::new().await;
    for text in ["john@contoso.com", &HASH.to_uppercase(), &HASH[1..]] {
        let phone = purchase().with("HashedPhoneNumber", text);
        let answer = bench.convert(&[by_hash(text), phone]).await;
        let symbols: Vec<_> =
            (0..2).map(|i| answer.json["PartialErrors"][i]["ErrorCode"].clone()).collect();
        assert_eq!(
            symbols,
            ["ConversionEmailAddressIsNotHashed", "ConversionPhoneNumberIsNotHashed"]
        );
    }
}

#[tokio::test]
async fn without_enhanced_conversions_hashes_are_dropped_or_refused() {
    let mut settings = Settings::default();
    settings.accounts[0].goals[0].enhanced_conversions = false;
    let bench = Bench::with(settings).await;
    let with_click = purchase().with("HashedEmailAddress", "not a hash");
    let answer = bench.convert(&[with_click, by_hash(HASH)]).await;
    let errors = answer.json["PartialErrors"].as_array().cloned().unwrap_or_default();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0]["ErrorCode"], "NotEligibleForEnhancedConversions");
    assert_eq!(errors[0]["Index"], 1);
}

#[tokio::test]
async fn the_same_key_again_is_ignored_and_counted() {
    let bench = Bench::new().await;
    let spellings = ["2026-04-24T09:42:13Z", "2026-04-24T11:42:13.000000+02:00"];
    for time in spellings {
        let row =
            purchase().with("ConversionTime", time).with("MicrosoftClickId", CLICK.to_lowercase());
        assert_eq!(codes(&bench.convert(&[row.with("ConversionValue", 1)]).await), [0; 0]);
    }
    bench
        .convert(&[purchase().with("MicrosoftClickId", "f894f652-ea33-4e73-9002-f7167ab8f8e3")])
        .await;
    let row = bench.first().await;
    assert_eq!((&row["duplicates"], &row["value"]), (&json!(2), &json!(1)));
    assert_eq!(bench.simulator.conversions().len(), 1);
}

#[tokio::test]
async fn another_second_goal_or_click_is_another_conversion() {
    let bench = Bench::new().await;
    let rows = [
        purchase(),
        purchase().with("ConversionTime", "2026-04-24T09:42:14Z"),
        purchase().with("ConversionName", "Subscription Start"),
        purchase().with("MicrosoftClickId", "a894f652ea334e739002f7167ab8f8e3"),
    ];
    assert_eq!(codes(&bench.convert(&rows).await), [0; 0]);
    assert_eq!(bench.simulator.conversions().len(), 4);
}

#[tokio::test]
async fn a_paused_goal_takes_rows_and_attributes_none() {
    let mut settings = Settings::default();
    settings.accounts[0].goals[0].paused = true;
    let bench = Bench::with(settings).await;
    assert_eq!(codes(&bench.convert(&[purchase()]).await), [0; 0]);
    assert!(bench.simulator.conversions().is_empty());
    assert_eq!(bench.simulator.unattributed()[0].reason, "GoalNotFoundOrInactive");
}

#[tokio::test]
async fn credit_and_model_belong_to_goals_that_are_attributed_elsewhere() {
    let mut settings = Settings::default();
    settings.accounts[0].goals[0].externally_attributed = true;
    let bench = Bench::with(settings).await;
    let external = |credit: Value| {
        purchase()
            .with("ExternalAttributionCredit", credit)
            .with("ExternalAttributionModel", "ours")
    };
    let cases = [
        (external(json!(0.5)), None),
        (external(json!(1)), None),
        (external(json!(0.5)).with("ExternalAttributionModel", "é".repeat(100)), None),
        (
            external(json!(0.5)).with("ExternalAttributionModel", "é".repeat(101)),
            Some("ExternalAttributionModelTooLong"),
        ),
        (external(json!(0)), Some("ExternalAttributionCreditValueInvalid")),
        (external(json!(1.01)), Some("ExternalAttributionCreditValueInvalid")),
        (external(Value::Null), Some("ExternalAttributionRequiredFieldEmpty")),
        (purchase(), Some("ExternalAttributionRequiredFieldEmpty")),
        (
            external(json!(0.5)).with("ConversionName", "Subscription Start"),
            Some("GoalNotEligibleForExternalAttribution"),
        ),
    ];
    for (row, symbol) in cases {
        let answer = bench.convert(std::slice::from_ref(&row)).await;
        assert_eq!(answer.json["PartialErrors"][0]["ErrorCode"].as_str(), symbol, "{row}");
    }
}
