//! What Microsoft counts, kept by goal and day, and what rings when it is less than usual.

use microsoft_simulator::{AnswerBody, Fault, FaultRule};
use serde_json::{Value, json};
use test_support::events::{click, purchase};
use test_support::rig::World;
use time::{Duration, OffsetDateTime};

use crate::goals::unchecked;
use crate::ops::ops;

const REPORT: &str = "OfflineConversionReport";

/// The day so many days ago, as in 2026-04-24.
fn day(ago: i64) -> String {
    (OffsetDateTime::now_utc() - Duration::days(ago)).date().to_string()
}

/// So many sales, from this number on, until all are accepted.
async fn sales(world: &World, numbers: std::ops::Range<u32>) {
    let sale = |number: u32| purchase(&number.to_string(), &click(number), &json!(10));
    let sales: Value = numbers.clone().map(sale).collect();
    assert_eq!(world.post(&sales).await.status, 200);
    for number in numbers {
        world.until_state(&number.to_string(), "accepted").await;
    }
}

/// What `goals` of the tool says of the goal `Purchase`.
async fn purchases(world: &World) -> Value {
    let answer = ops(world, &["goals", "--json"]).await.json();
    let goals = answer["goals"].as_array().expect("goals").iter();
    goals.filter(|goal| goal["goal"] == "Purchase").cloned().collect::<Vec<_>>().remove(0)
}

/// Days that are known, rows and counted rows.
fn known(goal: &Value) -> (usize, u64, u64) {
    let days = goal["days"].as_array().expect("days").iter();
    let days: Vec<&Value> = days.filter(|day| !day["accepted"].is_null()).collect();
    let sum = |member: &str| days.iter().filter_map(|day| day[member].as_u64()).sum();
    (days.len(), sum("accepted"), sum("counted"))
}

async fn kept(world: &World) -> Vec<Value> {
    world.items_with("Conversions", "outcome ").await
}

/// Whether a function has written this metric.
fn has_counted(world: &World, metric: &str) -> bool {
    world.points().iter().any(|point| point.metric == metric)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_microsoft_counts_is_kept_by_day_and_replaced_by_what_it_says_later() {
    let world = unchecked(|_| {}).await;
    sales(&world, 1..3).await;
    world.check_goals().await;
    assert_eq!(known(&purchases(&world).await), (7, 2, 2));
    let items = kept(&world).await;
    assert_eq!(items.len(), 21, "three goals, seven days");
    let days = |item: &Value| {
        let ttl: i64 = item["ttl"]["N"].as_str().expect("a number").parse().expect("a number");
        (ttl - OffsetDateTime::now_utc().unix_timestamp()) / 86_400
    };
    assert!(items.iter().all(|item| (390..=401).contains(&days(item))), "{items:?}");

    world.microsoft().update_settings(|settings| settings.assume_clicks = false);
    sales(&world, 3..4).await;
    world.check_goals().await;
    let goal = purchases(&world).await;
    assert_eq!(known(&goal), (7, 3, 2));
    let days = goal["days"].as_array().expect("days");
    assert_eq!((days.len(), &days[0]["counted"]), (30, &Value::Null), "nobody knows");
    let reasons = days.iter().filter_map(|day| day["notCounted"]["NoMatchingClickFound"].as_u64());
    assert_eq!(reasons.sum::<u64>(), 1);
    assert_eq!(kept(&world).await.len(), 21);
    let ran = ops(&world, &["goals", "--days", "7", "--account", "main", "--ask"]).await;
    assert_eq!(ran.code, Some(0), "too few rows to be less than usual: {ran:?}");
    ran.shows(&["main Purchase", &day(0), "1 NoMatchingClickFound", "cure: "]);

    let fault = Fault::Status { status: 503, body: AnswerBody::Html, after_accepting: false };
    world.faults(vec![FaultRule::new(fault).on(REPORT)]);
    world.check_goals().await;
    assert_eq!(known(&purchases(&world).await), (7, 3, 2), "what is known stays");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_report_all_is_unknown_and_nothing_rings() {
    let world = unchecked(|_| {}).await;
    let body = AnswerBody::Fault(5613);
    let fault = Fault::Status { status: 400, body, after_accepting: false };
    world.faults(vec![FaultRule::new(fault).on(REPORT)]);
    sales(&world, 1..3).await;
    assert_eq!(world.check_goals().await["checked"], true);
    assert_eq!(kept(&world).await, Vec::<Value>::new());
    let goal = purchases(&world).await;
    assert_eq!((known(&goal), &goal["usual"]), ((0, 0, 0), &Value::Null));
    let ran = ops(&world, &["goals", "--ask"]).await;
    assert_eq!(ran.code, Some(0));
    ran.shows(&["main Purchase", "unknown: no report of Microsoft is kept of these days"]);
    assert!(ran.err.contains("5613"), "{ran:?}");
    for metric in ["CountedPercent", "GoalsBelowUsual", "AdjustmentOriginalNotFound"] {
        assert!(!has_counted(&world, metric), "{metric}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn less_than_usual_rings_once_chance_does_not_explain_it() {
    let world = unchecked(|_| {}).await;
    for ago in 7..35 {
        let day = day(ago);
        let item = json!({"pk": {"S": "account main"}, "sk": {"S": format!("outcome {day} Purchase")},
            "goal": {"S": "Purchase"}, "day": {"S": day}, "succeeded": {"N": "9"},
            "unattributed": {"N": "1"}, "reasons": {"M": {"Unknown": {"N": "1"}}}});
        let put = json!({"TableName": "Conversions", "Item": item});
        world.aws("DynamoDB_20120810.PutItem", put).await;
    }
    sales(&world, 0..20).await;
    world.check_goals().await;
    world.until_logged("goals", &["\"GoalsBelowUsual\":0"]).await;
    assert!(!world.rings("GoalsBelowUsual"), "an ordinary hour");
    assert!(has_counted(&world, "CountedPercent"));
    assert_eq!(ops(&world, &["goals"]).await.code, Some(0));

    world.microsoft().update_settings(|settings| settings.assume_clicks = false);
    sales(&world, 20..40).await;
    world.check_goals().await;
    world.until_rings("GoalsBelowUsual").await;
    let line = ["less counts than usual", "Purchase", "NoMatchingClickFound"];
    world.until_logged("goals", &line).await;
    assert!(
        !world.rings("AdjustmentOriginalNotFound") && !world.rings("HistoricalClickDataExpired")
    );
    let ran = ops(&world, &["goals"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    ran.shows(&["of a hundred rows 50 count now, 90 in the four weeks before"]);
    world.stop().await;
}
