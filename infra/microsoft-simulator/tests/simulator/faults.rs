use std::time::{Duration, Instant};

use microsoft_simulator::{
    AnswerBody, Fault, FaultRule, ForcedError, ForcedReason, Settings, ThrottleAnswer,
};
use serde_json::{Value, json};

use crate::bench::{
    ADJUSTMENTS, Bench, CONVERSIONS, With, codes, fault_code, purchase, refresh_form, restate,
    try_send,
};

fn status(status: u16, body: AnswerBody, after_accepting: bool) -> FaultRule {
    FaultRule::new(Fault::Status { status, body, after_accepting }).times(1)
}

fn body() -> String {
    json!({ "OfflineConversions": [purchase()] }).to_string()
}

#[tokio::test]
async fn calls_over_the_limit_are_throttled_for_a_minute() {
    for (answer, expected) in [(ThrottleAnswer::Http429, 429), (ThrottleAnswer::Fault117, 400)] {
        let rule = FaultRule::new(Fault::Throttle { calls_per_minute: 2, answer });
        let bench = Bench::failing(rule.on(CONVERSIONS)).await;
        for _ in 0..2 {
            assert_eq!(bench.convert(&[purchase()]).await.status, 200);
        }
        let refused = bench.convert(&[purchase()]).await;
        assert_eq!((refused.status, fault_code(&refused)), (expected, Some(117)));
        bench.pass(60);
        assert_eq!(bench.convert(&[purchase()]).await.status, 200);
    }
}

#[tokio::test]
async fn each_body_comes_with_its_status() {
    let forced = ForcedError { index: Some(0), code: 5612, error_code: None };
    let cases = [
        (503, AnswerBody::Empty, ""),
        (502, AnswerBody::Html, "<html>"),
        (200, AnswerBody::Malformed, "{\"PartialErrors\":[{"),
        (400, AnswerBody::Fault(1008), "\"CampaignServiceInvalidAccountStatus\""),
        (500, AnswerBody::OperationFault(0), "\"OperationErrors\":[{"),
        (400, AnswerBody::BatchErrors(vec![forced]), "\"OfflineConversionsApplyFailed\""),
        (404, AnswerBody::Text("{}".to_owned()), "{}"),
    ];
    for (wanted, answer_body, part) in cases {
        let bench = Bench::failing(status(wanted, answer_body, false)).await;
        let answer = bench.convert(&[purchase()]).await;
        assert_eq!(answer.status, wanted);
        assert!(answer.text.contains(part), "{}", answer.text);
        assert!(answer.tracking_id.is_some());
        assert!(bench.simulator.conversions().is_empty());
        assert_eq!(bench.convert(&[purchase()]).await.status, 200, "once only");
    }
}

#[tokio::test]
async fn an_answer_can_hide_that_the_call_was_accepted() {
    let bench = Bench::failing(status(500, AnswerBody::Empty, true)).await;
    assert_eq!(bench.convert(&[purchase()]).await.status, 500);
    assert_eq!(bench.simulator.conversions().len(), 1);
}

#[tokio::test]
async fn the_token_endpoint_fails_by_rule_too() {
    let error = AnswerBody::OauthError("temporarily_unavailable".to_owned());
    let bench = Bench::failing(status(503, error, false).on("/token")).await;
    assert_eq!(bench.convert(&[purchase()]).await.status, 200);
    let answer = bench.token(&refresh_form()).await;
    assert_eq!((answer.status, &answer.json["error"]), (503, &"temporarily_unavailable".into()));
}

#[tokio::test]
async fn rules_in_a_row_make_a_sequence() {
    let bench = Bench::new().await;
    let rules = [503, 429, 408].map(|code| status(code, AnswerBody::Empty, false));
    bench.simulator.update_settings(|settings| settings.faults = rules.to_vec());
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(bench.convert(&[purchase()]).await.status);
    }
    assert_eq!(seen, [503, 429, 408, 200]);
}

#[tokio::test]
async fn a_rule_names_path_and_account() {
    let rule = status(503, AnswerBody::Empty, false);
    let bench = Bench::failing(rule.clone().on(ADJUSTMENTS)).await;
    assert_eq!(bench.convert(&[purchase()]).await.status, 200);
    let bench = Bench::failing(rule.for_account("1")).await;
    assert_eq!(bench.convert(&[purchase()]).await.status, 200);
}

#[tokio::test]
async fn latency_delays_the_answer() {
    let bench = Bench::new().await;
    let rules = [Fault::Latency { milliseconds: 150 }, Fault::LatencyPerRow { milliseconds: 50 }];
    bench.simulator.update_settings(|settings| settings.faults = rules.map(FaultRule::new).into());
    for (rows, wanted) in [(1, 200), (4, 350)] {
        let start = Instant::now();
        assert_eq!(bench.convert(&vec![purchase(); rows]).await.status, 200);
        assert!(start.elapsed() >= Duration::from_millis(wanted), "{rows} rows");
    }
}

#[tokio::test]
async fn a_timeout_after_accepting_keeps_the_conversion() {
    let rule = FaultRule::new(Fault::TimeoutAfterAccepting { milliseconds: 60_000 }).times(1);
    let bench = Bench::failing(rule).await;
    let request = bench.request(CONVERSIONS).body(body()).timeout(Duration::from_millis(200));
    let error = try_send(request).await.expect_err("no answer");
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(bench.simulator.conversions().len(), 1);
    assert_eq!(bench.simulator.calls().pop().and_then(|call| call.status), None);
    assert_eq!(codes(&bench.convert(&[purchase()]).await), [0; 0]);
    assert_eq!(bench.first().await["duplicates"], 1);
}

#[tokio::test]
async fn a_connection_is_dropped_before_or_after_accepting() {
    for (after_accepting, kept) in [(false, 0), (true, 1)] {
        let bench = Bench::failing(FaultRule::new(Fault::DropConnection { after_accepting })).await;
        let request = bench.request(CONVERSIONS).body(body());
        let error = try_send(request).await.expect_err("no answer");
        assert!(!error.is_timeout() && !error.is_status(), "{error:?}");
        assert_eq!(bench.simulator.conversions().len(), kept);
    }
}

#[tokio::test]
async fn forced_errors_refuse_their_rows_and_no_others() {
    let error = ForcedError { index: Some(0), code: 5612, error_code: None };
    let named = ForcedError { index: Some(9), code: 1, error_code: Some("Odd".to_owned()) };
    let rule = FaultRule::new(Fault::PartialErrors { errors: vec![error, named] });
    let bench = Bench::failing(rule.times(1).on("Apply")).await;
    let later = purchase().with("ConversionTime", "2026-04-24T09:50:00Z");
    let answer = bench.convert(&[purchase(), later]).await;
    assert_eq!(codes(&answer), [5612, 1]);
    assert_eq!(answer.json["PartialErrors"][1]["ErrorCode"], "Odd");
    assert_eq!(answer.json["PartialErrors"][1]["Index"], 9);
    assert_eq!(bench.first().await["conversionTime"], "2026-04-24T09:50:00Z");
    assert_eq!(bench.simulator.conversions().len(), 1);
}

#[tokio::test]
async fn a_forced_error_may_lack_its_index() {
    let error = ForcedError { index: None, code: 5612, error_code: None };
    let bench = Bench::failing(FaultRule::new(Fault::PartialErrors { errors: vec![error] })).await;
    let answer = bench.convert(&[purchase()]).await;
    assert!(answer.json["PartialErrors"][0].get("Index").is_none());
    assert_eq!(bench.simulator.conversions().len(), 1);
}

#[tokio::test]
async fn row_errors_wait_for_a_call_with_rows() {
    let error = ForcedError { index: Some(0), code: 5612, error_code: None };
    let rule = FaultRule::new(Fault::PartialErrors { errors: vec![error] });
    let mut bench = Bench::failing(rule.times(1)).await;
    bench.sign_in().await;
    assert_eq!(codes(&bench.convert(&[purchase()]).await), [5612]);
    assert_eq!(codes(&bench.convert(&[purchase()]).await), [0; 0]);
}

#[tokio::test]
async fn a_goal_is_refused_by_rule() {
    let goal = "Purchase".to_owned();
    let bench = Bench::failing(FaultRule::new(Fault::RejectGoal { goal, code: 5615 })).await;
    let other = purchase().with("ConversionName", "Subscription Start");
    assert_eq!(codes(&bench.convert(&[purchase(), other]).await), [5615]);
    assert_eq!(bench.simulator.conversions().len(), 1);
}

/// Every code and symbol that upload knows can be had, and is called the same here.
#[tokio::test]
async fn every_error_of_the_table_can_be_made_to_happen() {
    let bench = Bench::new().await;
    for entry in tracklayer_core::microsoft::errors::TABLE {
        if let Some(http) = entry.symbol.strip_prefix("HTTP ") {
            let rule = status(http.parse().expect("a status"), AnswerBody::Html, false);
            bench.simulator.update_settings(|settings| settings.faults = vec![rule]);
            assert_eq!(bench.convert(&[purchase()]).await.status.to_string(), http);
            continue;
        }
        let code = entry.code.unwrap_or(5_699);
        let symbol = entry.code.is_none().then(|| entry.symbol.to_owned());
        let error = ForcedError { index: Some(0), code, error_code: symbol };
        let row = FaultRule::new(Fault::PartialErrors { errors: vec![error] }).times(1);
        let mut rules = vec![row.on(CONVERSIONS)];
        if entry.code.is_some() {
            rules.push(status(400, AnswerBody::Fault(code), false));
        }
        bench.simulator.update_settings(|settings| settings.faults = rules);
        let answer = bench.convert(&[purchase()]).await.json["PartialErrors"][0].clone();
        assert_eq!((&answer["Code"], &answer["ErrorCode"]), (&json!(code), &json!(entry.symbol)));
        assert_ne!(answer["Message"], "An error has occurred.", "{}", entry.symbol);
        if entry.code.is_some() {
            let fault = bench.convert(&[purchase()]).await;
            assert_eq!((fault.status, fault_code(&fault)), (400, Some(code)));
            assert_eq!(fault.json["Errors"][0]["ErrorCode"], entry.symbol);
        }
    }
    assert!(bench.simulator.conversions().is_empty());
}

#[tokio::test]
async fn a_goals_rows_come_to_nothing_by_rule() {
    let reason = |name: &str| ForcedReason::named(name).expect("a reason");
    for name in ["MalformedData", "ConversionTimeInFuture", "Unknown"] {
        let bench = Bench::new().await;
        bench.convert(&[purchase()]).await;
        let lost = Fault::Unattributed { goal: "Purchase".to_owned(), reason: reason(name) };
        bench.simulator.update_settings(|settings| settings.faults = vec![FaultRule::new(lost)]);
        let later = purchase().with("ConversionTime", "2026-04-24T09:50:00Z");
        let other = later.clone().with("ConversionName", "Subscription Start");
        assert_eq!(codes(&bench.convert(&[later, other]).await), [0; 0]);
        assert_eq!(codes(&bench.adjust(&[restate()]).await), [0; 0]);
        assert_eq!(bench.simulator.conversions().len(), 2, "the other goal's row counts");
        assert_eq!(bench.first().await["state"], "accepted");
        let lost = bench.get("/simulator/unattributed").await.json;
        assert_eq!(lost["counts"], json!({ name: 2 }));
        let report = json!({"StartDateUtc": "2026-04-24T00:00:00Z", "GoalIds": ["1001"],
            "EndDateUtc": "2026-04-24T00:00:00Z"});
        let report = bench.call("OfflineConversionReport/QueryByGoalIds", report).await.json;
        let alerts = &report["OfflineGoalConversionSummaries"][0]["OverallAlerts"];
        assert_eq!(alerts, &json!([{ "UnattributedReason": name, "Count": "2" }]));
    }
    assert_eq!(ForcedReason::named("malformedData"), None);
}

#[tokio::test]
async fn a_rule_may_name_a_click() {
    let rule = FaultRule::new(Fault::ExpireTokens {}).for_click(crate::bench::CLICK);
    let bench = Bench::failing(rule).await;
    let other = purchase().with("MicrosoftClickId", "a894f652ea334e739002f7167ab8f8e3");
    assert_eq!(bench.convert(std::slice::from_ref(&other)).await.status, 200);
    assert_eq!(bench.convert(&[other, purchase()]).await.status, 401);
}

#[tokio::test]
async fn expired_tokens_are_refused_until_a_refresh() {
    let mut bench = Bench::failing(FaultRule::new(Fault::ExpireTokens {}).times(1)).await;
    for _ in 0..2 {
        let refused = bench.convert(&[purchase()]).await;
        assert_eq!((refused.status, fault_code(&refused)), (401, Some(109)));
    }
    bench.sign_in().await;
    assert_eq!(bench.convert(&[purchase()]).await.status, 200);
}

#[tokio::test]
async fn every_kind_has_its_json() {
    let rules = json!([
        { "kind": "throttle", "callsPerMinute": 10, "answer": "fault117" },
        { "kind": "status", "status": 503, "path": "Apply", "times": 2 },
        { "kind": "status", "status": 502, "body": "html", "afterAccepting": true },
        { "kind": "status", "status": 400, "body": { "fault": 1008 }, "account": "7654321" },
        { "kind": "status", "status": 500, "body": { "operationFault": 0 } },
        { "kind": "status", "status": 400, "body": { "batchErrors": [{ "index": 0, "code": 5612 }] } },
        { "kind": "status", "status": 400, "body": { "oauthError": "invalid_grant" }, "path": "/token" },
        { "kind": "status", "status": 200, "body": { "text": "null" } },
        { "kind": "status", "status": 200, "body": "malformed" },
        { "kind": "latency", "milliseconds": 500 },
        { "kind": "latencyPerRow", "milliseconds": 2 },
        { "kind": "timeoutAfterAccepting", "milliseconds": 30000, "times": 1 },
        { "kind": "dropConnection", "afterAccepting": true, "times": 1 },
        { "kind": "partialErrors", "errors": [{ "index": 0, "code": 5606 }], "times": 1 },
        { "kind": "partialErrors", "errors": [{ "code": 1, "errorCode": "Odd" }], "times": 1 },
        { "kind": "rejectGoal", "goal": "Purchase" },
        { "kind": "rejectGoal", "goal": "Purchase", "code": 5615 },
        { "kind": "unattributed", "goal": "Purchase", "reason": "Unknown" },
        { "kind": "expireTokens", "times": 1, "clickId": "f894f652ea334e739002f7167ab8f8e3" },
    ]);
    let settings: Settings =
        serde_json::from_value(json!({ "faults": rules })).expect("readable rules");
    let written: Value = serde_json::to_value(&settings).expect("JSON");
    let again: Settings = serde_json::from_value(written.clone()).expect("its own JSON");
    assert_eq!(serde_json::to_value(&again).expect("JSON"), written);
    assert_eq!(settings.faults.len(), 19);
}
