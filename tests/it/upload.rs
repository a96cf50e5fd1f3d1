//! Signals in any number and order, batches of any size, rows that wait: what upload makes of them.

use std::time::{Duration, Instant};

use microsoft_simulator::{Fault, FaultRule};
use serde_json::{Value, json};
use test_support::events::{click, purchase, refund, time};
use test_support::rig::operator::{ADJUSTMENTS, APPLY, CONVERSIONS, parameter, quick, row_errors};
use test_support::rig::{World, until};

/// How upload writes what it learned.
const OUTCOMES: &str = "local-upload DynamoDB_20120810.BatchExecuteStatement";

fn slow(milliseconds: u64) -> FaultRule {
    FaultRule::new(Fault::Latency { milliseconds }).on("Apply")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_message_twice_at_once_and_twice_in_a_batch_counts_once() {
    let world = World::quick(|options| options.batch_window = Duration::from_millis(100)).await;
    world.faults(vec![slow(700)]);
    for number in 1..4 {
        let id = number.to_string();
        assert_eq!(world.post(&purchase(&id, &click(number), &json!(10))).await.status, 202);
        // Two batches run at the same time; the second one gets several copies at once.
        tokio::time::sleep(Duration::from_millis(200)).await;
        world.send_signals(&id, "purchase", 5).await;
    }
    for id in ["1", "2", "3"] {
        world.until_state(id, "accepted").await;
    }
    world.until_drained().await;
    for call in world.calls(CONVERSIONS) {
        let rows = call.json()["OfflineConversions"].as_array().unwrap().clone();
        let clicks: std::collections::BTreeSet<String> =
            rows.iter().map(|row| row["MicrosoftClickId"].to_string()).collect();
        assert_eq!(clicks.len(), rows.len(), "a row is once in a call");
    }
    let mut corrected = Vec::new();
    for number in 1..4 {
        let id = number.to_string();
        corrected.push(refund(&format!("{id}-r"), &id, &json!(4)));
    }
    assert_eq!(world.post(&json!(corrected)).await.body["counts"]["queued"], 3);
    tokio::time::sleep(Duration::from_secs(1)).await;
    for id in ["1", "2", "3"] {
        world.send_signals(id, "purchase", 5).await;
    }
    for number in 1..4 {
        world.until_state(&number.to_string(), "restated").await;
        let conversion = world.until_worth(&click(number), "6").await;
        assert_eq!(conversion["originalValue"], 10);
        assert_eq!(conversion["adjustments"], 1, "a correction is claimed by one run only");
    }
    world.until_drained().await;
    assert_eq!(world.conversions().await.len(), 3);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_in_disorder_changes_no_money() {
    let world = World::with(quick).await;
    world.stack.aws().queues().set_disorder("uploads", Some(7)).unwrap();
    let mut events = Vec::new();
    for number in 1..41 {
        let id = number.to_string();
        events.push(refund(&format!("{id}-r"), &id, &json!(0.25)));
        events.push(purchase(&id, &click(number), &json!(number)));
    }
    assert_eq!(world.post(&Value::Array(events)).await.body["counts"]["queued"], 80);
    for number in 1..41 {
        world.until_state(&number.to_string(), "restated").await;
    }
    world.until_drained().await;
    let conversions = world.conversions().await;
    assert_eq!(conversions.len(), 40);
    for conversion in conversions {
        let original = conversion["originalValue"].as_f64().unwrap();
        let value = conversion["value"].as_f64().unwrap();
        assert!((original - 0.25 - value).abs() < 1e-9, "{conversion}");
        assert_eq!(conversion["adjustments"], 1);
    }
    assert!(world.microsoft().unattributed().is_empty());
    assert_eq!(world.messages("uploads-dlq").await, 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twelve_hundred_events_go_in_few_calls_of_at_most_a_thousand_rows() {
    let world = World::quick(|options| {
        options.batch_window = Duration::from_secs(3);
        options.retry_base = Duration::from_secs(60);
        // A thousand claims of a busy machine leave time for the call.
        options.function_timeout = 60;
    })
    .await;
    let posts = [0_u32, 1, 2, 3, 4, 5].map(|part| {
        let sales: Vec<_> = (part * 200..(part + 1) * 200)
            .map(|n| purchase(&format!("sale-{n}"), &click(n), &json!(1.25)))
            .collect();
        json!(sales)
    });
    // However slow this machine is, nothing goes before everything is there; then all is signalled
    // at once, as sweep does it.
    world.stack.aws().refuse("local-upload DynamoDB_20120810.BatchGetItem", usize::MAX);
    for post in &posts {
        let answer = world.post(post).await;
        assert_eq!(answer.body["counts"]["queued"], 200, "{}", answer.status);
    }
    // A batch that was being filled has been returned by now.
    tokio::time::sleep(Duration::from_secs(6)).await;
    world.aws("AmazonSQS.PurgeQueue", json!({"QueueUrl": "uploads"})).await;
    world.stack.aws().refuse("local-upload DynamoDB_20120810.BatchGetItem", 0);
    for number in 0..1_200 {
        world.send_signals(&format!("sale-{number}"), "purchase", 1).await;
    }
    world.until_called(CONVERSIONS, 1).await;
    until("all accepted", || async {
        let count = world.microsoft().conversions().len();
        if count == 1_200 { Ok(()) } else { Err(count) }
    })
    .await;
    world.until_drained().await;
    let rows: Vec<usize> = world.calls(CONVERSIONS).iter().map(|call| call.rows.unwrap()).collect();
    assert!(rows.iter().sum::<usize>() >= 1_200, "{rows:?}");
    assert!(rows.len() <= 6 && rows.iter().all(|count| *count <= 1_000), "{rows:?}");
    for id in ["sale-0", "sale-599", "sale-1199"] {
        assert_eq!(world.record(id).await["state"], "accepted");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_message_goes_to_the_dead_letters_alone() {
    let world = World::with(quick).await;
    for body in ["no signal", r#"{"v":99,"source":"shop","eventId":"1","event":"purchase"}"#] {
        let request = json!({"QueueUrl": "uploads", "MessageBody": body});
        world.aws("AmazonSQS.SendMessage", request).await;
    }
    assert_eq!(world.post(&purchase("1", &click(1), &json!(5))).await.status, 202);
    world.until_state("1", "accepted").await;
    world.until_dead_letters(2).await;
    assert_eq!(world.calls(CONVERSIONS).len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn upload_killed_after_microsoft_accepted_sends_the_same_again() {
    let world = World::with(quick).await;
    world.faults(vec![slow(1_500).on(CONVERSIONS).times(1)]);
    assert_eq!(world.post(&purchase("1", &click(1), &json!(10))).await.status, 202);
    world.until_called(CONVERSIONS, 1).await;
    world.stack.kill_function("upload").await.unwrap();
    assert_eq!(world.post(&refund("1-r", "1", &json!(4))).await.status, 202);

    let record = world.until_state("1", "restated").await;
    assert_eq!(record["desired"]["netValue"], 6);
    let calls = world.calls(CONVERSIONS);
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].body, calls[1].body, "the refund is not in it");
    let conversion = world.conversion(&click(1)).await;
    assert_eq!((&conversion["originalValue"], &conversion["value"]), (&json!(10), &json!(6)));
    assert_eq!((&conversion["adjustments"], &conversion["duplicates"]), (&json!(1), &json!(1)));
    world.until_drained().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn upload_killed_between_the_answer_and_the_ledger_sends_the_same_again() {
    let world = World::with(quick).await;
    world.faults(vec![slow(1_500).on(CONVERSIONS).times(1)]);
    assert_eq!(world.post(&purchase("1", &click(1), &json!(10))).await.status, 202);
    world.until_called(CONVERSIONS, 1).await;
    world.stack.aws().refuse(OUTCOMES, 1_000);
    until("answered", || async {
        let calls = world.calls(CONVERSIONS);
        if calls.iter().any(|call| call.status == Some(200)) { Ok(()) } else { Err(calls) }
    })
    .await;
    // The answer is there, the outcome can't be written, and then the function dies.
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.stack.kill_function("upload").await.unwrap();
    let record = world.record("1").await;
    assert_eq!((&record["state"], &record["attempts"]), (&json!("queued"), &json!(0)));
    world.stack.aws().refuse(OUTCOMES, 0);

    world.until_state("1", "accepted").await;
    world.until_drained().await;
    let calls = world.calls(CONVERSIONS);
    assert!(calls.len() >= 2 && calls.iter().all(|call| call.body == calls[0].body));
    let conversion = world.conversion(&click(1)).await;
    assert_eq!(conversion["value"], 10);
    assert_eq!(conversion["duplicates"], calls.len() - 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_ledger_sends_nothing_again_and_one_that_can_not_be_written_loses_nothing() {
    let world = World::with(quick).await;
    world.stack.aws().refuse("local-upload DynamoDB_20120810.BatchGetItem", 1_000);
    assert_eq!(world.post(&purchase("1", &click(1), &json!(10))).await.status, 202);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(world.calls(APPLY).is_empty());
    assert_eq!(world.messages("uploads").await, 1);
    world.stack.aws().refuse("local-upload DynamoDB_20120810.BatchGetItem", 0);
    world.until_state("1", "accepted").await;

    // A correction that can't be claimed is not sent.
    world.stack.aws().refuse(OUTCOMES, 1_000);
    assert_eq!(world.post(&refund("1-r", "1", &json!(4))).await.status, 202);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(world.calls(ADJUSTMENTS).is_empty());
    world.stack.aws().refuse(OUTCOMES, 0);
    world.until_state("1", "restated").await;
    let conversion = world.conversion(&click(1)).await;
    assert_eq!((&conversion["value"], &conversion["adjustments"]), (&json!(6), &json!(1)));
    world.until_drained().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn upload_killed_around_a_correction_repeats_it_later() {
    let world = World::with(quick).await;
    for number in 1..3 {
        let sale = purchase(&number.to_string(), &click(number), &json!(10));
        assert_eq!(world.post(&sale).await.status, 202);
    }
    for id in ["1", "2"] {
        world.until_state(id, "accepted").await;
    }
    world.until_drained().await;
    // The first is claimed, and killed before Microsoft sees it; the second once it has it.
    let unseen = Fault::Status { status: 500, body: Default::default(), after_accepting: false };
    let rule = |fault| FaultRule::new(fault).on(ADJUSTMENTS).times(1);
    for (number, reached) in [(1, false), (2, true)] {
        let late = rule(Fault::Latency { milliseconds: 1_500 });
        let rules = if reached { vec![late] } else { vec![late, rule(unseen.clone())] };
        world.faults(rules);
        let before = world.calls(ADJUSTMENTS).len();
        let id = number.to_string();
        assert_eq!(world.post(&refund(&format!("{id}-r"), &id, &json!(4))).await.status, 202);
        world.until_called(ADJUSTMENTS, before + 1).await;
        world.stack.kill_function("upload").await.unwrap();
        let start = Instant::now();
        until("waiting to repeat", || async {
            let record = world.record(&id).await;
            if record["reason"] == "between_adjustments" { Ok(()) } else { Err(record) }
        })
        .await;
        world.until_state(&id, "restated").await;
        assert!(
            start.elapsed() > Duration::from_secs(4),
            "a claim is spaced: {:?}",
            start.elapsed()
        );
        let conversion = world.conversion(&click(number)).await;
        assert_eq!((&conversion["value"], &conversion["duplicates"]), (&json!(6), &json!(0)));
        assert_eq!(conversion["adjustments"], 1 + u32::from(reached));
    }
    world.until_drained().await;
    assert!(world.microsoft().unattributed().is_empty());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_goal_made_a_moment_ago_is_waited_for() {
    let world = World::with(quick).await;
    world.microsoft().update_settings(|settings| settings.young_goal_seconds = 3);
    let made = ::time::OffsetDateTime::now_utc();
    world.change_goals(|goal| goal.created_at = Some(made));
    assert_eq!(world.post(&purchase("1", &click(1), &json!(10))).await.status, 202);
    let record = world.until_state("1", "waiting").await;
    assert_eq!(record["reason"], "goal_too_recent");
    assert_eq!(record["lastAttempt"]["errorCode"], "OfflineConversionNotAcceptedForGoal");
    world.until_drained().await;
    world.until_state("1", "accepted").await;
    assert_eq!(world.calls(CONVERSIONS).len(), 2);

    world.faults(vec![row_errors(&[(0, 5615)])]);
    assert_eq!(world.post(&purchase("2", &click(2), &json!(10))).await.status, 202);
    world.until_state("2", "waiting").await;
    world.until_state("2", "accepted").await;
    world.until_drained().await;
    assert_eq!(world.messages("uploads-dlq").await, 0);
    assert_eq!(world.conversions().await.len(), 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_is_uploaded_once_it_is_old_enough() {
    let world = World::quick(|options| {
        options.min_click_age = 5;
        parameter(options, "MaxReceiveCount", "4");
    })
    .await;
    let landing = json!({"msclkid": click(1), "sessionId": "s-1"});
    assert_eq!(world.capture(&landing).await.status, 204);
    let landed = Instant::now();
    let mut sale = purchase("1", "", &json!(10));
    sale.as_object_mut().unwrap().remove("msclkid");
    sale["sessionId"] = json!("s-1");
    sale["occurredAt"] = json!(time(1));
    assert_eq!(world.post(&sale).await.body["state"], "queued");
    // From the landing on: a slow start of a function must not use the click's five seconds up.
    tokio::time::sleep(Duration::from_secs(3).saturating_sub(landed.elapsed())).await;
    assert_eq!(world.record("1").await["state"], "queued");
    assert!(world.calls(APPLY).is_empty(), "Microsoft is not asked before");
    assert_eq!(world.messages("uploads").await, 1);
    world.until_state("1", "accepted").await;
    assert!(landed.elapsed() > Duration::from_millis(3_900), "{:?}", landed.elapsed());
    world.until_drained().await;
    assert_eq!(world.messages("uploads-dlq").await, 0);
    assert_eq!(world.calls(CONVERSIONS).len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_without_a_click_waits_until_one_is_tied_to_it() {
    let world = World::with(quick).await;
    let landing = json!({"msclkid": click(1), "sessionId": "s-1"});
    assert_eq!(world.capture(&landing).await.status, 204);
    let mut sale = purchase("1", "", &json!(10));
    sale.as_object_mut().unwrap().remove("msclkid");
    sale["orderId"] = json!("o-1");
    sale["occurredAt"] = json!(time(1));
    let answer = world.post(&sale).await;
    assert_eq!(
        (&answer.body["state"], &answer.body["reason"]),
        (&json!("waiting"), &json!("no_click"))
    );
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(world.record("1").await["reason"], "no_click");
    assert!(world.calls(APPLY).is_empty());

    let tie = json!({"sessionId": "s-1", "orderId": "o-1"});
    assert_eq!(world.capture(&tie).await.status, 204);
    let record = world.until_state("1", "accepted").await;
    assert_eq!(record["click"]["from"], "order");
    assert_eq!(world.conversion(&click(1)).await["value"], 10);
    world.until_drained().await;
    world.stop().await;
}

/// The look after that would be five hours later.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_can_not_read_the_clicks_is_repeated_an_hour_later() {
    let world = World::quick(|options| options.hour = 10).await;
    let mut sale = purchase("1", "", &json!(10));
    sale.as_object_mut().unwrap().remove("msclkid");
    sale["leadId"] = json!("l");
    let recorded = Instant::now();
    assert_eq!(world.queued(&sale).await["reason"], "no_click");
    let clicks = json!({"TableName": "Clicks"});
    world.aws("DynamoDB_20120810.DeleteTable", clicks).await;
    // Sweep has made it due for the second look, upload for the repeated one.
    let due = |record: &Value| record["due"].as_str().map(str::to_owned).unwrap_or_default();
    let first = due(&world.record("1").await);
    until("the look failed", || async {
        let record = world.record("1").await;
        let is_soon = due(&record) > first && due(&record) < time(15);
        if is_soon { Ok(()) } else { Err(record) }
    })
    .await;
    assert_eq!(world.record("1").await["reason"], "no_click");
    world.aws("DynamoDB_20120810.CreateTable", crate::sweep::clicks_table()).await;
    let landing = json!({"msclkid": click(1), "sessionId": "s", "leadId": "l",
        "landedAt": time(-600)});
    assert_eq!(world.capture(&landing).await.status, 204);
    world.until_state("1", "accepted").await;
    assert!(recorded.elapsed() < Duration::from_secs(50), "{:?}", recorded.elapsed());
    assert_eq!(world.conversion(&click(1)).await["value"], 10);
    world.until_drained().await;
    assert_eq!(world.messages("uploads-dlq").await, 0);
    world.stop().await;
}
