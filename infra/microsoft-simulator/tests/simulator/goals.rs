use microsoft_simulator::Settings;
use serde_json::json;

use crate::bench::{Bench, fault_code};

const GOALS: &str = "ConversionGoals/QueryByIds";
const PROPERTIES: &str = "AccountProperties/Query";

#[tokio::test]
async fn all_goals_are_listed_with_the_fields_asked_for() {
    let bench = Bench::new().await;
    let request = json!({
        "ConversionGoalTypes": "OfflineConversion",
        "ReturnAdditionalFields": "IsExternallyAttributed,IsEnhancedConversionsEnabled",
    });
    let answer = bench.call(GOALS, request).await;
    let expected = json!({
        "Id": "1002",
        "Name": "Qualified Lead",
        "Type": "OfflineConversion",
        "Status": "Active",
        "Scope": "Account",
        "CountType": "Unique",
        "ConversionWindowInMinutes": 43200,
        "Revenue": { "Type": "NoValue", "Value": null, "CurrencyCode": null },
        "ExcludeFromBidding": false,
        "TrackingStatus": "TagUnverified",
        "IsEnhancedConversionsEnabled": true,
        "IsExternallyAttributed": false,
    });
    assert_eq!(answer.json["ConversionGoals"][1], expected);
    assert_eq!(answer.json["ConversionGoals"].as_array().map(Vec::len), Some(3));
    assert_eq!(answer.json["PartialErrors"], json!([]));
}

#[tokio::test]
async fn ids_choose_goals_and_unknown_ones_are_null() {
    let bench = Bench::new().await;
    let request = json!({
        "ConversionGoalIds": ["1003", "7"],
        "ConversionGoalTypes": "OfflineConversion",
    });
    let answer = bench.call(GOALS, request).await.json;
    assert_eq!(answer["ConversionGoals"][0]["Name"], "Subscription Start");
    assert!(answer["ConversionGoals"][0].get("IsEnhancedConversionsEnabled").is_none());
    assert!(answer["ConversionGoals"][1].is_null());
    assert_eq!(answer["PartialErrors"][0]["Index"], 1);
}

#[tokio::test]
async fn auto_tagging_is_an_account_property() {
    let mut settings = Settings::default();
    settings.accounts[0].auto_tagging = false;
    let bench = Bench::with(settings).await;
    let request = json!({ "AccountPropertyNames": ["MSCLKIDAutoTaggingEnabled"] });
    let answer = bench.call(PROPERTIES, request).await.json;
    let expected = json!([{ "Name": "MSCLKIDAutoTaggingEnabled", "Value": "false" }]);
    assert_eq!(answer["AccountProperties"], expected);
}

#[tokio::test]
async fn requests_are_bounded() {
    let bench = Bench::new().await;
    let asked = |ids: serde_json::Value| json!({ "ConversionGoalIds": ids, "ConversionGoalTypes": "OfflineConversion" });
    let many: Vec<_> = (0..101).map(|id| id.to_string()).collect();
    let cases = [
        (json!({ "ConversionGoalIds": ["1001"] }), 5329),
        (asked(json!(["1001", "1001"])), 5315),
        (asked(json!(many)), 5318),
    ];
    for (request, code) in cases {
        let answer = bench.call(GOALS, request).await;
        assert_eq!((answer.status, fault_code(&answer)), (400, Some(code)));
    }
    let another = json!({ "ConversionGoalIds": ["1001", "7"], "ConversionGoalTypes": "Url" });
    let another = bench.call(GOALS, another).await.json;
    assert_eq!(another["ConversionGoals"], json!([null, null]));
    let codes = [0, 1].map(|index| another["PartialErrors"][index]["Code"].clone());
    assert_eq!(codes, [json!(5347), json!(5314)]);
    let all = bench.call(GOALS, json!({ "ConversionGoalTypes": "Url" })).await.json;
    assert_eq!(all["ConversionGoals"], json!([]));
    let unknown = bench.call(GOALS, asked(json!(["7"]))).await.json;
    assert_eq!(unknown["PartialErrors"][0]["ErrorCode"], "InvalidConversionGoalId");
}
