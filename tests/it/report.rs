//! Microsoft's report of what became of the rows, as `goals` tells it.

use std::time::Duration;

use microsoft_simulator::{AnswerBody, Click, Fault, FaultRule, ThrottleAnswer};
use serde_json::{Value, json};
use test_support::events::{click, purchase, refund};
use test_support::rig::until;

use crate::goals::unchecked;

/// The outcome of the goal `Purchase`.
fn of_purchases(report: &Value) -> Value {
    let outcomes = report["outcomes"].as_array().expect("outcomes");
    let found = outcomes.iter().find(|outcome| outcome["goal"] == "Purchase");
    found.cloned().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_says_why_accepted_rows_do_not_count() {
    let world = unchecked(|_| {}).await;
    // Slower than the settle delay of this world: the correction comes too early.
    world.microsoft().update_settings(|settings| settings.visible_after_seconds = 4);
    let click_of = |number, account: &str| Click {
        click_id: click(number),
        at: time::OffsetDateTime::now_utc() - time::Duration::hours(2),
        account: account.to_owned(),
        hashed_email_address: None,
        hashed_phone_number: None,
    };
    world.microsoft().declare_clicks([click_of(1, "7654321"), click_of(2, "999")]);
    for number in [1, 2] {
        let sale = purchase(&number.to_string(), &click(number), &json!(10));
        assert_eq!(world.post(&sale).await.status, 202);
    }
    world.until_state("1", "accepted").await;
    world.until_state("2", "accepted").await;
    assert_eq!(world.post(&refund("1-r", "1", &json!(4))).await.status, 202);
    world.until_state("1", "restated").await;
    let outcome = until("reported", || async {
        let report = world.check_goals().await;
        let outcome = of_purchases(&report);
        if outcome["unattributed"] == 2 { Ok(outcome) } else { Err(report) }
    })
    .await;
    assert_eq!(outcome["succeeded"], 1);
    let reasons = outcome["reasons"].as_array().unwrap();
    let named: Vec<_> =
        reasons.iter().map(|reason| (&reason["reason"], &reason["count"])).collect();
    let expected =
        [(&json!("AccountMismatch"), &json!(1)), (&json!("AdjustmentOriginalNotFound"), &json!(1))];
    assert_eq!(named, expected);
    world.until_rings("AdjustmentOriginalNotFound").await;
    world.until_logged("goals", &["corrections dropped", "Purchase", "SETTLE_DELAY"]).await;
    assert!(!world.rings("HistoricalClickDataExpired"));
    for reason in reasons {
        assert!(reason["cause"].as_str().is_some_and(|text| text.ends_with('.')), "{reason}");
        assert!(reason["cure"].as_str().is_some_and(|text| text.ends_with('.')), "{reason}");
    }
    world.stop().await;
}

/// Only Microsoft knows the time of a click that the event brought: what it drops is in its report.
#[tokio::test(flavor = "multi_thread")]
async fn a_correction_that_microsoft_drops_for_its_old_click_is_in_the_report() {
    let world = unchecked(|_| {}).await;
    // As long as Microsoft allows.
    world.change_goals(|goal| goal.conversion_window_in_minutes = 90 * 24 * 60);
    let at =
        time::OffsetDateTime::now_utc() - time::Duration::days(90) + time::Duration::SECOND * 6;
    let account = "7654321".to_owned();
    let old = Click {
        click_id: click(1),
        at,
        account,
        hashed_email_address: None,
        hashed_phone_number: None,
    };
    world.microsoft().declare_clicks([old]);
    world.queued(&purchase("1", &click(1), &json!(20))).await;
    world.until_state("1", "accepted").await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    world.queued(&refund("1-r", "1", &json!(5))).await;
    world.until_state("1", "restated").await;
    let outcome = until("reported", || async {
        let report = world.check_goals().await;
        let outcome = of_purchases(&report);
        if outcome["unattributed"] == 1 { Ok(outcome) } else { Err(report) }
    })
    .await;
    let reason = &outcome["reasons"][0];
    assert_eq!(reason["reason"], "HistoricalClickDataExpired");
    assert!(reason["cure"].as_str().is_some_and(|text| text.ends_with('.')), "{reason}");
    assert_eq!(world.conversion(&click(1)).await["value"], 20);
    world.until_rings("HistoricalClickDataExpired").await;
    world.until_logged("goals", &["corrections dropped", "HistoricalClickDataExpired"]).await;
    assert!(!world.rings("AdjustmentOriginalNotFound"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_fails_leaves_the_check_as_it_is() {
    let world = unchecked(|_| {}).await;
    let faults = [
        Fault::Status { status: 503, body: AnswerBody::Html, after_accepting: false },
        Fault::Status { status: 400, body: AnswerBody::Fault(5613), after_accepting: false },
        Fault::Status { status: 200, body: AnswerBody::Malformed, after_accepting: false },
        Fault::Throttle { calls_per_minute: 0, answer: ThrottleAnswer::Http429 },
        Fault::DropConnection { after_accepting: false },
    ];
    for fault in faults {
        world.faults(vec![FaultRule::new(fault.clone()).on("OfflineConversionReport")]);
        let report = world.check_goals().await;
        assert_eq!((&report["checked"], &report["held"]), (&json!(true), &json!([])), "{report}");
        assert_eq!(report["outcomes"], json!([]), "{fault:?}");
        assert!(report["outcomesError"].is_string() && report["error"].is_null(), "{report}");
    }
    world.faults(Vec::new());
    let report = world.check_goals().await;
    assert!(report["outcomesError"].is_null(), "{report}");
    assert_eq!(report["outcomes"].as_array().map(Vec::len), Some(3));
    world.stop().await;
}
