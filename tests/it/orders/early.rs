//! Corrections that come before the notice whose id they name.

use serde_json::{Value, json};
use test_support::events::{click, refund, with};
use test_support::rig::operator::ago;
use test_support::rig::{KEY, World, until};

use super::{conflict_with, duplicate_of, from, land, records, sale, told};

/// A refund that names the CRM's id of the sale.
fn crm_refund(id: &str, original: &str, amount: &Value) -> Value {
    with(&refund(id, original, amount), &json!({"source": "crm"}))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_by_the_id_of_a_notice_in_conflict_reaches_the_order_before_and_after_it() {
    let world = World::quick(|_| {}).await;
    land(&world, "s", &click(1)).await;
    let first = sale("1", "1001", "s");
    let early = crm_refund("D1-early", "D1", &json!(10));
    assert_eq!(world.queued(&early).await["reason"], "original_missing");
    world.queued(&first).await;
    let other = with(&from("crm", "D1", "purchase", &first), &json!({"value": 100}));
    let expected = conflict_with(Some("shop/1 purchase"));
    assert_eq!(told(&world.post(&other).await), (409, expected));
    world.queued(&crm_refund("D1-late", "D1", &json!(20))).await;
    world.until_worth(&click(1), "99.95").await;
    let records = records(&world, "crm/D1").await;
    assert_eq!((records.len(), &records[0]["eventId"]), (1, &json!("1")), "{records:#?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_order_has_no_room_for_ends_and_is_named_with_its_money() {
    let world = World::with(|options| options.hour = 3_600).await;
    let of = |id: &str, count: u32| -> Value {
        (0..count).map(|n| crm_refund(&format!("{id}-r{n}"), id, &json!(0.25))).collect()
    };
    let (of_first, of_second) = (of("D1", 30), of("D2", 21));
    for refunds in [&of_first, &of_second] {
        let answer = world.post(refunds).await;
        assert_eq!(answer.body["counts"]["queued"], refunds.as_array().expect("many").len());
    }
    let first = from("crm", "D1", "purchase", &sale("x", "1001", "nobody"));
    world.queued(&first).await;
    let notice = from("crm", "D2", "purchase", &first);
    assert_eq!(told(&world.post(&notice).await), (200, duplicate_of("crm/D1 purchase")));
    assert!(world.rings("CorrectionLost"));
    let logged = ["crm/D2-r20 refund 0.25 USD", "too_many_corrections"];
    world.until_logged("enqueue", &logged).await;

    let records = records(&world, "crm/D2").await;
    let [row, left] = &records[..] else { panic!("the order and what is left: {records:#?}") };
    let (row, left) = if row["event"].is_null() { (left, row) } else { (row, left) };
    assert_eq!(row["desired"]["netValue"].to_string(), "117.45");
    let ended = json!(["refused", "too_many_corrections", null]);
    assert_eq!(json!([left["state"], left["reason"], left["due"]]), ended);
    let correction = &left["desired"]["corrections"][0];
    let told_of_it = json!([correction["eventId"], correction["status"], correction["reason"]]);
    assert_eq!(told_of_it, json!(["D2-r20", "refused", "too_many_corrections"]));
    let again = world.post(&of_second[20]).await.body;
    assert_eq!(
        json!([again["status"], again["state"], again["reason"]]),
        json!(["duplicate", "refused", "too_many_corrections"])
    );
    let next = world.post(&crm_refund("D2-r21", "D2", &json!(1))).await;
    assert_eq!(next.problem(), (422, "invalid_original", Some("original")));
    world.stop().await;
}

/// As if the run had died after it wrote where the notice leads.
async fn a_run_that_died(world: &World, notice: &str, covered: bool) {
    let item = json!({
        "pk": {"S": format!("event crm {notice}")}, "sk": {"S": "purchase"},
        "originalSource": {"S": "shop"}, "originalEventId": {"S": "1"},
        "originalEvent": {"S": "purchase"}, "covered": {"BOOL": covered}, "ttl": ago(-9_000),
    });
    let put = json!({"TableName": "Conversions", "Item": item});
    world.aws("DynamoDB_20120810.PutItem", put).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_of_a_notice_whose_run_died_is_found_on_the_third_day_if_its_key_covers_the_order()
{
    let world = World::quick(|options| options.hour = 3_600).await;
    land(&world, "s", &click(1)).await;
    world.queued(&sale("1", "1001", "s")).await;
    for notice in ["D-covered", "D-not"] {
        world.queued(&crm_refund(&format!("{notice}-r"), notice, &json!(30))).await;
        a_run_that_died(&world, notice, notice == "D-covered").await;
        world
            .change_items("Conversions", &format!("event crm {notice}"), json!({"due": ago(1)}))
            .await;
    }
    world.until_worth(&click(1), "99.95").await;
    until("looked at", || async {
        let is_told = world.has_logged("sweep", &["crm/D-not", "three days"]);
        if is_told { Ok(()) } else { Err(records(&world, "crm/D-not").await) }
    })
    .await;
    let answer = world.status(KEY, "crm/D-not-r").await;
    assert_eq!(answer.body["records"][0]["reason"], "original_missing", "{answer:?}");
    world.stop().await;
}
