use microsoft_simulator::Settings;
use serde_json::{Value, json};

use crate::bench::{Bench, With, codes, fault_code, purchase, restate, retract};

async fn bench_with_purchase() -> Bench {
    let bench = Bench::new().await;
    assert_eq!(codes(&bench.convert(&[purchase()]).await), [0; 0]);
    bench
}

/// The codes that one row with this member gets.
async fn codes_with(row: Value, name: &str, value: impl Into<Value>) -> Vec<i64> {
    codes(&bench_with_purchase().await.adjust(&[row.with(name, value)]).await)
}

#[tokio::test]
async fn a_restate_sets_value_and_currency() {
    let bench = bench_with_purchase().await;
    let in_dollars = restate().with("AdjustmentCurrencyCode", "USD");
    assert_eq!(codes(&bench.adjust(&[restate(), in_dollars]).await), [0; 0]);
    let row = bench.first().await;
    assert_eq!(row["originalValue"], json!(149.5));
    assert_eq!(row["value"], json!(99.5));
    assert_eq!(row["currency"], "USD");
    assert_eq!((&row["state"], &row["adjustments"]), (&json!("restated"), &json!(2)));
}

#[tokio::test]
async fn a_retract_ends_the_conversion() {
    let bench = bench_with_purchase().await;
    assert_eq!(codes(&bench.adjust(&[retract(), restate(), retract()]).await), [0; 0]);
    bench.convert(&[purchase()]).await;
    let row = bench.first().await;
    assert_eq!((&row["state"], &row["value"]), (&json!("retracted"), &json!(0)));
    assert_eq!((&row["adjustments"], &row["duplicates"]), (&json!(1), &json!(1)));
    let lost = bench.get("/simulator/unattributed").await.json;
    assert_eq!(lost["counts"], json!({ "ConversionAlreadyRetracted": 2 }));
    assert_eq!(lost["unattributed"][0]["row"], "Restate");
    assert_eq!(lost["unattributed"][1]["row"], "Retract");
}

#[tokio::test]
async fn an_unknown_original_is_lost_without_an_error() {
    let bench = bench_with_purchase().await;
    let other = restate().with("ConversionTime", "2026-04-24T09:42:14Z");
    assert_eq!(codes(&bench.adjust(&[other]).await), [0; 0]);
    let lost = bench.simulator.unattributed();
    assert_eq!(lost[0].reason, "AdjustmentOriginalNotFound");
    assert_eq!(bench.first().await["adjustments"], 0);
}

#[tokio::test]
async fn an_original_has_to_be_visible() {
    let settings = Settings { visible_after_seconds: 60, ..Settings::default() };
    let bench = Bench::with(settings).await;
    bench.convert(&[purchase()]).await;
    bench.pass(59);
    assert_eq!(codes(&bench.adjust(&[restate()]).await), [0; 0]);
    assert_eq!(bench.simulator.unattributed().len(), 1);
    bench.pass(1);
    bench.adjust(&[restate()]).await;
    assert_eq!(bench.first().await["state"], "restated");
}

#[tokio::test]
async fn a_renamed_goal_keeps_its_conversions() {
    let bench = bench_with_purchase().await;
    let rename = |settings: &mut Settings| settings.accounts[0].goals[0].name = "Sale".to_owned();
    bench.simulator.update_settings(rename);
    let old_name = bench.adjust(&[restate()]).await;
    assert_eq!(codes(&old_name), [5606]);
    bench.adjust(&[restate().with("ConversionName", "Sale")]).await;
    assert_eq!(bench.first().await["state"], "restated");
}

#[tokio::test]
async fn types_are_checked() {
    assert_eq!(codes_with(restate(), "AdjustmentType", "Refund").await, [5618]);
    assert_eq!(codes_with(restate(), "AdjustmentType", Value::Null).await, [5618]);
}

#[tokio::test]
async fn adjustment_times_are_checked() {
    for row in [restate(), retract()] {
        let codes_at = |time: Value| codes_with(row.clone(), "AdjustmentTime", time);
        assert_eq!(codes_at(Value::Null).await, [5619]);
        assert_eq!(codes_at("".into()).await, [5619]);
        assert_eq!(codes_at("soon".into()).await, [5621]);
        assert_eq!(codes_at("2026-04-24T09:42:12Z".into()).await, [5620]);
        assert_eq!(codes_at("2026-04-24T09:42:13Z".into()).await, [0; 0]);
        assert_eq!(codes_at("2026-04-24T10:00:01Z".into()).await, [5622]);
    }
}

#[tokio::test]
async fn an_adjustment_may_be_too_late() {
    let settings = Settings { max_adjustment_age_seconds: Some(300), ..Settings::default() };
    let bench = Bench::with(settings).await;
    bench.convert(&[purchase()]).await;
    for row in [restate(), retract()] {
        let late = row.clone().with("AdjustmentTime", "2026-04-24T09:54:59Z");
        assert_eq!(codes(&bench.adjust(&[late]).await), [5623]);
        assert_eq!(codes(&bench.adjust(&[row]).await), [0; 0]);
    }
}

#[tokio::test]
async fn a_goal_may_take_no_adjustments() {
    let mut settings = Settings::default();
    settings.accounts[0].goals[0].adjustable = false;
    let bench = Bench::with(settings).await;
    bench.convert(&[purchase()]).await;
    assert_eq!(codes(&bench.adjust(&[restate(), retract()]).await), [5627, 5627]);
    assert_eq!(bench.first().await["state"], "accepted");
}

#[tokio::test]
async fn a_restate_needs_value_and_currency() {
    assert_eq!(codes_with(restate(), "AdjustmentValue", Value::Null).await, [5625]);
    assert_eq!(codes_with(restate(), "AdjustmentCurrencyCode", "").await, [5626]);
    assert_eq!(codes_with(restate(), "AdjustmentValue", -1).await, [5610]);
    assert_eq!(codes_with(restate(), "AdjustmentCurrencyCode", "???").await, [5611]);
}

#[tokio::test]
async fn a_retract_carries_no_value() {
    assert_eq!(codes_with(retract(), "AdjustmentValue", 0).await, [5624]);
    assert_eq!(codes_with(retract(), "AdjustmentCurrencyCode", "EUR").await, [0; 0]);
}

#[tokio::test]
async fn the_original_is_named_like_in_a_conversion() {
    assert_eq!(codes_with(restate(), "ConversionName", "Sale").await, [5606]);
    assert_eq!(codes_with(restate(), "MicrosoftClickId", "").await, [5603]);
    assert_eq!(codes_with(restate(), "ConversionTime", "2026-01-24T09:59:59Z").await, [5609]);
    let bench = bench_with_purchase().await;
    let answer = bench.adjust(&[restate().with("ConversionTime", "then")]).await;
    assert_eq!((answer.status, fault_code(&answer)), (400, Some(113)));
}
