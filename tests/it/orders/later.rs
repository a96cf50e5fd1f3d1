//! Corrections, denials and erasures reach an order by any of its ids.

use serde_json::{Value, json};
use test_support::events::{click, refund, with};
use test_support::rig::{KEY, World, until};

use super::{conflict_with, counts_once, duplicate_of, from, land, records, sale, told};

#[tokio::test(flavor = "multi_thread")]
async fn corrections_denials_and_erasures_reach_the_order_by_any_of_its_ids() {
    let world = World::quick(|_| {}).await;
    refunds_by_the_id_of_a_duplicate(&world).await;
    a_refunded_notice_gets_another_number(&world).await;
    a_refund_that_came_before_the_duplicate(&world).await;
    taken_back_and_placed_again(&world).await;
    a_denial_after_the_sale(&world).await;
    a_denial_before_the_sale(&world).await;
    a_denial_beside_the_sale(&world).await;
    a_denial_before_the_number(&world).await;
    an_erased_order_is_not_counted_anew(&world).await;
    world.stop().await;
}

/// Nobody sends the first notice again, so nothing else would drive its row for a day.
#[tokio::test(flavor = "multi_thread")]
async fn another_notice_signals_the_row_of_an_order_whose_message_was_lost() {
    let world = World::quick(|_| {}).await;
    land(&world, "s1", &click(1)).await;
    let first = sale("1", "1001", "s1");
    world.stack.aws().refuse("AmazonSQS.SendMessage", usize::MAX);
    assert_eq!(world.post(&first).await.status, 503);
    world.stack.aws().refuse("AmazonSQS.SendMessage", 0);
    assert_eq!(world.messages("uploads").await, 0);
    assert_eq!(world.record("1").await["state"], "queued");
    let notice = from("crm", "D1", "phone_sale", &first);
    assert_eq!(told(&world.post(&notice).await), (200, duplicate_of("shop/1 purchase")));
    counts_once(&world, &click(1), "129.95").await;
    world.stop().await;
}

fn crm_refund(id: &str, original: &str, amount: &Value) -> Value {
    with(&refund(id, original, amount), &json!({"source": "crm"}))
}

async fn refunds_by_the_id_of_a_duplicate(world: &World) {
    land(world, "s1", &click(1)).await;
    let first = sale("1", "1001", "s1");
    world.queued(&first).await;
    for event in ["purchase", "phone_sale"] {
        assert_eq!(world.post(&from("crm", "D1", event, &first)).await.status, 200);
    }
    let back = crm_refund("D1-r", "D1", &json!(30));
    world.queued(&back).await;
    assert_eq!(world.post(&back).await.body["status"], "duplicate");
    let other = with(&back, &json!({"amount": 31}));
    assert_eq!(world.post(&other).await.problem(), (409, "conflict", None));
    world.queued(&refund("1-r", "1", &json!(10))).await;
    let named = json!({"original": {"eventId": "D1", "event": "subscription_start"}});
    let elsewhere = with(&crm_refund("D1-s", "D1", &json!(1)), &named);
    assert_eq!(world.queued(&elsewhere).await["reason"], "original_missing");
    world.until_worth(&click(1), "89.95").await;
    let records = records(world, "crm/D1-r").await;
    assert_eq!((records.len(), &records[0]["eventId"]), (1, &json!("1")), "{records:#?}");
}

/// Its refund must not count with a second row.
async fn a_refunded_notice_gets_another_number(world: &World) {
    land(world, "s7", &click(7)).await;
    let first = sale("7", "1007", "s7");
    world.queued(&first).await;
    let notice = from("crm", "D7", "purchase", &first);
    assert_eq!(told(&world.post(&notice).await), (200, duplicate_of("shop/7 purchase")));
    let back = crm_refund("D7-r", "D7", &json!(30));
    world.queued(&back).await;
    let renumbered = with(&notice, &json!({"orderId": "1007-b"}));
    assert_eq!(told(&world.post(&renumbered).await), (200, duplicate_of("shop/7 purchase")));
    assert_eq!(world.post(&back).await.body["status"], "duplicate");
    world.until_worth(&click(7), "99.95").await;
}

async fn a_refund_that_came_before_the_duplicate(world: &World) {
    land(world, "s2", &click(2)).await;
    let first = sale("2", "1002", "s2");
    let early = crm_refund("D2-r", "D2", &Value::Null);
    assert_eq!(world.queued(&early).await["reason"], "original_missing");
    world.queued(&first).await;
    let answer = world.post(&from("crm", "D2", "purchase", &first)).await;
    assert_eq!(told(&answer), (200, duplicate_of("shop/2 purchase")));
    world.until_state("2", "retracted").await;
}

/// The order of before is at nothing at Microsoft and stays there: the shop must hear of it.
async fn taken_back_and_placed_again(world: &World) {
    let again = from("shop", "2-again", "purchase", &sale("2", "1002", "s2"));
    let expected = conflict_with(Some("shop/2 purchase"));
    assert_eq!(told(&world.post(&again).await), (409, expected.clone()));
    assert_eq!(told(&world.post(&again).await), (409, expected), "judged anew, to the same end");
    assert_eq!(world.record("2-again").await["eventId"], "2", "its id leads there");
}

async fn a_denial_after_the_sale(world: &World) {
    let denied = json!({"consent": "denied"});
    for (id, order, by) in [("3", "1003", "D3"), ("4", "1004", "other")] {
        let first = sale(id, order, "never-seen");
        assert_eq!(world.queued(&first).await["reason"], "no_click");
        let notice = from("crm", &format!("D{id}"), "purchase", &first);
        assert_eq!(world.post(&notice).await.status, 200);
        // By the id of the duplicate, which says no order, and by the order under an id of its own.
        let mut denial = with(&from("crm", by, "purchase", &first), &denied);
        if by.starts_with('D') {
            denial = with(&denial, &json!({"orderId": null}));
        }
        let answer = world.post(&denial).await;
        assert_eq!(told(&answer), (200, json!(["ignored", "consent_denied", null])));
        let record = world.record(id).await;
        assert_eq!(
            (&record["state"], &record["reason"]),
            (&json!("refused"), &json!("identity_erased"))
        );
        assert_eq!(world.post(&notice).await.body["state"], "refused");
    }
}

async fn a_denial_before_the_sale(world: &World) {
    let first = sale("5", "1005", "never-seen");
    let denial = with(&from("web", "W5", "purchase", &first), &json!({"consent": "denied"}));
    assert_eq!(world.post(&denial).await.body["status"], "ignored");
    for event in [&first, &from("crm", "D5", "phone_sale", &first), &first] {
        let answer = world.post(event).await;
        assert_eq!(told(&answer), (200, json!(["ignored", "consent_denied", null])));
    }
    assert!(records(world, "shop/5").await.is_empty());
    let items = world.items_with("Conversions", "denied").await;
    assert_eq!(items.len(), 1, "{items:#?}");
    assert!(!items[0].to_string().contains("1005"), "the order is hashed: {items:#?}");
}

/// The sale came without its number; with it, it is the denied order.
async fn a_denial_before_the_number(world: &World) {
    let numbered = sale("9", "1009", "never-seen");
    world.queued(&with(&numbered, &json!({"orderId": null}))).await;
    let denial = with(&from("web", "W9", "purchase", &numbered), &json!({"consent": "denied"}));
    for event in [&denial, &numbered] {
        let answer = world.post(event).await;
        assert_eq!(told(&answer), (200, json!(["ignored", "consent_denied", null])));
    }
    assert_eq!(world.record("9").await["reason"], "identity_erased");
}

/// Nothing of a sale is stored whose order is denied in the same array.
async fn a_denial_beside_the_sale(world: &World) {
    let first = sale("8", "1008", "never-seen");
    let denial = with(&from("web", "W8", "purchase", &first), &json!({"consent": "denied"}));
    let answer = world.post(&json!([first, denial])).await;
    assert_eq!(answer.body["counts"], json!({"ignored": 2}), "{:#}", answer.body);
    assert!(records(world, "shop/8").await.is_empty());
}

async fn an_erased_order_is_not_counted_anew(world: &World) {
    let first = sale("6", "1006", "never-seen");
    world.queued(&first).await;
    let body = json!({"orderId": "1006"}).to_string();
    until("erased", || async {
        let answer = world.erase(KEY, body.clone()).await;
        if answer.body["pending"] == false { Ok(()) } else { Err(answer) }
    })
    .await;
    let answer = world.post(&from("crm", "D6", "purchase", &first)).await;
    assert_eq!(told(&answer), (200, duplicate_of("shop/6 purchase")));
    assert_eq!(answer.body["state"], "refused");
    let rows = world.items_with("Conversions", "orderKey").await;
    let erased: Vec<_> = rows.iter().filter(|row| row["pk"]["S"] == "event shop 6").collect();
    assert!(erased.is_empty(), "the row keeps no order: {erased:#?}");
}
