//! What a conversion costs in DynamoDB, as DynamoDB itself counts it, and in calls to Microsoft.

use std::time::Duration;

use serde_json::{Value, json};
use test_support::events::{click, purchase, refund, time, with};
use test_support::rig::operator::{ADJUSTMENTS, CONVERSIONS, quick};
use test_support::rig::{World, until};

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
async fn a_repeated_event_claims_nothing_where_its_row_is_there() {
    let world = world().await;
    let sale =
        |n| with(&purchase(&format!("sale-{n}"), &click(n), &json!(20)), &json!({"orderId": n}));
    let sales: Vec<Value> = (1..=COUNT).map(sale).collect();
    upload(&world, sales.clone()).await;
    world.stack.aws().measure();
    let answer = world.post(&json!(sales)).await;
    assert_eq!(answer.body["counts"], json!({"duplicate": COUNT}), "{answer:?}");
    let write = units(&world, "Conversions", &WRITES);
    assert!(write == 0.0, "{write}: {:?}", world.stack.aws().units());
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

const DAY: i64 = 86_400;
/// When a click is looked for, in seconds after the order.
const LOOKS: [i64; 6] = [3_600, 6 * 3_600, 2 * DAY, 10 * DAY, 40 * DAY, 89 * DAY];

/// Makes the row of the order older, as if it had been recorded so long before its next look; answers
/// with how long that is.
async fn age_until_its_look(world: &World) -> i64 {
    let mut row = world.items_with("Conversions", "event shop 1").await.remove(0);
    let number = |row: &Value, name: &str| {
        row[name]["N"].as_str().and_then(|text| text.parse::<i64>().ok()).expect(name)
    };
    let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs();
    let rest = number(&row, "due") - i64::try_from(now).expect("a time");
    for name in ["occurredAt", "conversionTime", "recordedAt", "since", "due"] {
        row[name] = json!({"N": (number(&row, name) - rest).to_string()});
    }
    let age = number(&row, "due") - number(&row, "occurredAt");
    let put = json!({"TableName": "Conversions", "Item": row});
    world.aws("DynamoDB_20120810.PutItem", put).await;
    age
}

/// Most buyers of a shop have clicked no ad. The clock stands still here, and the row gets
/// older from look to look.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_no_click_led_to_costs_little_in_its_whole_life_and_is_no_dead_letter() {
    let world = World::quick(|options| options.hour = 3_600).await;
    // What the first run of sweep does is not the order's.
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.stack.aws().measure();
    let order = json!({"event": "purchase", "eventId": "1", "source": "shop", "value": 20,
        "currency": "USD", "sessionId": "s", "orderId": "1001", "occurredAt": time(0)});
    assert_eq!(world.queued(&order).await["reason"], "no_click");
    world.until_drained().await;
    // From now on only the test puts whole items.
    let recorded = units(&world, "Conversions", &["PutItem"]);
    for (number, look) in (1..).zip(LOOKS) {
        let age = age_until_its_look(&world).await;
        assert!((look - 60..=look + 60).contains(&age), "look {number} at {age} instead of {look}");
        until(&format!("look {number}"), || async {
            let record = world.record("1").await;
            let due = record["due"].as_str().map(str::to_owned);
            if due.is_none_or(|due| due > time(60)) { Ok(()) } else { Err(record) }
        })
        .await;
        world.until_drained().await;
    }
    let record = world.until_state("1", "refused").await;
    assert_eq!(record["reason"], "unmatched");
    assert_eq!(world.messages("uploads-dlq").await, 0);
    assert!(!world.rings("AboutToExpire") && !world.rings("Stuck"));
    let write = recorded + units(&world, "Conversions", &WRITES[1..]);
    // The rows and the account's item; what the tables are asked by status and sweep is not the order's.
    let read = units(&world, "Conversions", &["BatchGetItem"]) + units(&world, "Clicks", &READS);
    println!(
        "{write} write units for an order in its whole life, {read} read units for {} looks",
        LOOKS.len()
    );
    assert!(read <= 40.0, "{read}: {:?}", world.stack.aws().units());
    assert!(write <= 25.0, "{write}: {:?}", world.stack.aws().units());
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
