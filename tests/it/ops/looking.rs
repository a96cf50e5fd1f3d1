//! `find` and `explain`.

use serde_json::{Value, json};
use test_support::events::{MSCLKID, click, purchase, refund, time, with};
use test_support::rig::World;
use test_support::rig::operator::parameter;

use super::{local, ops, run};

/// A click of session s-1, a lead and an order linked to it, and a purchase of that order.
async fn sold(world: &World) {
    let landing = json!({"msclkid": MSCLKID, "sessionId": "s-1", "leadId": "l-1",
        "orderId": "o-1", "landedAt": time(-600)});
    assert_eq!(world.capture(&landing).await.status, 204);
    let sale = json!({"msclkid": null, "orderId": "o-1", "leadId": "l-1"});
    world.queued(&with(&purchase("4711", "", &json!(129.95)), &sale)).await;
}

fn conversions(answer: &Value) -> Vec<&str> {
    let list = answer["conversions"].as_array().expect("a list");
    list.iter().filter_map(|it| it["eventId"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_leads_to_everything_else() {
    let world = World::start().await;
    sold(&world).await;
    world.until_state("4711", "accepted").await;
    world.queued(&purchase("4712", &click(2), &json!(1))).await;
    for (of, links, clicks, rows) in [
        (&["event", "shop", "4711"][..], 0, 0, 1),
        (&["order", "o-1"], 1, 1, 1),
        (&["order", " o-1", "--rows"], 0, 0, 1),
        (&["lead", "l-1"], 1, 1, 0),
        (&["lead", "l-1", "--rows"], 1, 1, 1),
        (&["session", "s-1"], 0, 1, 0),
        (&["session", "s-1", "--rows"], 0, 1, 1),
        (&["click", MSCLKID], 0, 1, 1),
        (&["click", MSCLKID, "--session", "s-1"], 0, 1, 0),
    ] {
        let ran = ops(&world, &[&["--json", "find"], of].concat()).await;
        assert_eq!(ran.code, Some(0), "{of:?} {ran:?}");
        let answer = ran.json();
        let count = |what: &str| answer[what].as_array().map_or(0, Vec::len);
        assert_eq!((count("links"), count("clicks"), count("conversions")), (links, clicks, rows));
        assert!(conversions(&answer).iter().all(|id| *id == "4711"), "{of:?} {answer}");
    }
    for nothing in [
        &["event", "shop", "1"][..],
        &["order", "o-2", "--rows"],
        &["cart", "c"],
        &["session", "s-2", "--rows"],
        &["click", &click(9)],
    ] {
        let ran = ops(&world, &[&["find"], nothing].concat()).await;
        assert_eq!((ran.code, &*ran.out), (Some(1), "nothing found\n"), "{nothing:?}");
    }

    let ran = ops(&world, &["find", "order", "o-1"]).await;
    ran.shows(&["shop/4711", "129.95 USD", "accepted", MSCLKID, "browser", "s-1"]);
    assert!(!ran.out.contains('\u{1b}') && ran.err.is_empty(), "no colours in a pipe: {ran:?}");
    let local = local(&world);
    let find = [&*local, "find", "order", "o-1"];
    assert!(run(&find, &[("CLICOLOR_FORCE", "1")]).await.out.contains('\u{1b}'));
    let both = [("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")];
    assert!(!run(&find, &both).await.out.contains('\u{1b}'), "NO_COLOR wins");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_told_from_its_click_to_what_comes_next() {
    let world = World::with(|options| options.settle_delay = 600).await;
    sold(&world).await;
    world.until_state("4711", "accepted").await;
    world.queued(&refund("4711-r1", "4711", &json!(30))).await;
    let ran = ops(&world, &["explain", "shop", "4711"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.shows(&[
        "purchase shop/4711  waiting settle_delay",
        "found by the lead, stored under s-1",
        "linked to s-1 by a browser",
        "purchase of 129.95 USD",
        "4711-r1 gives back 30 USD",
        "Microsoft took it with 129.95 USD",
        "why:  Microsoft must show the original before it can be corrected.",
        "next: Restate is sent in",
    ]);
    assert!(!ran.out.contains('\u{1b}'), "no colours in a pipe");

    let ran = ops(&world, &["explain", "shop", "4711-r1", "--json"]).await;
    let answer = ran.json();
    assert_eq!(answer["records"], json!([world.record("4711").await]), "as status answers");
    let told = &answer["explained"][0];
    assert_eq!((&told["eventId"], &told["next"]["action"]), (&json!("4711"), &json!("Restate")));
    let steps = told["timeline"].as_array().expect("steps");
    let steps: Vec<_> = steps.iter().filter_map(|step| step["what"].as_str()).collect();
    for what in ["click", "link", "event", "recorded", "correction", "accepted"] {
        assert!(steps.contains(&what), "{steps:?}");
    }

    let ran = ops(&world, &["explain", "shop", "unknown"]).await;
    assert_eq!(ran.code, Some(1));
    world.queued(&refund("early-r", "early", &json!(3))).await;
    let ran = ops(&world, &["explain", "shop", "early"]).await;
    ran.shows(&["corrections of shop/early", "waiting original_missing", "early-r"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_in_microsofts_words_with_its_cure() {
    let world = World::quick(|options| parameter(options, "MaxReceiveCount", "3")).await;
    world.rename_goal("Purchase", "Purchases");
    world.queued(&purchase("1", &click(1), &json!(20))).await;
    world.until_state("1", "refused").await;
    let ran = ops(&world, &["explain", "shop", "1"]).await;
    ran.shows(&[
        "refused microsoft 5606 OfflineConversionNameInvalid",
        "Apply was not taken: 5606 OfflineConversionNameInvalid (attempt 1, TrackingId ",
        "cure: ",
        "next: nothing, until somebody repairs the cause and redrives it",
    ]);
    world.stop().await;
}
