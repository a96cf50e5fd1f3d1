//! What Microsoft refuses for good or nobody can deliver rests among the dead letters, and goes
//! once its cause is repaired and an operator sends it back.

use std::time::Duration;

use microsoft_simulator::{AnswerBody, Fault, FaultRule};
use serde_json::json;
use test_support::events::{click, purchase, refund, time, with};
use test_support::rig::World;
use test_support::rig::operator::{ADJUSTMENTS, APPLY, CONVERSIONS, TOKEN, parameter, quick};

use crate::files::{folder, mapping};

const NAME_INVALID: &str = "microsoft 5606 OfflineConversionNameInvalid";

fn status(status: u16) -> FaultRule {
    let body = AnswerBody::Empty;
    FaultRule::new(Fault::Status { status, body, after_accepting: false }).on(CONVERSIONS)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_row_rests_until_its_cause_is_repaired_and_goes_once() {
    let world = World::quick(|options| {
        // A refused message that waits for its turn would not be among the dead letters today.
        options.retry_base = Duration::from_secs(600);
    })
    .await;
    world.rename_goal("Purchase", "Purchases");
    let sale = purchase("1", &click(1), &json!(129.95));
    assert_eq!(world.post(&sale).await.status, 202);
    let record = world.until_state("1", "refused").await;
    assert_eq!(record["reason"], NAME_INVALID);
    world.until_dead_letters(1).await;
    assert_eq!(world.calls(CONVERSIONS).len(), 1, "one refusal is enough");

    // Neither the event sent again nor a refund of it wakes the row.
    assert_eq!(world.post(&sale).await.body["status"], "duplicate");
    assert_eq!(world.post(&refund("1-r", "1", &json!(30))).await.status, 202);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(world.calls(CONVERSIONS).len(), 1);
    world.until_dead_letters(1).await;

    // Sent back too early it is refused again, and rests again.
    world.redrive().await;
    world.until_dead_letters(1).await;
    assert_eq!(world.calls(CONVERSIONS).len(), 2);
    assert_eq!(world.record("1").await["reason"], NAME_INVALID);

    world.rename_goal("Purchases", "Purchase");
    world.redrive().await;
    let record = world.until_state("1", "restated").await;
    assert_eq!(record["reason"], json!(null));
    world.until_dead_letters(0).await;

    // A second time there is nothing to move, and a message too many finds nothing to do.
    world.redrive().await;
    world.send_signals("1", "purchase", 2).await;
    world.until_dead_letters(0).await;
    let conversion = world.until_worth(&click(1), "99.95").await;
    assert_eq!(conversion["originalValue"].to_string(), "129.95");
    assert_eq!((&conversion["adjustments"], &conversion["duplicates"]), (&json!(1), &json!(0)));
    assert_eq!(world.calls(CONVERSIONS).len(), 3);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_goal_name_in_the_mapping_is_taken_by_a_redrive() {
    let folder = folder();
    let world = World::quick(|options| options.data = Some(folder.path().to_owned())).await;
    world.rename_goal("Purchase", "Purchases");
    assert_eq!(world.post(&purchase("1", &click(1), &json!(20))).await.status, 202);
    world.until_dead_letters(1).await;
    assert_eq!(world.record("1").await["reason"], NAME_INVALID);
    world.stop().await;

    let renamed =
        mapping("renamed", |mapping| mapping["goals"]["purchase"]["name"] = json!("Purchases"));
    let world = World::quick(|options| {
        options.data = Some(folder.path().to_owned());
        options.mapping = Some(renamed);
    })
    .await;
    world.until_dead_letters(1).await;
    world.redrive().await;
    world.until_state("1", "accepted").await;
    world.until_dead_letters(0).await;
    let record = world.record("1").await;
    assert_eq!(record["microsoft"]["goal"], "Purchases");
    assert_eq!(world.post(&refund("1-r", "1", &json!(5))).await.status, 202);
    world.until_state("1", "restated").await;
    let conversion = world.conversion(&click(1)).await;
    assert_eq!(
        (&conversion["goal"], conversion["value"].to_string()),
        (&json!("Purchases"), "15".to_owned())
    );
    assert_eq!((&conversion["adjustments"], &conversion["duplicates"]), (&json!(1), &json!(0)));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_refused_after_an_attempt_in_doubt_may_count_already() {
    let world = World::with(quick).await;
    world.faults(vec![status(500).times(1)]);
    assert_eq!(world.post(&purchase("1", &click(1), &json!(20))).await.status, 202);
    world.until_called(CONVERSIONS, 1).await;
    world.rename_goal("Purchase", "Purchases");
    let record = world.until_state("1", "refused").await;
    assert_eq!(record["reason"], "may_already_count");
    world.until_dead_letters(1).await;
    world.rename_goal("Purchases", "Purchase");
    world.redrive().await;
    world.until_state("1", "accepted").await;
    world.until_dead_letters(0).await;
    assert_eq!(world.conversion(&click(1)).await["value"], 20);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_nobody_could_deliver_is_dead_and_goes_after_a_redrive() {
    let world = World::quick(|options| parameter(options, "MaxReceiveCount", "3")).await;
    world.faults(vec![status(503)]);
    let sale = purchase("1", &click(1), &json!(20));
    assert_eq!(world.post(&sale).await.status, 202);
    world.until_dead_letters(1).await;
    let record = world.record("1").await;
    assert_eq!((&record["state"], &record["attempts"]), (&json!("dead"), &json!(3)));
    world.faults(Vec::new());
    assert_eq!(world.post(&sale).await.body["status"], "duplicate");
    assert_eq!(world.post(&refund("1-r", "1", &json!(5))).await.status, 202);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(world.record("1").await["state"], "dead", "only a redrive wakes it");
    assert_eq!(world.calls(CONVERSIONS).len(), 3);

    world.redrive().await;
    world.until_state("1", "restated").await;
    world.until_dead_letters(0).await;
    let conversion = world.conversion(&click(1)).await;
    assert_eq!((&conversion["value"], &conversion["duplicates"]), (&json!(15), &json!(0)));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_consent_sends_nothing_and_a_new_one_repairs_it() {
    let world = World::quick(|options| parameter(options, "MaxReceiveCount", "3")).await;
    let tokens = world.calls(TOKEN).len();
    world.change_secret("main", "refresh_token", "revoked").await;
    assert_eq!(world.post(&purchase("1", &click(1), &json!(20))).await.status, 202);
    world.until_dead_letters(1).await;
    let record = world.record("1").await;
    assert_eq!((&record["state"], &record["attempts"]), (&json!("dead"), &json!(0)));
    assert_eq!(world.calls(CONVERSIONS).len(), 0, "nothing is sent without a token");
    assert_eq!(world.calls(TOKEN).len(), tokens + 1, "a refused consent is not asked for again");

    world.change_secret("main", "refresh_token", "local-refresh-token").await;
    world.redrive().await;
    world.until_state("1", "accepted").await;
    world.until_dead_letters(0).await;
    assert_eq!(world.calls(CONVERSIONS).len(), 1);
    assert_eq!(world.conversions().await.len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_correction_goes_again_under_its_conversions_goal() {
    let world = World::with(quick).await;
    assert_eq!(world.post(&purchase("1", &click(1), &json!(20))).await.status, 202);
    world.until_state("1", "accepted").await;
    world.rename_goal("Purchase", "Purchases");
    assert_eq!(world.post(&refund("1-r", "1", &json!(5))).await.status, 202);
    let record = world.until_state("1", "refused").await;
    assert_eq!(record["reason"], NAME_INVALID);
    assert_eq!(record["microsoft"]["value"], 20);
    world.until_dead_letters(1).await;
    assert_eq!(world.calls(ADJUSTMENTS).len(), 1);
    world.rename_goal("Purchases", "Purchase");
    world.redrive().await;
    world.until_state("1", "restated").await;
    world.until_dead_letters(0).await;
    let conversion = world.conversion(&click(1)).await;
    assert_eq!((&conversion["value"], &conversion["adjustments"]), (&json!(15), &json!(1)));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_environment_took_is_never_corrected_from_here() {
    let folder = folder();
    let within = |environment: &'static str| {
        let data = folder.path().to_owned();
        World::quick(move |options| {
            options.data = Some(data);
            parameter(options, "MicrosoftEnvironment", environment);
        })
    };
    let world = within("sandbox").await;
    assert_eq!(world.post(&purchase("1", &click(1), &json!(20))).await.status, 202);
    world.until_state("1", "accepted").await;
    world.until_drained().await;
    world.stop().await;

    let world = within("production").await;
    assert_eq!(world.post(&refund("1-r", "1", &json!(5))).await.status, 202);
    let record = world.until_state("1", "refused").await;
    assert_eq!(record["reason"], "accepted_elsewhere");
    world.until_dead_letters(1).await;
    assert!(world.calls(APPLY).is_empty());
    world.stop().await;
}

/// A better click changes nothing of what may have been taken: it would count by both.
#[tokio::test(flavor = "multi_thread")]
async fn a_sale_in_doubt_keeps_its_hashes_though_a_click_comes_and_it_is_redriven() {
    let world = World::quick(|options| parameter(options, "MaxReceiveCount", "3")).await;
    let lost = Fault::Status { status: 503, body: AnswerBody::Empty, after_accepting: true };
    world.faults(vec![FaultRule::new(lost).on(CONVERSIONS)]);
    let by = json!({"msclkid": null, "email": "jane@x.example", "leadId": "l"});
    let sale = with(&purchase("1", "", &json!(20)), &by);
    world.queued(&sale).await;
    world.until_dead_letters(1).await;
    let landing = json!({"msclkid": click(1), "sessionId": "s", "leadId": "l",
        "landedAt": time(-600)});
    assert_eq!(world.capture(&landing).await.status, 204);
    let again = world.post(&with(&sale, &json!({"msclkid": click(2)}))).await;
    assert_eq!((again.status, &again.body["status"]), (200, &json!("duplicate")), "{again:?}");
    world.faults(Vec::new());
    world.redrive().await;
    let record = world.until_state("1", "accepted").await;
    assert_eq!(record["click"], json!(null), "{record:#}");
    world.until_dead_letters(0).await;
    let bodies: Vec<String> = world.calls(CONVERSIONS).into_iter().map(|call| call.body).collect();
    assert_eq!(bodies.len(), 4);
    assert!(bodies[0].contains("HashedEmailAddress"), "{}", bodies[0]);
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:#?}");
    let conversions = world.conversions().await;
    assert_eq!((conversions.len(), &conversions[0]["duplicates"]), (1, &json!(3)));
    world.stop().await;
}
