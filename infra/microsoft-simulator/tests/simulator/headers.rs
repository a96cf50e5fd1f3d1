use microsoft_simulator::{FaultForm, Settings};
use serde_json::json;

use crate::bench::{ADJUSTMENTS, Answer, Bench, CONVERSIONS, fault_code, purchase, send};

async fn refused(bench: &Bench, header: &str, value: Option<&str>) -> (u16, Option<i64>) {
    let mut request = bench.request(CONVERSIONS).build().expect("a request");
    match value.and_then(|value| value.parse().ok()) {
        Some(value) => drop(request.headers_mut().insert(name(header), value)),
        None => drop(request.headers_mut().remove(name(header))),
    }
    *request.body_mut() = Some(json!({ "OfflineConversions": [purchase()] }).to_string().into());
    let response = bench.http.execute(request).await.expect("an answer");
    let status = response.status().as_u16();
    let body: serde_json::Value =
        serde_json::from_str(&response.text().await.expect("a body")).unwrap_or_default();
    (status, body["Errors"][0]["Code"].as_i64())
}

fn name(header: &str) -> reqwest::header::HeaderName {
    header.parse().expect("a header name")
}

#[tokio::test]
async fn each_header_is_checked() {
    let bench = Bench::new().await;
    let cases = [
        ("authorization", None, (401, Some(105))),
        ("authorization", Some("Bearer unknown"), (401, Some(105))),
        ("developertoken", None, (401, Some(105))),
        ("developertoken", Some("wrong"), (401, Some(105))),
        ("customerid", None, (400, Some(1029))),
        ("customerid", Some("1"), (403, Some(106))),
        ("customeraccountid", None, (400, Some(1009))),
        ("customeraccountid", Some("1"), (400, Some(1102))),
        ("content-type", Some("text/plain"), (400, Some(116))),
        ("content-type", None, (400, Some(116))),
        ("api-revision", Some("2026-11-09"), (400, Some(4410))),
        ("api-revision", Some(""), (400, Some(4410))),
    ];
    for (header, value, expected) in cases {
        assert_eq!(refused(&bench, header, value).await, expected, "{header}: {value:?}");
    }
    assert!(bench.simulator.conversions().is_empty());
    for published in [Some("2026-08-17"), Some("2026-09-28"), Some("2026-10-12"), None] {
        assert_eq!(refused(&bench, "api-revision", published).await, (200, None), "{published:?}");
    }
}

#[tokio::test]
async fn a_fault_is_bare_or_wrapped() {
    let bench = Bench::new().await;
    let bare = bench.call(CONVERSIONS, "{").await;
    assert_eq!(bare.json["Type"], "AdApiFaultDetail");
    assert_eq!(bare.json["TrackingId"], bare.tracking_id.clone().unwrap_or_default());
    assert_eq!(bare.json["Errors"][0]["Message"], "The request message is null or can't be read.");

    let wrap = |settings: &mut Settings| settings.fault_form = FaultForm::Wrapped;
    bench.simulator.update_settings(wrap);
    let wrapped = bench.call(CONVERSIONS, "{").await;
    assert_eq!(wrapped.json["ApplicationFault"]["Errors"][0]["Code"], 100);
    assert!(wrapped.json["Errors"].is_null());
}

#[tokio::test]
async fn a_list_that_is_missing_empty_or_too_long_fails_the_call() {
    let bench = Bench::new().await;
    let too_many = vec![purchase(); 1_001];
    let cases = [
        (json!({}), 5600),
        (json!({ "OfflineConversions": null }), 5600),
        (json!({ "OfflineConversions": [] }), 5600),
        (json!({ "OfflineConversions": too_many }), 5601),
        (json!({ "OfflineConversions": "rows" }), 100),
    ];
    for (body, code) in cases {
        let answer = bench.call(CONVERSIONS, body).await;
        assert_eq!((answer.status, fault_code(&answer)), (400, Some(code)));
    }
    assert_eq!(bench.convert(&vec![purchase(); 1_000]).await.status, 200);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_answered_and_logged() {
    let bench = Bench::new().await;
    assert_eq!(bench.call("Campaigns/Query", "{}").await.status, 404);
    assert_eq!(bench.get("/CampaignManagement/v14/Anything").await.status, 404);
    let url = format!("/CampaignManagement/v13/{ADJUSTMENTS}");
    let answer: Answer = bench.get(&url).await;
    assert_eq!(answer.status, 405);
    let logged: Vec<_> = bench.simulator.calls().iter().map(|call| call.status).collect();
    assert_eq!(logged, [Some(200), Some(404), Some(404), Some(405)]);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_and_logged() {
    let bench = Bench::new().await;
    let answer = bench.call(CONVERSIONS, " ".repeat(4 * 1024 * 1024 + 1)).await;
    assert_eq!((answer.status, answer.tracking_id.is_some()), (413, true));
    assert_eq!(bench.simulator.calls().pop().and_then(|call| call.status), Some(413));
}

#[tokio::test]
async fn two_accounts_are_kept_apart() {
    let mut settings = Settings::default();
    let mut second = settings.accounts[0].clone();
    second.account_id = "999".to_owned();
    second.goals.truncate(1);
    settings.accounts.push(second);
    let bench = Bench::with(settings).await;
    let body = json!({ "OfflineConversions": [purchase()] }).to_string();
    for account in ["7654321", "999"] {
        let request = bench.request_for(CONVERSIONS, "1234567", account);
        assert_eq!(send(request.body(body.clone())).await.status, 200);
    }
    let accounts: Vec<_> = bench.simulator.conversions().into_iter().map(|c| c.account).collect();
    assert_eq!(accounts, ["7654321", "999"]);
    let listed = bench.get("/simulator/conversions?account=999").await;
    assert_eq!(listed.json["conversions"].as_array().map(Vec::len), Some(1));
}
