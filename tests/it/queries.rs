//! Saved queries: each finds what the functions log, and every field that it names is there.

use std::collections::BTreeSet;

use microsoft_simulator::{Fault, FaultRule, ForcedError};
use serde_json::{Value, json};
use test_support::events::{click, purchase, refund, time, with};
use test_support::rig::operator::{CONVERSIONS, ago, parameter, quick};
use test_support::rig::queries::{Query, field, queries};
use test_support::rig::{World, until};

const DAY: i64 = 24 * 3_600;
/// What the texts of the template have where an operator puts something.
const EVENT: &str = "shop/4711";
const TRACKING_ID: &str = "00000000-0000-0000-0000-000000000000";

/// Events that were sent, were refused by everybody who may refuse one, and were corrected in vain.
async fn happenings(world: &World) {
    world
        .post(&with(&purchase("4711-a", &click(1), &json!(10)), &json!({"currency": "US$"})))
        .await;
    assert_eq!(world.capture(&json!({"msclkid": "(not set)"})).await.status, 422);

    let errors = vec![ForcedError { index: Some(0), code: 5606, error_code: None }];
    world.faults(vec![FaultRule::new(Fault::PartialErrors { errors }).on(CONVERSIONS).times(1)]);
    world.queued(&purchase("4711-b", &click(2), &json!(10))).await;
    world.until_state("4711-b", "refused").await;

    world.queued(&purchase("4711-c", &click(3), &json!(10))).await;
    world.until_state("4711-c", "accepted").await;
    world.queued(&refund("all", "4711-c", &Value::Null)).await;
    world.until_state("4711-c", "retracted").await;
    let again = json!({"newValue": 10, "currency": "USD", "occurredAt": time(1)});
    world.queued(&with(&refund("4711-e", "4711-c", &Value::Null), &again)).await;

    // Nobody is recognised until it is too old.
    let nobodys = json!({"msclkid": null, "sessionId": "nobody"});
    world.queued(&with(&purchase("4711-d", "", &json!(10)), &nobodys)).await;
    let old = json!({"occurredAt": ago(91 * DAY), "conversionTime": ago(91 * DAY), "due": ago(1)});
    world.change_items("Conversions", "event shop 4711-d", old).await;
    world.until_state("4711-d", "refused").await;
    until("its line", || async {
        let is_there = world.has_logged("upload", &["refused before it was sent", "4711-d"]);
        is_there.then_some(()).ok_or("no line")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_saved_query_finds_what_the_functions_log() {
    let world = World::with(quick).await;
    happenings(&world).await;
    let lines = world.logged();
    // The first call was the one that was refused.
    let sent = lines.iter().find_map(|(line, _)| field(line, "trackingId")).expect("a call");
    let all = queries("Logs");
    assert!(all.len() >= 8, "{all:?}");
    for (name, text) in all {
        let query = Query::read(&name, &text.replace(TRACKING_ID, &sent));
        let found: Vec<_> = lines.iter().filter(|(line, text)| query.finds(line, text)).collect();
        assert!(!found.is_empty() && found.len() < lines.len(), "{query:?}");
        let known = |name: &str| {
            name == "@timestamp" || found.iter().any(|(line, _)| field(line, name).is_some())
        };
        let named = query.fields.iter().map(String::as_str).chain(query.asked());
        let named: BTreeSet<&str> = named.collect();
        let unknown: Vec<_> = named.into_iter().filter(|it| !known(it)).collect();
        assert_eq!(unknown, Vec::<&str>::new(), "{name}");
    }
    let of_event = queries("Logs").into_iter().find(|(name, _)| name == "Event").expect("a query");
    for (event, message) in [
        ("shop/4711-a", "refused"),
        ("shop/4711-b", "call to Microsoft"),
        ("shop/4711-e", "a correction can have no effect"),
        ("shop/4711-d", "refused before it was sent"),
    ] {
        let query = Query::read("Event", &of_event.1.replace(EVENT, event));
        let mut found = lines.iter().filter(|(line, text)| query.finds(line, text));
        assert!(found.any(|(line, _)| line["message"] == message), "{event}: {message}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_has_the_dimension_that_alarms_and_the_dashboard_look_for() {
    let world = World::with(quick).await;
    world.queued(&purchase("sale", &click(1), &json!(10))).await;
    world.until_state("sale", "accepted").await;
    let lines = world.logged();
    let metrics = lines.iter().filter(|(line, _)| !line["_aws"].is_null());
    let metrics: Vec<_> = metrics.map(|(line, _)| &line["_aws"]["CloudWatchMetrics"]).collect();
    assert!(metrics.len() >= 2, "enqueue and upload");
    for metric in metrics {
        assert_eq!(metric[0]["Namespace"], "TrackLayer");
        assert_eq!(metric[0]["Dimensions"], json!([["account"]]));
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_stack_has_metrics_of_its_own() {
    let world = World::with(|options| parameter(options, "NameSuffix", "-b")).await;
    assert_eq!(world.capture(&json!({"msclkid": click(1)})).await.status, 204);
    world.until_logged("capture", &["\"Namespace\":\"TrackLayer-b\"", "ClicksCaptured"]).await;
    world.stop().await;
}
