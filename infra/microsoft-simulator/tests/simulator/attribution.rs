//! The click history: which rows count, and why the others come to nothing.

use microsoft_simulator::Settings;
use serde_json::{Value, json};

use crate::bench::{Bench, CLICK, With, codes, purchase, restate, retract, send};

const HASH: &str = "9df35a0e22cfcb3edad75b601100188ed4fddcf2ae7a9c0aa322ef20e2bcfeec";

async fn declare(bench: &Bench, clicks: Value) -> u16 {
    let url = format!("{}/simulator/clicks", bench.base);
    send(bench.http.post(url).body(json!({ "clicks": clicks }).to_string())).await.status
}

fn click(at: &str) -> Value {
    json!({ "clickId": CLICK, "at": at, "account": "7654321" })
}

async fn with_click(at: &str) -> Bench {
    let bench = Bench::new().await;
    assert_eq!(declare(&bench, json!([click(at)])).await, 204);
    bench
}

/// The reason of the last row that came to nothing; none if all count.
fn reason(bench: &Bench) -> Option<&'static str> {
    bench.simulator.unattributed().last().map(|row| row.reason)
}

async fn reason_of(bench: &Bench, row: Value) -> Option<&'static str> {
    assert_eq!(codes(&bench.convert(&[row]).await), [0; 0]);
    assert_eq!(bench.simulator.conversions().is_empty(), reason(bench).is_some());
    reason(bench)
}

#[tokio::test]
async fn a_conversion_after_its_click_counts() {
    let bench = with_click("2026-04-24T08:00:00Z").await;
    let spelled = purchase().with("MicrosoftClickId", "f894f652-ea33-4e73-9002-f7167ab8f8e3");
    assert_eq!(reason_of(&bench, spelled).await, None);
    let listed = bench.get("/simulator/clicks").await.json;
    assert_eq!(listed, json!({ "clicks": [click("2026-04-24T08:00:00Z")] }));
}

#[tokio::test]
async fn the_click_decides_on_the_conversion() {
    let cases = [
        // The conversion is of 09:42:13, it is 10:00; the goal looks 30 days back.
        ("2026-04-24T09:00:00Z", None),
        ("2026-04-24T09:00:01Z", Some("NoMatchingClickFound")),
        ("2026-03-25T09:42:13Z", None),
        ("2026-03-25T09:42:12Z", Some("OutsideGoalLookbackWindow")),
    ];
    for (at, expected) in cases {
        assert_eq!(reason_of(&with_click(at).await, purchase()).await, expected, "{at}");
    }
}

#[tokio::test]
async fn a_click_after_the_conversion_does_not_count() {
    let mut bench = with_click("2026-04-24T09:42:14Z").await;
    bench.wait(3_600).await;
    assert_eq!(reason_of(&bench, purchase()).await, Some("ClickTimestampAfterConversion"));
    let same_second = purchase().with("ConversionTime", "2026-04-24T09:42:14Z");
    bench.convert(&[same_second]).await;
    assert_eq!(bench.simulator.conversions().len(), 1);
}

#[tokio::test]
async fn clicks_of_another_account_do_not_count() {
    let bench = Bench::new().await;
    let foreign = click("2026-04-24T08:00:00Z").with("account", "999");
    declare(&bench, json!([foreign])).await;
    assert_eq!(reason_of(&bench, purchase()).await, Some("AccountMismatch"));
    // One click of its own is enough.
    declare(&bench, json!([click("2026-04-24T07:00:00Z")])).await;
    bench.convert(&[purchase()]).await;
    assert_eq!(bench.simulator.conversions().len(), 1);
}

#[tokio::test]
async fn undeclared_clicks_are_assumed_unless_told_otherwise() {
    let by_hash = purchase().with("MicrosoftClickId", Value::Null).with("HashedEmailAddress", HASH);
    let strict = || Settings { assume_clicks: false, ..Settings::default() };
    for (row, expected) in
        [(purchase(), "NoMatchingClickFound"), (by_hash.clone(), "MissingMatchIdentifiers")]
    {
        assert_eq!(reason_of(&Bench::new().await, row.clone()).await, None);
        let bench = Bench::with(strict()).await;
        assert_eq!(reason_of(&bench, row).await, Some(expected));
    }
    let bench = Bench::with(strict()).await;
    let of_person = click("2026-04-24T08:00:00Z").with("hashedEmailAddress", HASH);
    declare(&bench, json!([of_person])).await;
    assert_eq!(reason_of(&bench, by_hash).await, None);
}

#[tokio::test]
async fn a_click_can_be_an_error_of_the_row() {
    let settings = Settings { refuse_by_click: true, ..Settings::default() };
    for (at, code) in [("2026-04-24T09:42:14Z", 5616), ("2026-03-25T09:42:12Z", 5617)] {
        let mut bench = Bench::with(settings.clone()).await;
        declare(&bench, json!([click(at)])).await;
        bench.wait(3_600).await;
        assert_eq!(codes(&bench.convert(&[purchase()]).await), [code]);
        assert_eq!(reason(&bench), None);
    }
}

#[tokio::test]
async fn a_conversion_that_grows_too_old_on_the_way_does_not_count() {
    let settings = Settings { visible_after_seconds: 3_600, ..Settings::default() };
    let bench = Bench::with(settings).await;
    let old = purchase().with("ConversionTime", "2026-01-24T10:59:59Z");
    assert_eq!(reason_of(&bench, old.clone()).await, Some("ConversionTimeExceedsMaxLookback"));
    let younger = old.with("ConversionTime", "2026-01-24T11:00:00Z");
    bench.convert(&[younger]).await;
    assert_eq!(bench.simulator.conversions().len(), 1);
}

#[tokio::test]
async fn a_correction_needs_a_click_of_the_last_90_days() {
    const DAY: i64 = 24 * 60 * 60;
    let mut bench = with_click("2026-04-24T08:00:00Z").await;
    let late = restate().with("ConversionTime", "2026-04-25T08:00:00Z");
    bench.wait(DAY).await;
    bench.convert(&[purchase().with("ConversionTime", "2026-04-25T08:00:00Z")]).await;
    bench.wait(89 * DAY - 7_200).await;
    let late = late.with("AdjustmentTime", "2026-07-23T08:00:00Z");
    assert_eq!(codes(&bench.adjust(std::slice::from_ref(&late)).await), [0; 0]);
    assert_eq!(bench.first().await["state"], "restated");
    bench.pass(1);
    assert_eq!(codes(&bench.adjust(&[late]).await), [0; 0]);
    assert_eq!(reason(&bench), Some("HistoricalClickDataExpired"));
}

#[tokio::test]
async fn a_paused_goal_takes_corrections_and_applies_none() {
    let bench = Bench::new().await;
    bench.convert(&[purchase()]).await;
    bench.simulator.update_settings(|settings| settings.accounts[0].goals[0].paused = true);
    assert_eq!(codes(&bench.adjust(&[restate(), retract()]).await), [0; 0]);
    assert_eq!(bench.first().await["state"], "accepted");
    assert_eq!(reason(&bench), Some("GoalNotFoundOrInactive"));
}

#[tokio::test]
async fn clicks_that_cannot_be_read_are_refused_together() {
    let bench = Bench::new().await;
    for wrong in [json!({}), click("yesterday"), click("2026-04-24T08:00:00Z").with("acount", "1")]
    {
        assert_eq!(declare(&bench, json!([click("2026-04-24T08:00:00Z"), wrong])).await, 400);
    }
    assert!(bench.simulator.clicks().is_empty());
    declare(&bench, json!([click("2026-04-24T08:00:00Z")])).await;
    bench.simulator.reset();
    assert!(bench.simulator.clicks().is_empty());
}

#[tokio::test]
async fn the_page_shows_goals_conversions_and_reasons() {
    let mut settings = Settings { visible_after_seconds: 60, ..Settings::default() };
    settings.accounts[0].goals[1].name = "Lead <new>".to_owned();
    let bench = Bench::with(settings).await;
    bench.convert(&[purchase(), purchase()]).await;
    bench.adjust(&[restate()]).await;
    let early = bench.get("/simulator").await.text;
    for part in [
        "Ad account 7654321",
        "<td>Lead &lt;new&gt;</td><td>active</td><td>only the first conversion of a click</td><td>30 days before</td>",
        "<td class=\"n\">149.5</td><td class=\"n\">149.5</td><td>EUR</td><td>accepted, not visible yet</td>",
        "not visible yet (AdjustmentOriginalNotFound)",
        // One conversion counts; a repeated row and a correction came to nothing.
        "<td class=\"n\">1</td><td class=\"n\">1</td><td class=\"n\">2</td>",
    ] {
        assert!(early.contains(part), "{part}\n{early}");
    }
    bench.pass(60);
    bench.adjust(&[restate()]).await;
    let late = bench.get("/simulator").await.text;
    let restated = "<td class=\"n\">149.5</td><td class=\"n\">99.5</td><td>EUR</td><td>restated";
    assert!(late.contains(restated), "{late}");
}
