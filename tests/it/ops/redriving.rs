//! `open` and `redrive`.

use std::time::Duration;

use serde_json::{Value, json};
use test_support::events::{click, purchase, refund, with};
use test_support::rig::World;
use test_support::rig::operator::CONVERSIONS;

use super::ops;

const NAME_INVALID: &str = "microsoft 5606 OfflineConversionNameInvalid";

/// A group of the answer of `open`, by its class and reason.
fn group<'a>(answer: &'a Value, class: &str, reason: &str) -> &'a Value {
    let groups = answer["groups"].as_array().expect("groups");
    let mut of = groups.iter().filter(|it| it["class"] == class && it["reason"] == reason);
    of.next().unwrap_or_else(|| panic!("no {class} {reason} in {answer:#}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_is_shown_with_its_money_and_what_can_go_is_sent_again() {
    let world = World::quick(|options| {
        // Neither a refused message nor a look for a click changes anything today.
        options.retry_base = Duration::from_secs(600);
        options.hour = 600;
    })
    .await;
    let ran = ops(&world, &["open"]).await;
    assert_eq!((ran.code, &*ran.out), (Some(0), "nothing is open\n"));

    world.rename_goal("Purchase", "Purchases");
    for (n, value) in [(1, json!(129.95)), (2, json!(0.05))] {
        world.queued(&purchase(&n.to_string(), &click(n), &value)).await;
        world.until_state(&n.to_string(), "refused").await;
    }
    let nobody = json!({"msclkid": null, "sessionId": "s-1"});
    world.queued(&with(&purchase("3", "", &json!(7.5)), &nobody)).await;
    world.until_state("3", "waiting").await;
    world.queued(&refund("early-r", "early", &json!(3))).await;

    let ran = ops(&world, &["open", "--json", "--list", "10"]).await;
    assert_eq!(ran.code, Some(1), "something is refused: {ran:?}");
    let answer = ran.json();
    let refused = group(&answer, "refused", NAME_INVALID);
    assert_eq!((&refused["rows"], &refused["money"]), (&json!(2), &json!({"USD": "130"})));
    assert_eq!((&refused["account"], &refused["goal"]), (&json!("main"), &json!("Purchase")));
    assert_eq!(group(&answer, "look", "no_click")["money"], json!({"USD": "7.5"}));
    assert_eq!(group(&answer, "orphan", "original_missing")["rows"], 1);
    assert_eq!(answer["rows"].as_array().map(Vec::len), Some(4));
    let ran = ops(&world, &["open"]).await;
    ran.shows(&["refused", NAME_INVALID, "130 USD", "no_click", "a redrive", "cure: "]);
    let ran = ops(&world, &["open", "--class", "look", "--class", "orphan"]).await;
    assert_eq!(ran.code, Some(0), "only what waits is looked at");
    assert!(!ran.out.contains("refused"), "{}", ran.out);

    for (arguments, code) in [
        (&["redrive"][..], "nothing_named"),
        (&["redrive", "--class", "wait"], "not_redriven"),
        (&["redrive", "--reason", "5606"], "not_confirmed"),
    ] {
        let ran = ops(&world, &[arguments, &["--json"]].concat()).await;
        assert_eq!((ran.code, &ran.json()["error"]["code"]), (Some(2), &json!(code)));
    }
    // A signal of the second of the refusal would be a left-over.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let calls = world.calls(CONVERSIONS).len();
    let preview = ops(&world, &["redrive", "--reason", "5606", "--preview", "--json"]).await;
    assert_eq!(preview.code, Some(0));
    let plan = preview.json();
    assert_eq!((&plan["rows"], &plan["money"]), (&json!(2), &json!({"USD": "130"})));
    assert_eq!(plan["sample"][0], "purchase shop/1 129.95 USD");
    assert_eq!(plan["signalled"], json!(null));
    assert_eq!(world.calls(CONVERSIONS).len(), calls, "a preview sends nothing");

    world.rename_goal("Purchases", "Purchase");
    let ran = ops(&world, &["redrive", "--reason", "5606", "--account", "main", "--yes"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.shows(&["2 rows can be sent again, of orders worth 130 USD", "2 rows are on their way"]);
    for id in ["1", "2"] {
        world.until_state(id, "accepted").await;
    }
    world.until_worth(&click(1), "129.95").await;
    assert_eq!(world.conversions().await.len(), 2);

    let ran = ops(&world, &["redrive", "--all", "--yes"]).await;
    assert_eq!(ran.code, Some(0));
    ran.shows(&["0 rows can be sent again"]);
    let ran = ops(&world, &["open"]).await;
    assert_eq!(ran.code, Some(0), "what is left waits by itself: {}", ran.out);
    world.stop().await;
}

/// A redrive needs no messages, so it leaves them in the dead-letter queue.
#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_that_are_moved_back_after_a_redrive_do_no_harm() {
    let world = World::quick(|_| {}).await;
    world.rename_goal("Purchase", "Purchases");
    world.queued(&purchase("1", &click(1), &json!(20))).await;
    world.queued(&purchase("2", &click(2), &json!(5))).await;
    world.until_dead_letters(2).await;
    world.rename_goal("Purchases", "Purchase");
    let ran = ops(&world, &["redrive", "--all", "--yes"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for id in ["1", "2"] {
        world.until_state(id, "accepted").await;
    }
    world.queued(&refund("1-r", "1", &json!(4))).await;
    world.until_state("1", "restated").await;
    world.until_dead_letters(2).await;
    let calls = world.calls("/Apply").len();
    world.redrive().await;
    world.until_dead_letters(0).await;
    assert_eq!(world.calls("/Apply").len(), calls, "Microsoft has all of it");
    let conversions = world.conversions().await;
    assert!(conversions.iter().all(|it| it["duplicates"] == 0), "{conversions:?}");
    assert_eq!(world.conversion(&click(1)).await["value"], 16);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_was_erased_is_not_sent_again() {
    let world = World::quick(|options| options.retry_base = Duration::from_secs(600)).await;
    world.rename_goal("Purchase", "Purchases");
    for (n, person) in [(1, json!({})), (2, json!({"leadId": "l-1"}))] {
        world.queued(&with(&purchase(&n.to_string(), &click(n), &json!(5)), &person)).await;
        world.until_state(&n.to_string(), "refused").await;
    }
    let denied = json!({"leadId": "l-1", "consent": "denied"});
    let answer = world.post(&with(&purchase("2", &click(2), &json!(5)), &denied)).await;
    assert_eq!(answer.body["status"], "ignored");
    // A signal of the second of the refusal would be a left-over.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let plan = ops(&world, &["redrive", "--class", "refused", "--preview", "--json"]).await;
    assert_eq!(plan.json()["sample"], json!(["purchase shop/1 5 USD"]), "{plan:?}");
    world.stop().await;
}
