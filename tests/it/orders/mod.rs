//! One order, one conversion: whatever ids, sources and names its events come with.

mod early;
mod later;

use serde_json::{Value, json};
use test_support::events::{click, purchase, refund, time, with};
use test_support::rig::operator::CONVERSIONS;
use test_support::rig::{Answer, KEY, World, until};

use crate::files::{folder, mapping};

/// A sale of 129.95 USD by its order and session; its time stays the same, so that it may be sent again.
fn sale(id: &str, order: &str, session: &str) -> Value {
    let found_by = json!({"msclkid": null, "orderId": order, "sessionId": session});
    with(&purchase(id, "", &json!(129.95)), &found_by)
}

/// The same sale as another source reports it.
fn from(source: &str, id: &str, event: &str, sale: &Value) -> Value {
    with(sale, &json!({"source": source, "eventId": id, "event": event}))
}

async fn land(world: &World, session: &str, msclkid: &str) {
    let landing = json!({"msclkid": msclkid, "sessionId": session, "landedAt": time(-600)});
    assert_eq!(world.capture(&landing).await.status, 204);
}

/// HTTP status, status, reason and the event that counts, as `source/eventId event`.
fn told(answer: &Answer) -> (u16, Value) {
    (answer.status, summary(&answer.body))
}

fn summary(body: &Value) -> Value {
    let of = &body["of"];
    let part = |name: &str| of[name].as_str().unwrap_or("-").to_owned();
    let of = (!of.is_null())
        .then(|| format!("{}/{} {}", part("source"), part("eventId"), part("event")));
    let why = body["error"].get("code").unwrap_or(&body["reason"]);
    json!([body["status"], why, of])
}

fn duplicate_of(of: &str) -> Value {
    json!(["duplicate", "same_order", of])
}

fn conflict_with(of: Option<&str>) -> Value {
    json!(["conflict", "same_order", of])
}

async fn records(world: &World, of: &str) -> Vec<Value> {
    let answer = world.status(KEY, of).await;
    answer.body["records"].as_array().cloned().unwrap_or_default()
}

/// Waits until the simulator has counted the click once, with this value.
async fn counts_once(world: &World, msclkid: &str, value: &str) {
    world.until_worth(msclkid, value).await;
    world.until_drained().await;
    assert_eq!(world.sent(msclkid).len(), 1, "sent once");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_counts_once_whatever_its_events_are_called() {
    let world = World::quick(|_| {}).await;
    world.add_keys().await;
    one_sale_as_four_events(&world).await;
    in_one_array(&world).await;
    at_the_same_moment(&world).await;
    by_a_key_without_the_right(&world).await;
    a_poorer_notice_came_first(&world).await;
    the_second_notice_knows_the_visitor(&world).await;
    the_order_is_known_only_later(&world).await;
    one_id_under_two_names(&world).await;
    world.stop().await;
}

/// A webhook that is delivered twice under new ids, and a CRM that reports the sale twice.
async fn one_sale_as_four_events(world: &World) {
    land(world, "s13", &click(13)).await;
    let first = sale("delivery-1", "4711", "s13");
    world.queued(&first).await;
    let others = [
        from("shop", "delivery-2", "purchase", &first),
        from("crm", "DEAL-88", "purchase", &first),
        from("crm", "DEAL-88", "phone_sale", &with(&first, &json!({"orderId": 4711}))),
    ];
    for other in &others {
        let answer = world.post(other).await;
        assert_eq!(told(&answer), (200, duplicate_of("shop/delivery-1 purchase")), "{other}");
        assert_eq!(answer.body["state"], "queued");
    }
    for other in [
        with(&others[0], &json!({"value": 129.94})),
        with(&others[1], &json!({"currency": "EUR"})),
        with(&others[2], &json!({"occurredAt": time(-8 * 86_400)})),
    ] {
        let answer = world.post(&other).await;
        let expected = conflict_with(Some("shop/delivery-1 purchase"));
        assert_eq!(told(&answer), (409, expected), "{other}");
        assert_eq!(answer.problem().2, Some("orderId"));
    }
    counts_once(world, &click(13), "129.95").await;
    for id in ["shop/delivery-1", "shop/delivery-2", "crm/DEAL-88"] {
        let records = records(world, id).await;
        assert_eq!(records.len(), 1, "{id}: {records:#?}");
        assert_eq!(records[0]["eventId"], "delivery-1", "{id}");
    }
}

async fn in_one_array(world: &World) {
    land(world, "s-array", &click(20)).await;
    let first = sale("a-1", "4720", "s-array");
    let events = json!([
        first,
        from("shop", "a-2", "purchase", &first),
        from("crm", "a-1", "phone_sale", &first),
        with(&from("crm", "a-3", "purchase", &first), &json!({"value": 1})),
    ]);
    let answer = world.post(&events).await;
    let results: Vec<Value> =
        answer.body["results"].as_array().expect("results").iter().map(summary).collect();
    let of = "shop/a-1 purchase";
    let expected = [
        json!(["queued", null, null]),
        duplicate_of(of),
        duplicate_of(of),
        conflict_with(Some(of)),
    ];
    assert_eq!(results, expected, "{:#}", answer.body);
    counts_once(world, &click(20), "129.95").await;
}

/// Each caller repeats what was answered 503.
async fn at_the_same_moment(world: &World) {
    for n in 30..36 {
        let session = format!("s-{n}");
        land(world, &session, &click(n)).await;
        let first = sale(&format!("m-{n}"), &format!("order-{n}"), &session);
        let other = from("crm", &format!("m-{n}"), "phone_sale", &first);
        let (one, another) = tokio::join!(until_stored(world, &first), until_stored(world, &other));
        let mut statuses = [one, another];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 202], "one of them is new");
        counts_once(world, &click(n), "129.95").await;
    }
}

async fn until_stored(world: &World, event: &Value) -> u16 {
    until("stored", || async {
        let answer = world.post(event).await;
        if answer.status == 503 { Err(answer) } else { Ok(answer.status) }
    })
    .await
}

/// Nothing is said of an order of another source, nor can its row be reached.
async fn by_a_key_without_the_right(world: &World) {
    land(world, "s-right", &click(40)).await;
    let first = from("crm", "DEAL-40", "purchase", &sale("x", "4740", "s-right"));
    world.queued(&first).await;
    let mine = from("shop", "r-40", "purchase", &first);
    let answer = world.enqueue("shop-key", mine.to_string()).await;
    assert_eq!(told(&answer), (409, conflict_with(None)), "{answer:?}");
    assert!(answer.body.get("state").is_none(), "{answer:?}");
    let back = refund("r-40-r", "r-40", &Value::Null);
    assert_eq!(world.enqueue("shop-key", back.to_string()).await.status, 403);
    assert_eq!(world.status("shop-key", "shop/r-40").await.status, 403);
    // Nor can it be ended, by the order or by the id that leads to it.
    for order in [json!("4740"), Value::Null] {
        let denied = with(&mine, &json!({"consent": "denied", "orderId": order}));
        let answer = world.enqueue("shop-key", denied.to_string()).await;
        assert_eq!(told(&answer), (409, conflict_with(None)), "{answer:?}");
    }
    counts_once(world, &click(40), "129.95").await;
    assert_eq!(world.post(&mine).await.body["status"], "duplicate", "with the right");
}

/// The first notice knows nobody; the second brings the click, and costs no sale.
async fn a_poorer_notice_came_first(world: &World) {
    let first = sale("p-1", "4750", "nobody");
    assert_eq!(world.queued(&first).await["reason"], "no_click");
    let richer = with(&from("crm", "p-2", "purchase", &first), &json!({"msclkid": click(50)}));
    let answer = world.post(&richer).await;
    assert_eq!(told(&answer), (200, duplicate_of("shop/p-1 purchase")));
    counts_once(world, &click(50), "129.95").await;
    let other = with(&from("crm", "p-3", "purchase", &first), &json!({"msclkid": click(51)}));
    assert_eq!(world.post(&other).await.body["status"], "duplicate");
    assert_eq!(world.record("p-1").await["click"]["msclkid"], click(50), "it has somebody");
}

/// The shop sends a session of its own server, the CRM the visitor's, which has the click.
async fn the_second_notice_knows_the_visitor(world: &World) {
    let first = sale("v-1", "4760", "php-1");
    assert_eq!(world.queued(&first).await["reason"], "no_click");
    land(world, "s-visitor", &click(60)).await;
    let other = with(&from("crm", "v-2", "purchase", &first), &json!({"sessionId": "s-visitor"}));
    assert_eq!(told(&world.post(&other).await), (200, duplicate_of("shop/v-1 purchase")));
    counts_once(world, &click(60), "129.95").await;
}

/// An order gets its number after the sale: it comes with the event's second delivery.
async fn the_order_is_known_only_later(world: &World) {
    land(world, "s-later", &click(61)).await;
    let numbered = sale("n-1", "4761", "s-later");
    world.queued(&with(&numbered, &json!({"orderId": null}))).await;
    assert_eq!(told(&world.post(&numbered).await), (200, json!(["duplicate", null, null])));
    let other = from("crm", "n-2", "purchase", &numbered);
    assert_eq!(told(&world.post(&other).await), (200, duplicate_of("shop/n-1 purchase")));
    counts_once(world, &click(61), "129.95").await;
    // Another event that is stored already counts for the order, or would: nobody is told `duplicate`.
    let late = from("crm", "n-3", "purchase", &sale("n-3", "4761", "s-nobody"));
    world.queued(&with(&late, &json!({"orderId": null}))).await;
    for _ in 0..2 {
        let answer = world.post(&with(&late, &json!({"msclkid": click(61)}))).await;
        assert_eq!(told(&answer), (409, conflict_with(Some("shop/n-1 purchase"))));
    }
    counts_once(world, &click(61), "129.95").await;
}

/// An order's number may be what no id may be: it is hashed, and only left out as a reference.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_number_that_is_no_id_is_an_order_all_the_same() {
    let world = World::quick(|_| {}).await;
    let long = "9".repeat(129);
    for (n, number) in [(70, "jane@shop.example 1"), (71, "№ 1001"), (72, &long)] {
        let session = format!("s-{n}");
        land(&world, &session, &click(n)).await;
        let first = sale(&format!("o-{n}"), number, &session);
        let stored = world.queued(&first).await;
        assert_eq!(stored["warnings"][0]["field"], "orderId", "{stored}");
        let spaced = json!({"orderId": format!(" {number} ")});
        let other = with(&from("crm", &format!("D-{n}"), "phone_sale", &first), &spaced);
        let of = format!("shop/o-{n} purchase");
        assert_eq!(told(&world.post(&other).await), (200, duplicate_of(&of)));
        counts_once(&world, &click(n), "129.95").await;
    }
    world.stop().await;
}

/// The CRM came first, and reports the deal under another name as well.
async fn one_id_under_two_names(world: &World) {
    land(world, "s-names", &click(62)).await;
    let first = from("crm", "DEAL-62", "purchase", &sale("x", "4762", "s-names"));
    world.queued(&first).await;
    let other = from("crm", "DEAL-62", "phone_sale", &first);
    assert_eq!(told(&world.post(&other).await), (200, duplicate_of("crm/DEAL-62 purchase")));
    counts_once(world, &click(62), "129.95").await;
    assert_eq!(records(world, "crm/DEAL-62").await.len(), 1, "one record, not one per name");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_wrote_no_row_is_replaced_after_a_minute() {
    let world = World::quick(|_| {}).await;
    let first = sale("1", "2001", "nobody");
    world.queued(&first).await;
    let mut claims = world.items_with("Conversions", "event shop 1 purchase").await;
    claims.retain(|item| item["sk"]["S"] == "order");
    // As if the run had died before it wrote its row.
    let key = json!({"pk": {"S": "event shop 1"}, "sk": {"S": "purchase"}});
    let delete = json!({"TableName": "Conversions", "Key": key});
    world.aws("DynamoDB_20120810.DeleteItem", delete).await;
    let second = with(&from("crm", "D1", "purchase", &first), &json!({"msclkid": click(1)}));
    assert_eq!(world.post(&second).await.problem(), (503, "unavailable", None));
    age(&world, &claims[0], 61).await;
    world.queued(&second).await;
    assert_eq!(told(&world.post(&first).await), (200, duplicate_of("crm/D1 purchase")));
    counts_once(&world, &click(1), "129.95").await;
    world.stop().await;
}

/// The claim is so many seconds old.
async fn age(world: &World, claim: &Value, seconds: i64) {
    let mut item = claim.clone();
    let claimed: i64 = item["claimedAt"]["N"].as_str().expect("a time").parse().expect("seconds");
    item["claimedAt"] = json!({"N": (claimed - seconds).to_string()});
    let put = json!({"TableName": "Conversions", "Item": item});
    world.aws("DynamoDB_20120810.PutItem", put).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mapping_says_which_orders_are_the_same() {
    let data = folder();
    let start = async |name: &str, change: fn(&mut Value)| {
        let mapping = mapping(name, change);
        let data = data.path().to_owned();
        World::quick(move |options| {
            (options.mapping, options.data) = (Some(mapping), Some(data));
        })
        .await
    };
    let world = start("orders-many", |mapping| {
        mapping["goals"]["subscription_start"]["perOrder"] = json!("many");
        mapping["ownOrders"] = json!(["shop-at", "shop-de"]);
    })
    .await;
    // Renewals of one contract, and two shops that count from 1001.
    let start_of =
        |id: &str| from("shop", id, "subscription_start", &sale(id, "contract-1", "none"));
    for id in ["r-1", "r-2"] {
        world.queued(&start_of(id)).await;
    }
    let first = sale("1", "1001", "none");
    for source in ["shop-at", "shop-de", "shop"] {
        world.queued(&from(source, "1", "purchase", &first)).await;
    }
    let at = from("shop-at", "2", "purchase", &first);
    assert_eq!(told(&world.post(&at).await), (200, duplicate_of("shop-at/1 purchase")));
    world.stop().await;

    let world = start("orders-renamed", |mapping| {
        mapping["goals"]["purchase"]["name"] = json!("Kauf");
    })
    .await;
    let crm = from("crm", "D1", "phone_sale", &first);
    assert_eq!(told(&world.post(&crm).await), (200, duplicate_of("shop/1 purchase")));
    // The order has another key now; what was told as another notice is no sale for all that.
    assert_eq!(told(&world.post(&at).await), (200, duplicate_of("shop-at/1 purchase")));
    assert!(world.calls(CONVERSIONS).is_empty(), "nobody was recognised");
    world.stop().await;
}
