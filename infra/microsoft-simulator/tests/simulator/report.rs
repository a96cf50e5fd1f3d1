//! The outcome by goal.

use microsoft_simulator::Settings;
use serde_json::{Value, json};

use crate::bench::{Answer, Bench, With, fault_code, purchase, restate, retract};

const REPORT: &str = "OfflineConversionReport/QueryByGoalIds";
const DAY: i64 = 24 * 60 * 60;

fn request() -> Value {
    json!({
        "StartDateUtc": "2026-04-23T00:00:00Z",
        "EndDateUtc": "2026-04-25T00:00:00Z",
        "GoalIds": ["1001"],
        "UploadChannelFilter": "CampaignManagementAPI",
    })
}

async fn asked(bench: &Bench, request: Value) -> Answer {
    bench.call(REPORT, request).await
}

async fn summary(bench: &Bench) -> Value {
    let answer = asked(bench, request()).await;
    assert_eq!((answer.status, &answer.json["PartialErrors"]), (200, &json!([])));
    answer.json["OfflineGoalConversionSummaries"][0].clone()
}

#[tokio::test]
async fn rows_are_counted_by_day_and_reason() {
    let mut bench = Bench::new().await;
    bench.convert(&[purchase(), purchase()]).await;
    bench.wait(DAY).await;
    bench.adjust(&[restate(), retract(), restate()]).await;
    let day = |date: &str, rest: Value| {
        let mut day = json!({ "GoalId": "1001", "UploadDate": format!("{date}T00:00:00Z") });
        for (name, value) in rest.as_object().expect("an object") {
            day[name] = value.clone();
        }
        day
    };
    let alerts = |names: &[&str]| -> Value {
        names.iter().map(|name| json!({ "UnattributedReason": name, "Count": "1" })).collect()
    };
    let expected = json!({
        "GoalId": "1001",
        "ConversionName": "Purchase",
        "OverallSuccessCount": "3",
        "OverallUnattributedCount": "2",
        "OverallSuccessRate": 0.6,
        "OverallAlerts": alerts(&["ConversionAlreadyRetracted", "DuplicateConversionKey"]),
        "DailySummaries": [
            day("2026-04-23", json!({
                "SuccessCount": 0, "UnattributedCount": 0, "SuccessRate": 0.0, "Alerts": [],
            })),
            day("2026-04-24", json!({
                "SuccessCount": 1, "UnattributedCount": 1, "SuccessRate": 0.5,
                "Alerts": alerts(&["DuplicateConversionKey"]),
            })),
            day("2026-04-25", json!({
                "SuccessCount": 2, "UnattributedCount": 1, "SuccessRate": 0.666667,
                "Alerts": alerts(&["ConversionAlreadyRetracted"]),
            })),
        ],
    });
    assert_eq!(summary(&bench).await, expected);
}

#[tokio::test]
async fn rows_are_reported_once_they_are_visible() {
    let settings = Settings { visible_after_seconds: 60, ..Settings::default() };
    let bench = Bench::with(settings).await;
    bench.convert(&[purchase()]).await;
    bench.pass(59);
    assert_eq!(bench.adjust(&[restate()]).await.json, json!({ "PartialErrors": [] }));
    assert_eq!(summary(&bench).await["OverallSuccessCount"], "0");
    bench.pass(1);
    let visible = summary(&bench).await;
    assert_eq!(
        (&visible["OverallSuccessCount"], &visible["OverallUnattributedCount"]),
        (&json!("1"), &json!("0"))
    );
    bench.pass(59);
    let alerts = summary(&bench).await["OverallAlerts"].take();
    let lost = json!([{ "UnattributedReason": "AdjustmentOriginalNotFound", "Count": "1" }]);
    assert_eq!(alerts, lost);
}

#[tokio::test]
async fn unknown_goals_are_errors_of_their_index() {
    let bench = Bench::new().await;
    let answer = asked(&bench, request().with("GoalIds", json!(["7", "1002"]))).await.json;
    assert_eq!(answer["PartialErrors"][0]["Code"], 5314);
    assert_eq!(answer["PartialErrors"][0]["Index"], 0);
    let summaries = answer["OfflineGoalConversionSummaries"].as_array().expect("summaries");
    assert_eq!((summaries.len(), &summaries[0]["GoalId"]), (1, &json!("1002")));
}

#[tokio::test]
async fn channels_and_accounts_are_told_apart() {
    let mut settings = Settings::default();
    let mut second = settings.accounts[0].clone();
    second.account_id = "999".to_owned();
    settings.accounts.push(second);
    let bench = Bench::with(settings).await;
    bench.convert(&[purchase()]).await;
    for (filter, count) in [
        (json!(null), "1"),
        (json!("WebUpload, CampaignManagementAPI"), "1"),
        (json!("BulkAPI"), "0"),
    ] {
        let answer = asked(&bench, request().with("UploadChannelFilter", filter)).await.json;
        assert_eq!(answer["OfflineGoalConversionSummaries"][0]["OverallSuccessCount"], count);
    }
    let other = bench.request_for(REPORT, "1234567", "999").body(request().to_string());
    let answer = crate::bench::send(other).await.json;
    assert_eq!(answer["OfflineGoalConversionSummaries"][0]["OverallSuccessCount"], "0");
}

#[tokio::test]
async fn requests_are_bounded() {
    let bench = Bench::new().await;
    let ids: Vec<_> = (0..21).map(|id| id.to_string()).collect();
    let cases = [
        (request().with("GoalIds", Value::Null), 202),
        (request().with("GoalIds", json!([])), 202),
        (request().with("GoalIds", ids), 5318),
        (request().with("StartDateUtc", Value::Null), 206),
        (request().with("EndDateUtc", "soon"), 113),
        (request().with("EndDateUtc", "2026-04-22T00:00:00Z"), 204),
        (request().with("EndDateUtc", "2026-04-30T00:00:01Z"), 204),
        (request().with("UploadChannelFilter", "Telephone"), 204),
        (request().with("GoalIds", json!([1001])), 100),
    ];
    for (body, code) in cases {
        let answer = asked(&bench, body.clone()).await;
        assert_eq!((answer.status, fault_code(&answer)), (400, Some(code)), "{body}");
    }
    let week = request().with("EndDateUtc", "2026-04-30T00:00:00");
    assert_eq!(asked(&bench, week).await.status, 200);
}
