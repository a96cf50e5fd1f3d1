//! Hashes of persons: which goals get them, and what becomes of rows that have nothing else.

use std::{path::PathBuf, time::Duration};

use local_stack::Options;
use microsoft_simulator::{AnswerBody, Fault, FaultRule};
use serde_json::{Value, json};
use test_support::events::{click, purchase, refund, time, with};
use test_support::rig::operator::{ADJUSTMENTS, CONVERSIONS, quick};
use test_support::rig::{KEY, World, until};

use crate::files::{folder, mapping};

const MAIL: &str = "john@contoso.com";
const HASH: &str = "ec81f3ac7b2b19675bab9d54cf416f9f18cff87c97da5cca82c0f0891bc40602";

/// A world in which no back-off ends before its test does.
fn patient(options: &mut Options) {
    options.check_every = Duration::from_secs(600);
    options.hour = 600;
}

fn by_mail(event_id: &str) -> Value {
    with(&purchase(event_id, "-", &json!(3)), &json!({"msclkid": null, "email": MAIL}))
}

/// Turns enhanced conversions on or off, and lets the check see it.
async fn enhance(world: &World, on: bool) {
    world.change_goals(|goal| goal.enhanced_conversions = on);
    assert_eq!(world.check_goals().await["checked"], true);
}

fn bodies(world: &World, path: &str) -> Vec<String> {
    world.calls(path).into_iter().map(|call| call.body).collect()
}

/// A mapping that sends no hashes for the goal of this name, or for any.
fn sends_none(name: &str, goal: Option<&str>) -> PathBuf {
    mapping(name, |mapping| {
        let goals = mapping["goals"].as_object_mut().expect("goals").values_mut();
        let meant = goals.filter(|it| goal.is_none_or(|goal| it["name"] == goal));
        meant.for_each(|goal| goal["enhancedConversions"] = json!(false));
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_click_they_go_along_unless_the_mapping_keeps_them_back() {
    let world = World::with(|options| {
        patient(options);
        options.mapping = Some(sends_none("no-hashes-of-purchases", Some("Purchase")));
    })
    .await;
    let without = with(&purchase("1", &click(1), &json!(10)), &json!({"email": MAIL}));
    world.queued(&without).await;
    world.until_state("1", "accepted").await;
    world.queued(&refund("1-r", "1", &json!(4))).await;
    world.until_state("1", "restated").await;
    let sent = [bodies(&world, CONVERSIONS), bodies(&world, ADJUSTMENTS)].concat();
    assert!(sent.len() >= 2 && !sent.iter().any(|body| body.contains(HASH)), "{sent:?}");
    assert_eq!(world.items_with("Conversions", HASH).await, Vec::<Value>::new());
    assert_eq!(world.enqueue(KEY, without.to_string()).await.body["status"], "duplicate");

    // Microsoft itself drops what the goal does not take beside a click.
    enhance(&world, false).await;
    let more = json!({"event": "subscription_start", "email": MAIL});
    world.queued(&with(&purchase("2", &click(2), &json!(10)), &more)).await;
    world.until_state("2", "accepted").await;
    let last = bodies(&world, CONVERSIONS).pop().expect("a call");
    assert!(last.contains(HASH), "{last}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_microsoft_may_have_is_repeated_with_them() {
    let world = World::with(|options| {
        patient(options);
        options.retry_base = Duration::from_secs(4);
    })
    .await;
    let lost = FaultRule::new(Fault::DropConnection { after_accepting: true });
    world.faults(vec![lost.on(CONVERSIONS).times(1)]);
    let sale = with(&purchase("1", &click(1), &json!(10)), &json!({"email": MAIL}));
    world.queued(&sale).await;
    until("sent once", || async {
        let record = world.record("1").await;
        if record["lastAttempt"]["outcome"] == "unknown" { Ok(()) } else { Err(record) }
    })
    .await;
    world.faults(Vec::new());
    enhance(&world, false).await;
    world.until_state("1", "accepted").await;
    let sent = bodies(&world, CONVERSIONS);
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], sent[1]);
    assert!(sent[0].contains(HASH));
    assert_eq!(world.conversion(&click(1)).await["value"], 10);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alone_they_go_with_the_next_look_after_a_check_finds_that_their_goal_takes_them() {
    let world = World::with(|options| {
        patient(options);
        options.hour = 3;
    })
    .await;
    enhance(&world, false).await;
    world.queued(&by_mail("1")).await;
    assert_eq!(world.until_state("1", "waiting").await["reason"], "no_click");
    // Long enough for the first look, after an hour.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(bodies(&world, CONVERSIONS), Vec::<String>::new());
    enhance(&world, true).await;
    world.until_state("1", "accepted").await;
    assert_eq!(bodies(&world, CONVERSIONS).len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alone_they_wait_while_the_mapping_sends_none_and_go_by_a_click_or_once_they_are_sent_again()
 {
    let folder = folder();
    let world = World::with(|options| {
        patient(options);
        options.hour = 3;
        options.data = Some(folder.path().to_owned());
        options.mapping = Some(sends_none("no-hashes", None));
    })
    .await;
    let nobody = with(&by_mail("0"), &json!({"email": null}));
    let answer = world.enqueue(KEY, nobody.to_string()).await;
    assert_eq!(answer.problem(), (422, "no_identifier", None));
    let alone = by_mail("alone");
    let answer = world.queued(&alone).await;
    assert_eq!((&answer["state"], &answer["reason"]), (&json!("waiting"), &json!("no_click")));
    world.queued(&with(&by_mail("tied"), &json!({"leadId": "l-1"}))).await;
    let landing = json!({"msclkid": click(1), "sessionId": "s", "landedAt": time(-60)});
    assert_eq!(world.capture(&landing).await.status, 204);
    world.capture(&json!({"sessionId": "s", "leadId": "l-1"})).await;
    world.until_state("tied", "accepted").await;
    let sent = bodies(&world, CONVERSIONS);
    assert!(sent.len() == 1 && !sent[0].contains(HASH), "{sent:?}");
    assert_eq!(world.record("alone").await["state"], "waiting");
    world.stop().await;

    let world = World::with(|options| {
        patient(options);
        options.data = Some(folder.path().to_owned());
    })
    .await;
    // Nothing was kept of the person; sent again, the event says it.
    let again = world.enqueue(KEY, alone.to_string()).await;
    assert_eq!(again.body["status"], "duplicate", "{again:?}");
    world.until_state("alone", "accepted").await;
    let sent = bodies(&world, CONVERSIONS);
    assert!(sent.len() == 1 && sent[0].contains(HASH), "{sent:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_row_that_nobody_gets_through_is_due_again_in_an_hour() {
    let world = World::with(|options| {
        patient(options);
        quick(options);
        options.hour = 8;
    })
    .await;
    world.change_goals(|goal| goal.paused = true);
    world.check_goals().await;
    world.queued(&purchase("1", &click(1), &json!(10))).await;
    assert_eq!(world.until_state("1", "waiting").await["reason"], "goal_held");
    world.until_drained().await;
    let down = Fault::Status { status: 503, body: AnswerBody::Html, after_accepting: false };
    world.faults(vec![FaultRule::new(down).on(CONVERSIONS)]);
    world.change_goals(|goal| goal.paused = false);
    assert_eq!(world.check_goals().await["held"], json!([]));
    world.until_called(CONVERSIONS, 2).await;
    assert_eq!(world.messages("uploads-dlq").await, 0);
    world.faults(Vec::new());
    world.until_state("1", "accepted").await;
    world.stop().await;
}
