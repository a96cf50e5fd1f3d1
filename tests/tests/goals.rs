//! The check of the goals: what it finds, holds and lets go.

use std::time::Duration;

use microsoft_simulator::{AnswerBody, Fault, FaultRule};
use serde_json::{Value, json};
use system_tests::{World, time, until};

fn subscription(event_id: &str) -> Value {
    json!({"event": "subscription_start", "eventId": event_id, "source": "shop", "occurredAt": time(-1),
           "value": 9.5, "currency": "EUR", "msclkid": "f894f652ea334e739002f7167ab8f8e3"})
}

async fn check(world: &World) -> Value {
    world.stack.invoke("goals", &json!({})).await.expect("a report")["accounts"][0].clone()
}

fn rename(world: &World, from: &str, to: &str) {
    world.microsoft().update_settings(|settings| {
        let goals = settings.accounts.iter_mut().flat_map(|account| &mut account.goals);
        goals.filter(|goal| goal.name == from).for_each(|goal| to.clone_into(&mut goal.name));
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_missing_goal_wait_and_go_by_themselves_when_it_is_repaired() {
    let world =
        World::with(|options| options.check_every = Duration::from_secs(600)).await.unwrap();
    let report = check(&world).await;
    assert_eq!((&report["checked"], &report["findings"]), (&json!(true), &json!([])));

    rename(&world, "Subscription Start", "Subscription start");
    let report = check(&world).await;
    assert_eq!(report["held"], json!(["Subscription Start"]));
    let finding = &report["findings"][0];
    assert_eq!(finding["gravity"], "holds");
    assert!(finding["cure"].as_str().unwrap().contains("\"Subscription start\""), "{finding}");

    assert_eq!(world.post(&subscription("sub-1")).await.status, 202);
    let waiting = world.until_state("sub-1", "waiting").await;
    assert_eq!(waiting["reason"], "goal_held");
    world.until_drained().await;
    assert_eq!(world.conversions().await, Vec::<Value>::new());

    rename(&world, "Subscription start", "Subscription Start");
    // It was absent a moment ago, so it may be too young: held until it is two hours old.
    let report = check(&world).await;
    assert_eq!(report["held"], json!(["Subscription Start"]));
    until("goal released", || async {
        let report = check(&world).await;
        if report["held"] == json!([]) { Ok(()) } else { Err(report) }
    })
    .await;
    world.until_state("sub-1", "accepted").await;
    assert_eq!(world.conversions().await.len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_an_account_that_can_not_be_used_wait_from_the_second_failed_check_on() {
    let world =
        World::with(|options| options.check_every = Duration::from_secs(600)).await.unwrap();
    let body = AnswerBody::Fault(106);
    let refused = Fault::Status { status: 403, body, after_accepting: false };
    world.faults(vec![FaultRule::new(refused).on("CampaignManagement")]);
    let first = check(&world).await;
    assert_eq!((&first["checked"], &first["accountHeld"]), (&json!(false), &json!(false)));
    let second = check(&world).await;
    assert_eq!(second["accountHeld"], true);
    assert!(second["findings"][0]["cure"].as_str().unwrap().contains("access"), "{second}");

    assert_eq!(world.post(&subscription("sub-2")).await.status, 202);
    assert_eq!(world.until_state("sub-2", "waiting").await["reason"], "account_held");
    world.until_drained().await;

    world.faults(Vec::new());
    let third = check(&world).await;
    assert_eq!((&third["checked"], &third["accountHeld"]), (&json!(true), &json!(false)));
    world.until_state("sub-2", "accepted").await;
    assert_eq!(world.conversions().await.len(), 1);
    world.stop().await;
}
