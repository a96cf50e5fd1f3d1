//! Under the same clock the same calls have the same answers, byte for byte.

use serde_json::json;

use crate::bench::Bench;

/// Everything answered to some days of good and bad rows, corrections and looks at the page.
async fn answers() -> Vec<String> {
    let mut bench = Bench::new().await;
    let mut answers = Vec::new();
    for number in 0..40 {
        let conversion = json!({
            "ConversionName": if number % 5 == 4 { "Nope" } else { "Purchase" },
            "ConversionTime": "2026-04-24T09:00:00Z",
            "MicrosoftClickId": format!("{:032x}", number % 17 + 5),
            "ConversionValue": number,
            "ConversionCurrencyCode": "EUR",
        });
        let answer = bench.convert(&[conversion]).await;
        answers.push(format!("{:?} {}", answer.tracking_id, answer.text));
        let adjustment = json!({
            "ConversionName": "Purchase",
            "ConversionTime": "2026-04-24T09:00:00Z",
            "MicrosoftClickId": format!("{number:032x}"),
            "AdjustmentType": "Restate",
            "AdjustmentTime": "2026-04-24T09:30:00Z",
            "AdjustmentValue": number,
            "AdjustmentCurrencyCode": "USD",
        });
        answers.push(bench.adjust(&[adjustment]).await.text);
        bench.wait(100).await;
    }
    for page in ["", "/conversions", "/unattributed", "/calls", "/clicks", "/settings"] {
        answers.push(bench.get(&format!("/simulator{page}")).await.text);
    }
    let days = json!({"StartDateUtc": "2026-04-23T00:00:00Z", "EndDateUtc": "2026-04-25T00:00:00Z",
        "GoalIds": ["1001", "1002"]});
    answers.push(bench.call("OfflineConversionReport/QueryByGoalIds", days).await.text);
    answers
}

#[tokio::test]
async fn the_same_calls_under_the_same_clock_have_the_same_answers() {
    let (first, second) = (answers().await, answers().await);
    assert!(first.iter().any(|answer| answer.contains("OfflineConversionNameInvalid")));
    assert_eq!(first, second);
}
