//! What a conversion costs in DynamoDB, as DynamoDB itself counts it, and in calls to Microsoft.

use std::time::Duration;

use serde_json::{Value, json};
use test_support::{
    events::{click, purchase, refund, time},
    rig::{
        World,
        operator::{ADJUSTMENTS, CONVERSIONS, quick},
        until,
    },
};

/// Conversions of each measurement.
const COUNT: u32 = 40;

/// Without sweep, whose reads go by the run and not by the conversion, with production's hour, and
/// with time enough for one run to be through: a second one would cost, too.
async fn world() -> World {
    World::quick(|options| {
        options.hour = 3_600;
        options.batch_window = Duration::from_secs(2);
        options.function_timeout = 20;
        options.sweep_every = Duration::from_secs(1_000);
    })
    .await
}

/// Units of these operations on a table.
fn units(world: &World, table: &str, operations: &[&str]) -> f64 {
    let all = world.stack.aws().units();
    let is = |name: &str, of: &str| of == table && operations.contains(&name);
    all.iter().filter(|((name, of), _)| is(name, of)).map(|(_, units)| units).sum()
}

const WRITES: [&str; 5] =
    ["PutItem", "UpdateItem", "DeleteItem", "BatchExecuteStatement", "TransactWriteItems"];
const READS: [&str; 3] = ["GetItem", "BatchGetItem", "Query"];

/// Posts `events` in one request and waits, without a look at the ledger, until Microsoft has them.
async fn upload(world: &World, events: Vec<Value>) {
    world.stack.aws().measure();
    let answer = world.post(&json!(events)).await;
    assert_eq!(answer.body["counts"]["queued"], events.len(), "{answer:?}");
    until("all accepted", || async {
        let there = world.conversions().await.len();
        if there == events.len() { Ok(()) } else { Err(there) }
    })
    .await;
    world.until_drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversion_costs_four_write_units_and_three_read_units() {
    let world = world().await;
    let sales =
        (1..=COUNT).map(|n| purchase(&format!("sale-{n}"), &click(n), &json!(129.95))).collect();
    upload(&world, sales).await;
    let count = f64::from(COUNT);
    let write = units(&world, "Conversions", &WRITES) / count;
    let calls = world.calls(CONVERSIONS).len();
    // The account's item, once a batch.
    let batches = f64::from(u32::try_from(calls).expect("few"));
    let read = (units(&world, "Conversions", &READS) - batches) / count;
    let looked_up = units(&world, "Clicks", &READS);
    println!("{write} write units, {read} read units, {calls} calls for {COUNT} conversions");
    assert!((write, read, looked_up) == (4.0, 3.0, 0.0), "{:?}", world.stack.aws().units());
    let rows: usize = world.calls(CONVERSIONS).iter().filter_map(|call| call.rows).sum();
    assert_eq!(rows, COUNT as usize, "each row in one call");
    assert!(calls <= 4, "{calls} calls: one a batch");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_is_looked_up_with_two_read_units_at_most() {
    let world = world().await;
    for n in 1..=COUNT {
        let landing = json!({"msclkid": click(n), "sessionId": format!("s-{n}")});
        assert_eq!(world.capture(&landing).await.status, 204);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let sale = |n| {
        json!({"event": "purchase", "eventId": format!("sale-{n}"), "source": "shop",
            "occurredAt": time(0), "value": 20, "currency": "USD", "sessionId": format!("s-{n}")})
    };
    upload(&world, (1..=COUNT).map(sale).collect()).await;
    let count = f64::from(COUNT);
    let write = units(&world, "Conversions", &WRITES) / count;
    let looked_up = units(&world, "Clicks", &READS) / count;
    println!("{write} write units, {looked_up} read units for the click");
    assert!((write, looked_up <= 2.0) == (4.0, true), "{:?}", world.stack.aws().units());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_no_click_led_to_costs_little_and_ends_without_a_dead_letter() {
    let world = World::quick(|options| options.hour = 1).await;
    // What the first run of sweep does is not the order's.
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.stack.aws().measure();
    // It is looked for after an hour, after six, and for the last time a day before the end.
    let order = json!({"event": "purchase", "eventId": "1", "source": "shop", "value": 20,
        "currency": "USD", "sessionId": "s", "occurredAt": time(36 - 90 * 86_400)});
    assert_eq!(world.queued(&order).await["reason"], "no_click");
    let record = world.until_state("1", "refused").await;
    assert_eq!(record["reason"], "unmatched");
    world.until_drained().await;
    assert_eq!(world.messages("uploads-dlq").await, 0);
    let write = units(&world, "Conversions", &WRITES);
    println!("{write} write units for an order and three looks");
    // Each look costs three; one may be an audit's.
    assert!(write <= 14.0, "{write}: {:?}", world.stack.aws().units());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_costs_nine_write_units_all_told() {
    let world = World::with(quick).await;
    let sales =
        (1..=COUNT).map(|n| purchase(&format!("sale-{n}"), &click(n), &json!(129.95))).collect();
    upload(&world, sales).await;
    world.stack.aws().measure();
    let refunds: Vec<Value> =
        (1..=COUNT).map(|n| refund(&format!("r-{n}"), &format!("sale-{n}"), &json!(30))).collect();
    assert_eq!(world.post(&json!(refunds)).await.body["counts"]["queued"], COUNT);
    until("all restated", || async {
        let conversions = world.conversions().await;
        let restated = conversions.iter().filter(|it| it["state"] == "restated").count();
        if restated == COUNT as usize { Ok(()) } else { Err(restated) }
    })
    .await;
    world.until_drained().await;
    let write = units(&world, "Conversions", &WRITES) / f64::from(COUNT);
    let calls = world.calls(ADJUSTMENTS).len();
    println!("{write} write units, {calls} calls for {COUNT} refunds");
    assert!(write <= 9.5, "{write}: {:?}", world.stack.aws().units());
    world.stop().await;
}
