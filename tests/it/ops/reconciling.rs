//! `reconcile`.

use std::time::Duration;

use serde_json::{Value, json};
use test_support::events::{click, purchase, refund, time, with};
use test_support::rig::World;

use super::ops;
use crate::files::folder;

/// How many orders ended like this, for this reason.
fn orders(answer: &Value, what: &str, reason: &str) -> u64 {
    let why = answer["why"].as_array().expect("a list");
    let mut of = why.iter().filter(|it| it["what"] == what && it["reason"] == reason);
    of.next().and_then(|it| it["orders"].as_u64()).unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shops_list_is_compared_order_by_order_to_the_cent() {
    let world = World::quick(|options| {
        options.retry_base = Duration::from_secs(600);
        options.hour = 600;
        options.settle_delay = 600;
    })
    .await;
    let order = json!({"orderId": "o-1"});
    world.queued(&with(&purchase("1", &click(1), &json!(129.95)), &order)).await;
    // Another notice of the same order, under its own id.
    let notice = with(&purchase("1-b", &click(1), &json!(129.95)), &order);
    assert_eq!(world.post(&notice).await.body["status"], "duplicate");
    world.queued(&purchase("2", &click(2), &json!(10))).await;
    for id in ["1", "2"] {
        world.until_state(id, "accepted").await;
    }
    world.queued(&refund("2-r", "2", &json!(4))).await;
    let nobody = json!({"msclkid": null, "sessionId": "s-1"});
    world.queued(&with(&purchase("3", "", &json!(7.5)), &nobody)).await;
    world.rename_goal("Purchase", "Purchases");
    world.queued(&purchase("4", &click(4), &json!(5))).await;
    world.until_state("4", "refused").await;

    let folder = folder();
    let file = folder.path().join("orders.csv");
    let at = time(-1);
    let path = file.to_str().expect("a path");
    let reconcile = ["reconcile", path, "--set", "event=purchase", "--set", "source=shop"];
    let good = format!(
        "number,occurredAt,value,currency\n1,{at},129.95,USD\n1-b,{at},129.95,USD\n\
         2,{at},10.00,USD\n3,{at},7.50,USD\n4,{at},5,USD\n"
    );
    std::fs::write(&file, &good).expect("written");
    let mapped = [&reconcile[..], &["--map", "eventId=number", "--json"]].concat();
    let ran = ops(&world, &mapped).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let answer = ran.json();
    assert_eq!((&answer["orders"], &answer["accuracy"]), (&json!(5), &json!(100.0)));
    assert_eq!(orders(&answer, "sent", ""), 3);
    assert_eq!(orders(&answer, "waiting", "no_click"), 1);
    let name_invalid = "microsoft 5606 OfflineConversionNameInvalid";
    assert_eq!(orders(&answer, "refused", name_invalid), 1);
    let day = &answer["days"][0];
    assert_eq!((&day["goal"], &day["money"]), (&json!("Purchase"), &json!({"USD": "282.4"})));
    assert_eq!((&day["sent"], &day["differing"]), (&json!(3), &json!(0)));

    // A cent too much, an order that never came, one that the API would reject.
    let bad = format!("{good}2,{at},10.01,USD\n9,{at},1,USD\n10,yesterday,1,USD\n");
    std::fs::write(&file, bad).expect("written");
    let ran = ops(&world, &mapped).await;
    assert_eq!(ran.code, Some(1));
    let answer = ran.json();
    assert_eq!(answer["accuracy"], json!(62.5));
    let wrong = json!([
        {"line": 7, "id": "shop/2", "value": "10.01 USD", "what": "10 USD here"},
        {"line": 8, "id": "shop/9", "value": "1 USD", "what": "missing"},
        {"line": 9, "id": "", "value": "", "what": "missing: invalid_time"},
    ]);
    assert_eq!(answer["wrong"], wrong);
    let plain = [&reconcile[..], &["--map", "eventId=number", "--accuracy", "60"]].concat();
    let ran = ops(&world, &plain).await;
    assert_eq!(ran.code, Some(0), "less is wanted");
    ran.shows(&["62.50 % of 8 orders", "line 7, shop/2 10.01 USD: 10 USD here", "no_click"]);

    std::fs::write(&file, good.replace("10.00", "6")).expect("written");
    assert_eq!(ops(&world, &mapped).await.code, Some(1));
    assert_eq!(ops(&world, &[&mapped[..], &["--net"]].concat()).await.code, Some(0));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_found_by_its_number_and_an_empty_list_is_no_success() {
    let world = World::start().await;
    let order = |number: &str| json!({"orderId": number});
    world.queued(&with(&purchase("1", &click(1), &json!(5)), &order("o-1"))).await;
    let denied = with(&purchase("2", &click(2), &json!(5)), &order("o-2"));
    let answer = world.post(&with(&denied, &json!({"consent": "denied"}))).await;
    assert_eq!(answer.body["status"], "ignored");
    world.until_state("1", "accepted").await;

    let folder = folder();
    let file = folder.path().join("orders.csv");
    let path = file.to_str().expect("a path");
    let set = ["--set", "event=purchase", "--set", "source=shop", "--json"];
    let reconcile = [&["reconcile", path][..], &set].concat();
    let (head, at) = ("eventId,orderId,occurredAt,value,currency\n", time(-1));
    let list = format!("{head}other-1,o-1,{at},5,USD\nother-2,o-2,{at},5,USD\n");
    std::fs::write(&file, format!("{list}other-1,o-1,{at},5,USD\n")).expect("written");
    let ran = ops(&world, &reconcile).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let answer = ran.json();
    assert_eq!(orders(&answer, "sent", ""), 2);
    assert_eq!(orders(&answer, "ignored", "consent_denied"), 1);
    assert_eq!(answer["again"], json!(1), "one order is listed twice");

    // What another goal has under this id, and a refund's id, are no such sale.
    let subscription = json!({"event": "subscription_start"});
    let subscribed = with(&purchase("3", &click(3), &json!(7)), &subscription);
    world.queued(&subscribed).await;
    world.queued(&refund("3-r", "3", &json!(1))).await;
    let called = with(&purchase("4", &click(4), &json!(7)), &json!({"event": "phone_sale"}));
    world.queued(&called).await;
    let list = format!("{head}3,,{at},7,USD\n3-r,,{at},7,USD\n4,,{at},7,USD\n");
    std::fs::write(&file, list).expect("written");
    let answer = ops(&world, &reconcile).await.json();
    assert_eq!(orders(&answer, "missing", ""), 2, "{answer}");

    std::fs::write(&file, head).expect("written");
    for command in ["reconcile", "import"] {
        let ran = ops(&world, &[&[command, path][..], &set].concat()).await;
        assert_eq!((ran.code, &ran.json()["error"]["code"]), (Some(2), &json!("no_rows")));
    }
    world.stop().await;
}

/// What Microsoft has too much costs as much as what it lacks.
#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_the_list_lacks_is_named_with_its_money() {
    let world = World::start().await;
    let sale = |id: &str, number: u32, at: &str, value: f64| {
        with(&purchase(id, &click(number), &json!(value)), &json!({"occurredAt": at}))
    };
    let times: Vec<String> = (0..6).map(|n| time(-600 + 60 * n)).collect();
    for (number, value) in [(0, 1.0), (1, 20.0), (2, 30.5), (3, 40.0), (4, 50.0), (5, 60.0)] {
        let id = format!("n{number}");
        world.queued(&sale(&id, number, &times[number as usize], value)).await;
        world.until_state(&id, "accepted").await;
    }
    // Of another source, and of another event.
    world.queued(&with(&sale("x", 7, &times[2], 9.0), &json!({"source": "crm"}))).await;
    world.queued(&with(&sale("y", 8, &times[2], 9.0), &json!({"event": "phone_sale"}))).await;
    world.queued(&refund("n3-r", "n3", &Value::Null)).await;
    world.until_state("n3", "retracted").await;
    world.queued(&refund("n2-r", "n2", &json!(0.5))).await;
    world.until_state("n2", "restated").await;

    let folder = folder();
    let file = folder.path().join("orders.csv");
    let path = file.to_str().expect("a path");
    let list = format!(
        "eventId,occurredAt,value,currency\nn1,{},20,USD\nn4,{},50,USD\n",
        times[1], times[4]
    );
    std::fs::write(&file, list).expect("written");
    let set = ["--set", "event=purchase", "--set", "source=shop"];
    let reconcile = [&["reconcile", path][..], &set].concat();
    let ran = ops(&world, &[&reconcile[..], &["--json"]].concat()).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let answer = ran.json();
    let money = |text: &str| json!({"USD": text});
    let extra = json!({"sales": 1, "money": money("30.5"), "atMicrosoft": money("30")});
    assert_eq!(answer["notInFile"], extra, "neither before, nor after, nor what was taken back");
    let sales = &answer["notInFileSales"];
    assert_eq!((&sales[0]["id"], &sales[0]["what"]), (&json!("shop/n2"), &json!("sent")));
    assert_eq!(answer["accuracy"].as_f64().map(f64::round), Some(67.0), "two of three");
    let shown = ops(&world, &reconcile).await;
    shown.shows(&["not in the file: shop/n2 30.5 USD", "1 sales are not in the file", "66.67 %"]);
    let part = ops(&world, &[&reconcile[..], &["--part"]].concat()).await;
    assert_eq!(part.code, Some(0), "{part:?}");
    world.stop().await;
}
