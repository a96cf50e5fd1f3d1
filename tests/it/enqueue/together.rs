//! The events of an array share their requests to AWS; what is done of these in part, or of a run that
//! dies, is stored and sent all the same once the caller has sent everything again.

use std::time::Duration;

use serde_json::{Value, json};
use test_support::events::{click, purchase, time, with};
use test_support::rig::{World, until};

use super::sale;

const UNTIL_ENDED: usize = usize::MAX;
const READ: &str = "DynamoDB_20120810.BatchGetItem";
const WRITE: &str = "DynamoDB_20120810.BatchExecuteStatement";
const SEND: &str = "AmazonSQS.SendMessageBatch";

/// Requests of a function since the measurement began.
fn calls(world: &World, function: &str) -> u64 {
    let calls = world.stack.aws().calls_of(&format!("local-{function}"));
    println!("{function}: {calls:?}");
    calls.values().sum()
}

/// Waits until Microsoft has each sale, and knows that it got none twice.
async fn each_counts_once(world: &World, sales: usize) {
    until("all accepted", || async {
        let there = world.conversions().await.len();
        if there == sales { Ok(()) } else { Err(there) }
    })
    .await;
    world.until_drained().await;
    let conversions = world.conversions().await;
    assert_eq!(conversions.len(), sales);
    assert!(conversions.iter().all(|it| it["duplicates"] == 0), "{conversions:#?}");
}

/// With time enough for a run of upload, and batches that wait so long for messages.
async fn world(batch_window: Duration) -> World {
    World::quick(|options| {
        options.hour = 3_600;
        options.batch_window = batch_window;
        options.function_timeout = 60;
        options.sweep_every = Duration::from_secs(1_000);
    })
    .await
}

/// As many sales as one batch of upload takes, in one batch.
async fn patient() -> World {
    world(Duration::from_secs(20)).await
}

async fn calm() -> World {
    world(Duration::from_millis(500)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_events_need_few_requests_and_so_does_their_upload() {
    let world = patient().await;
    world.stack.aws().measure();
    for part in 0..2 {
        let sales: Value =
            (part * 500..part * 500 + 500).map(|n| sale(&format!("e-{n}"), n + 1)).collect();
        let answer = world.post(&sales).await;
        assert_eq!((answer.status, &answer.body["counts"]), (200, &json!({"queued": 500})));
    }
    // Half of them are messages, of which SQS takes ten at once. Then 40 each for claims and rows, and
    // ten each for what is known before and after.
    let stored = calls(&world, "enqueue");
    assert!(stored <= 2 * 105, "{stored} requests for 1,000 events");
    each_counts_once(&world, 1_000).await;
    let uploaded = calls(&world, "upload");
    assert!(uploaded <= 100, "{uploaded} requests for 1,000 uploads");
    world.stop().await;
}

/// A shop's webhook under a new id: the same order at the same time.
fn notice(order: u32, again: u32) -> Value {
    let changes = json!({"orderId": order, "occurredAt": time(-60 - i64::from(order))});
    with(&sale(&format!("{order}-{again}"), order), &changes)
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_come_twice_are_found_with_shared_requests() {
    let world = patient().await;
    let notices: Vec<Value> = (0..500).map(|n| notice(n / 2 + 1, n % 2)).collect();
    world.stack.aws().measure();
    let answer = world.post(&json!(notices)).await;
    let counts = json!({"queued": 250, "duplicate": 250});
    assert_eq!((answer.status, &answer.body["counts"]), (200, &counts));
    let results = answer.body["results"].as_array().expect("results");
    for (n, result) in results.iter().enumerate() {
        let status = if n % 2 == 0 { "queued" } else { "duplicate" };
        assert_eq!(result["status"], status, "{n}: {result}");
    }
    // For each order that is new, the ties of its number are asked.
    let stored = calls(&world, "enqueue");
    assert!(stored <= 250 + 250, "{stored} requests");
    world.stack.aws().measure();
    let again = world.post(&json!(notices)).await;
    assert_eq!(again.body["counts"], json!({"duplicate": 500}));
    // What leads from a notice to its order is kept for 100 days more.
    let repeated = calls(&world, "enqueue");
    assert!(repeated <= 250 + 200, "{repeated} requests");
    each_counts_once(&world, 250).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_that_aws_does_by_half_lose_nothing() {
    let world = calm().await;
    let aws = world.stack.aws();
    let sales: Vec<Value> = (1..=60).map(|n| notice(n, 0)).collect();
    // The SDK does not see them: the answers are successes.
    aws.halve(READ, 4);
    aws.halve(WRITE, 12);
    aws.halve(SEND, 2);
    let answer = world.post(&json!(sales)).await;
    assert_eq!(answer.problem(), (503, "unavailable", None), "messages were not taken: {answer:?}");
    let again = world.post(&json!(sales)).await;
    assert_eq!((again.status, &again.body["counts"]), (200, &json!({"duplicate": 60})));
    each_counts_once(&world, 60).await;

    // All the time: what is read in five rounds is read, what is not is sent again.
    for operation in [READ, WRITE] {
        aws.halve(operation, UNTIL_ENDED);
    }
    let later: Vec<Value> = (101..=120).map(|n| notice(n, 0)).collect();
    let answer = world.post(&json!(later)).await;
    assert_eq!((answer.status, &answer.body["counts"]), (200, &json!({"queued": 20})));
    aws.halve(READ, 0);
    aws.halve(WRITE, 0);
    each_counts_once(&world, 80).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_fails_as_a_whole_makes_the_array_unavailable_and_is_repaired() {
    let world = calm().await;
    let sales: Vec<Value> = (1..=60).map(|n| notice(n, 0)).collect();
    for operation in [READ, WRITE, SEND] {
        world.stack.aws().refuse(operation, UNTIL_ENDED);
        let answer = world.post(&json!(sales)).await;
        assert_eq!(answer.problem(), (503, "unavailable", None), "{operation}: {answer:?}");
        world.stack.aws().refuse(operation, 0);
    }
    assert_eq!(world.post(&json!(sales)).await.body["counts"], json!({"duplicate": 60}));
    each_counts_once(&world, 60).await;
    world.stop().await;
}

/// The function is killed between any two of its requests. Each wait is longer than the one before by
/// less than a request takes.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_dies_within_an_array_leaves_nothing_that_the_repetition_does_not_repair() {
    let world = calm().await;
    world.queued(&purchase("first", &click(999), &json!(1))).await;
    world.stack.aws().set_delay(Duration::from_millis(60));
    let mut died = 0;
    for round in 0..16_u32 {
        let sales: Vec<Value> = (1..=30).map(|n| notice(round * 30 + n, 0)).collect();
        let events = json!(sales);
        let kill = async {
            tokio::time::sleep(Duration::from_millis(40 * u64::from(round))).await;
            world.stack.kill_function("enqueue").await.expect("a function");
        };
        let (answer, ()) = tokio::join!(world.post(&events), kill);
        died += u32::from(answer.status != 200);
        let again = world.post(&events).await;
        assert_eq!(again.status, 200, "round {round}: {again:?}");
    }
    world.stack.aws().set_delay(Duration::ZERO);
    println!("{died} of 16 died");
    assert!(died >= 6, "{died} died");
    each_counts_once(&world, 16 * 30 + 1).await;
    world.stop().await;
}
