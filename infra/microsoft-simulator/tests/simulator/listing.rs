use microsoft_simulator::{FaultRule, Settings};
use serde_json::{Value, json};

use crate::bench::{Bench, CLICK, CONVERSIONS, With, purchase, send};

async fn put(bench: &Bench, body: &Value) -> (u16, Value) {
    let url = format!("{}/simulator/settings", bench.base);
    let answer = send(bench.http.put(url).body(body.to_string())).await;
    (answer.status, answer.json)
}

#[tokio::test]
async fn a_conversion_is_listed_with_exact_digits_and_nothing_else() {
    let bench = Bench::new().await;
    let body = json!({ "OfflineConversions": [purchase()] }).to_string();
    bench.call(CONVERSIONS, body.replace("149.5", "123456789012.10")).await;
    let listed = bench.get("/simulator/conversions").await.text;
    let expected = format!(
        "{{\"conversions\":[{{\"goal\":\"Purchase\",\"clickId\":\"{CLICK}\",\
         \"conversionTime\":\"2026-04-24T09:42:13Z\",\"originalValue\":123456789012.10,\
         \"value\":123456789012.10,\"currency\":\"EUR\",\"state\":\"accepted\",\
         \"adjustments\":0,\"duplicates\":0,\"counts\":true}}]}}"
    );
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn without_a_value_there_is_no_currency() {
    let bench = Bench::new().await;
    let lead = json!({
        "ConversionName": "Qualified Lead",
        "ConversionTime": "2026-04-24T09:42:13Z",
        "MicrosoftClickId": CLICK,
    });
    bench.convert(&[lead]).await;
    let row = bench.first().await;
    assert_eq!((&row["value"], &row["currency"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn what_a_row_lacks_comes_from_goal_and_account() {
    let bench = Bench::new().await;
    let bare = purchase().with("ConversionValue", Value::Null).with("ConversionCurrencyCode", "");
    bench.convert(&[bare.clone().with("ConversionValue", 5)]).await;
    let revenue = json!({ "type": "FixedValue", "value": 12.25, "currencyCode": "GBP" });
    let mut settings = serde_json::to_value(Settings::default()).expect("JSON");
    settings["accounts"][0]["goals"][0]["revenue"] = revenue;
    assert_eq!(put(&bench, &settings).await.0, 200);
    bench.convert(&[bare.with("ConversionTime", "2026-04-24T09:00:00Z")]).await;
    let rows = bench.get("/simulator/conversions").await.json["conversions"].take();
    assert_eq!((&rows[0]["value"], &rows[0]["currency"]), (&json!(5), &json!("USD")));
    assert_eq!((&rows[1]["value"], &rows[1]["currency"]), (&json!(12.25), &json!("GBP")));
}

#[tokio::test]
async fn of_a_click_one_conversion_counts_where_the_goal_says_so() {
    let bench = Bench::new().await;
    let lead = |time: &str, click: &str| json!({"ConversionName": "Qualified Lead", "ConversionTime": time, "MicrosoftClickId": click});
    let other = "a894f652ea334e739002f7167ab8f8e3";
    bench
        .convert(&[
            lead("2026-04-24T09:42:13Z", CLICK),
            // Earlier, but later to arrive; and the id spelled in another way.
            lead("2026-04-24T09:00:00Z", &CLICK.to_lowercase()),
            lead("2026-04-24T09:00:00Z", other),
            purchase(),
            purchase().with("ConversionTime", "2026-04-24T09:42:14Z"),
        ])
        .await;
    let counts = async || {
        let rows = bench.get("/simulator/conversions").await.json["conversions"].take();
        let rows = rows.as_array().expect("rows").clone();
        rows.iter().map(|row| row["counts"].as_bool().expect("counts")).collect::<Vec<_>>()
    };
    assert_eq!(counts().await, [true, false, true, true, true]);
    let page = bench.get("/simulator").await.text;
    assert_eq!(page.matches("does not count: an earlier one of this click does").count(), 1);
    // Three leads were taken, two of them count; of the purchases both do.
    for row in [
        "<td>only the first conversion of a click</td><td>30 days before</td>\
         <td class=\"n\">2</td><td class=\"n\">3</td><td class=\"n\">0</td>",
        "<td>every conversion of a click</td><td>30 days before</td>\
         <td class=\"n\">2</td><td class=\"n\">2</td><td class=\"n\">0</td>",
    ] {
        assert!(page.contains(row), "{row}\n{page}");
    }
    let taken_back = json!({"ConversionName": "Qualified Lead", "MicrosoftClickId": CLICK,
        "ConversionTime": "2026-04-24T09:42:13Z", "AdjustmentType": "Retract",
        "AdjustmentTime": "2026-04-24T09:55:00Z"});
    bench.adjust(&[taken_back]).await;
    assert_eq!(counts().await, [false, false, true, true, true]);
}

#[tokio::test]
async fn whoever_types_the_address_finds_the_page() {
    let bench = Bench::new().await;
    for path in ["/", "/simulator/"] {
        let page = bench.get(path).await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("<h1>Simulated Microsoft Advertising</h1>"), "{path}");
    }
    assert!(bench.simulator.calls().iter().all(|call| call.path.ends_with("/token")));
}

#[tokio::test]
async fn the_page_shows_what_was_refused_when_why_and_what_helps() {
    let bench = Bench::new().await;
    let wrong_name = purchase().with("ConversionName", "Sale <1>");
    bench.convert(&[purchase(), wrong_name]).await;
    bench.pass(60);
    bench.adjust(&[crate::bench::restate().with("AdjustmentValue", Value::Null)]).await;
    bench.convert(&[purchase(), purchase().with("ConversionTime", "then")]).await;
    let page = bench.get("/simulator").await.text;
    let cure = |code| {
        let entry =
            tracklayer_core::microsoft::errors::look_up(Some(code), None).expect("in the table");
        entry.cure.replace('&', "&amp;")
    };
    let refused = |when: &str, what: &str, goal: &str, why: &str, code| {
        format!(
            "<td>{when}</td><td>{what}</td><td>{goal}</td><td>2026-04-24T09:42:13Z</td>\
             <td>{CLICK}</td><td>{why}</td><td>{}</td>",
            cure(code)
        )
    };
    for row in [
        refused(
            "2026-04-24T10:00:00Z",
            "Conversion",
            "Sale &lt;1&gt;",
            "No offline conversion goal has this name. (OfflineConversionNameInvalid, 5606)",
            5606,
        ),
        refused(
            "2026-04-24T10:01:00Z",
            "Restate",
            "Purchase",
            "A Restate needs a value. (OfflineConversionAdjustmentValueRequired, 5625)",
            5625,
        ),
        format!(
            "<td>7654321</td><td>/CampaignManagement/v13/OfflineConversions/Apply</td>\
             <td class=\"n\">2</td><td>A date of the request is not valid. \
             (InvalidDateObject, 113)</td><td>{}</td>",
            cure(113)
        ),
    ] {
        assert!(page.contains(&row), "{row}\n{page}");
    }
    bench.simulator.reset();
    assert!(!bench.get("/simulator").await.text.contains("InvalidDateObject"));
}

#[tokio::test]
async fn calls_are_listed_without_bodies_and_headers() {
    let bench = Bench::new().await;
    let answer = bench.convert(&[purchase(), purchase()]).await;
    let calls = bench.get("/simulator/calls").await.json;
    let expected = json!({
        "at": "2026-04-24T10:00:00Z",
        "path": "/CampaignManagement/v13/OfflineConversions/Apply",
        "account": "7654321",
        "rows": 2,
        "status": 200,
        "trackingId": answer.tracking_id,
    });
    assert_eq!(calls["calls"][1], expected);
    let call = bench.simulator.calls().pop().expect("the Apply");
    assert_eq!(call.header("developertoken"), Some("local-developer-token"));
    assert_eq!(call.json()["OfflineConversions"][1], purchase());
}

#[tokio::test]
async fn settings_are_replaced_or_merged() {
    let bench = Bench::new().await;
    let (status, settings) = put(&bench, &json!({ "visibleAfterSeconds": 7 })).await;
    assert_eq!((status, &settings["visibleAfterSeconds"]), (200, &json!(7)));
    let url = format!("{}/simulator/settings", bench.base);
    let patch = bench.http.patch(url).body(r#"{"youngGoalSeconds":9}"#);
    assert_eq!(send(patch).await.json["visibleAfterSeconds"], 7);
    assert_eq!(put(&bench, &json!({})).await.1["visibleAfterSeconds"], 0);
    assert_eq!(bench.get("/simulator/settings").await.json["accounts"][0]["accountId"], "7654321");
}

#[tokio::test]
async fn typing_errors_in_settings_are_refused() {
    let bench = Bench::new().await;
    let latency = json!({ "kind": "latency", "milliseconds": 1 });
    for wrong in [
        json!({ "visibleAfter": 1 }),
        json!({ "faults": [{ "kind": "earthquake" }] }),
        json!({ "faults": [latency.with("tmies", 1)] }),
        json!({ "accounts": [{ "goals": [{ "id": "1" }] }] }),
    ] {
        assert_eq!(put(&bench, &wrong).await.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_reset_forgets_everything_but_tokens() {
    let bench = Bench::new().await;
    bench.convert(&[purchase()]).await;
    bench.simulator.update_settings(|settings| settings.visible_after_seconds = 7);
    let url = format!("{}/simulator/reset", bench.base);
    assert_eq!(send(bench.http.post(url)).await.status, 204);
    assert!(bench.simulator.conversions().is_empty() && bench.simulator.calls().is_empty());
    assert_eq!(bench.simulator.settings().visible_after_seconds, 0);
    assert_eq!(bench.convert(&[purchase()]).await.status, 200);
}

/// The README's settings are the defaults, and its fault rules can be set.
#[tokio::test]
async fn the_readme_is_true() {
    let readme = include_str!("../../README.md");
    let block = readme.split("```json").nth(1).and_then(|rest| rest.split("```").next());
    let shown: Settings = serde_json::from_str(block.unwrap_or_default()).expect("settings");
    let mut defaults = Settings::default();
    defaults.accounts[0].goals.truncate(1);
    let text = |settings: &Settings| serde_json::to_string(settings).expect("JSON");
    assert_eq!(text(&shown), text(&defaults));

    let rules = readme.split('`').filter(|part| part.starts_with(r#"{"kind""#));
    let rules: Vec<FaultRule> =
        rules.map(|rule| serde_json::from_str(rule).expect("a rule")).collect();
    assert_eq!(rules.len(), 10);
}
