//! A mapping of one's own: new goals and events, several accounts, all of it data.

use std::path::PathBuf;

use serde_json::{Value, json};
use test_support::events::{click, purchase, refund, time, with};
use test_support::rig::{KEY, World, until};

use crate::files::mapping;

async fn world(mapping: PathBuf) -> World {
    World::with(|options| {
        options.hour = 600;
        options.mapping = Some(mapping);
    })
    .await
}

/// Microsoft reports on 20 goals a call.
#[tokio::test(flavor = "multi_thread")]
async fn many_goals_are_checked_and_reported() {
    let path = mapping("many", |mapping| {
        for number in 0..38 {
            mapping["goals"][format!("goal_{number}")] = json!({"name": format!("Goal {number}"),
                "revenue": "VariableValue", "countType": "All", "enhancedConversions": true});
        }
    });
    let world = world(path).await;
    let report = world.stack.invoke("goals", &json!({})).await.expect("a report");
    let account = &report["accounts"][0];
    assert_eq!((&account["checked"], &account["held"]), (&json!(true), &json!([])), "{report}");
    assert!(account["outcomesError"].is_null(), "{report}");
    assert_eq!(account["outcomes"].as_array().map(Vec::len), Some(41));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_goal_and_an_event_are_added_in_the_mapping_alone() {
    let path = mapping("goal", |mapping| {
        mapping["goals"]["closed_deal"] = json!({"name": "Closed Deal",
            "revenue": "VariableValue", "countType": "All", "enhancedConversions": true});
        mapping["events"]["closed_deal"] = json!({"goal": "closed_deal", "required": ["leadId"]});
        mapping["analyticsOnly"] = json!(["demo_booked"]);
    });
    let world = world(path).await;
    let landing = json!({"msclkid": click(1), "sessionId": "s", "leadId": "l-1"});
    assert_eq!(world.capture(&landing).await.status, 204);
    let deal = json!({"event": "closed_deal", "eventId": "d-1", "source": "crm",
        "occurredAt": time(0), "value": 4999.5, "currency": "EUR", "leadId": "l-1"});
    let answer = world.post(&with(&deal, &json!({"leadId": null, "msclkid": click(2)}))).await;
    assert_eq!(answer.problem(), (422, "missing_field", Some("leadId")));
    world.queued(&deal).await;
    let back =
        with(&refund("d-1-r", "d-1", &json!(999.5)), &json!({"source": "crm", "currency": "EUR"}));
    world.queued(&back).await;
    // What is not in this mapping is unknown, and what it leaves to analytics is ignored.
    let answer = world.post(&with(&deal, &json!({"event": "page_view"}))).await;
    assert_eq!(answer.problem(), (422, "unknown_event", Some("event")));
    let answer = world.post(&with(&deal, &json!({"event": "demo_booked"}))).await;
    assert_eq!(answer.body["reason"], "analytics_only");

    until("restated", || async {
        let answer = world.status(KEY, "crm/d-1").await;
        let record = answer.body["records"][0].clone();
        if record["state"] == "restated" { Ok(()) } else { Err(record) }
    })
    .await;
    let conversions = world.conversions().await;
    assert_eq!(conversions.len(), 1);
    let seen = ["goal", "clickId", "originalValue", "value", "currency"]
        .map(|key| conversions[0][key].clone());
    assert_eq!(json!(seen), json!(["Closed Deal", click(1), 4999.5, 4000, "EUR"]));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_account_has_its_own_goal_names_rights_and_trust_in_browsers() {
    let path = mapping("each-account", |mapping| {
        mapping["accounts"] = json!({"main": {"browserOrderTies": true},
                                     "eu": {"goals": {"purchase": "Kauf"}}});
    });
    let world = world(path).await;
    world.add_keys().await;
    let eu = json!({"account": "eu"});
    let main = json!({"account": "main"});

    let sale = purchase("1", &click(1), &json!(10));
    let answer = world.post(&sale).await;
    assert_eq!(answer.problem(), (422, "missing_field", Some("account")));
    let answer = world.post(&with(&sale, &json!({"account": "us"}))).await;
    assert_eq!(answer.problem(), (422, "unknown_account", Some("account")));
    let answer = world.enqueue("eu-key", with(&sale, &main).to_string()).await;
    assert_eq!(answer.problem().0, 403);
    let answer = world.enqueue("eu-key", with(&sale, &eu).to_string()).await;
    assert_eq!((answer.status, &answer.body["status"]), (202, &json!("queued")));
    // The same click and second count once in each account, unshifted.
    let twin = with(&sale, &json!({"eventId": "2", "account": "main"}));
    world.queued(&twin).await;
    for (id, account, goal) in [("1", "eu", "Kauf"), ("2", "main", "Purchase")] {
        let record = world.until_state(id, "accepted").await;
        assert_eq!(
            (&record["account"], &record["microsoft"]["goal"]),
            (&json!(account), &json!(goal))
        );
        assert_eq!(record["microsoft"]["conversionTime"], sale["occurredAt"]);
    }

    // The function that renews tokens may do so in both.
    for account in ["main", "eu"] {
        let secret = format!("tracklayer/{account}");
        world.aws("secretsmanager.RotateSecret", json!({"SecretId": secret})).await;
        until(account, || async {
            let is_rotated = world.has_logged("token", &[&secret, "FinishSecret", "Finished"]);
            is_rotated.then_some(()).ok_or("not rotated")
        })
        .await;
    }

    // A source is one space of ids, whatever the account.
    let answer = world.post(&with(&sale, &main)).await;
    assert_eq!(answer.problem(), (409, "conflict", None));

    // A correction's account is its original's, also of one that comes later.
    let back = refund("1-r", "1", &json!(1));
    let answer = world.post(&with(&back, &main)).await;
    assert_eq!(answer.problem(), (422, "invalid_original", Some("account")));
    world.queued(&back).await;
    world.queued(&refund("3-r", "3", &json!(1))).await;
    world.queued(&with(&purchase("3", &click(3), &json!(10)), &main)).await;
    let record = world.until_state("1", "restated").await;
    assert_eq!(record["microsoft"]["value"], 9);
    world.until_state("3", "restated").await;

    // Orders that a browser ties count where the account says so, leads everywhere.
    let landing = json!({"msclkid": click(4), "sessionId": "s", "orderId": "o", "leadId": "l",
                         "landedAt": time(-60)});
    assert_eq!(world.capture(&landing).await.status, 204);
    let tied = |id: &str, account: &Value, by: Value| {
        let by = with(&with(&by, account), &json!({"msclkid": null}));
        with(&with(&purchase(id, "", &json!(1)), &by), &json!({"msclkid": null}))
    };
    let order = json!({"orderId": "o"});
    for (id, account, by, expected) in [
        ("order-main", &main, &order, "order"),
        ("order-eu", &eu, &order, "no_click"),
        ("lead-eu", &eu, &json!({"leadId": "l"}), "lead"),
    ] {
        world.queued(&tied(id, account, by.clone())).await;
        let record = world.record(id).await;
        let from =
            if record["click"].is_null() { &record["reason"] } else { &record["click"]["from"] };
        assert_eq!(from, expected, "{id}");
    }
    let key = format!("Bearer {KEY}");
    let headers = [("content-type", "application/json"), ("authorization", key.as_str())];
    let tie = json!({"sessionId": "s", "orderId": "o"}).to_string();
    assert_eq!(world.landing(&headers, tie).await.status, 204);
    let keyed = with(&tied("keyed-eu", &eu, order), &json!({"event": "subscription_start"}));
    world.queued(&keyed).await;
    assert_eq!(world.record("keyed-eu").await["click"]["from"], "order");
    world.stop().await;
}
