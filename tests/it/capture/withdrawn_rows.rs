//! What becomes of rows whose clicks are withdrawn, whatever the person is known by, and however young
//! the row is.

use microsoft_simulator::{AnswerBody, Fault, FaultRule};
use serde_json::{Value, json};
use test_support::events::{click, time, with};
use test_support::rig::operator::{CONVERSIONS, TOKEN, quick};
use test_support::rig::{KEY, World, until};

use super::{JSON, cookie, land, sale};

/// A sale with an address that waits: it lies a little ahead.
fn ahead(id: &str, by: &Value) -> Value {
    let waits = json!({"occurredAt": time(7), "email": "jane@x.example"});
    with(&with(&sale(id, 0, json!({})), &waits), by)
}

/// One with an address that goes at once.
fn at_once(id: &str, by: &Value) -> Value {
    with(&with(&sale(id, 0, json!({})), &json!({"email": "jane@x.example"})), by)
}

async fn denies(world: &World, header: (&str, &str), body: Value) {
    let body = with(&body, &json!({"consent": "denied"})).to_string();
    let answer = world.landing(&[JSON, header], body).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

async fn denies_by_key(world: &World, body: Value) {
    denies(world, ("authorization", &format!("Bearer {KEY}")), body).await;
}

async fn has_ended(world: &World, id: &str) {
    let record = world.until_state(id, "refused").await;
    let told = (&record["reason"], &record["click"]);
    assert_eq!(told, (&json!("identity_erased"), &Value::Null), "{record:#}");
}

/// The order is tied with a key.
async fn tied_by_key(world: &World, body: Value) {
    let key = format!("Bearer {KEY}");
    let answer = world.landing(&[JSON, ("authorization", &key)], body.to_string()).await;
    assert_eq!(answer.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_handed_back_is_looked_at_though_it_is_a_moment_old() {
    let world = World::with(|options| options.hour = 3_600).await;
    let fault = Fault::Status { status: 503, body: AnswerBody::Empty, after_accepting: false };
    world.faults(vec![FaultRule::new(fault).on(TOKEN)]);
    for (n, id) in [(1, "goes"), (2, "stays")] {
        land(&world, json!({"msclkid": click(n), "sessionId": id, "landedAt": time(-60)})).await;
        world.queued(&at_once(id, &json!({"sessionId": id}))).await;
    }
    until("received", || async {
        let tokens = world.calls(TOKEN).len();
        if tokens > 0 { Ok(()) } else { Err(tokens) }
    })
    .await;
    denies_by_key(&world, json!({"sessionId": "goes"})).await;
    world.faults(Vec::new());
    world.until_state("stays", "accepted").await;
    has_ended(&world, "goes").await;
    world.until_drained().await;
    assert_eq!(world.conversions().await.len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_row_is_looked_at_when_it_is_redriven() {
    let world = World::with(|options| {
        quick(options);
        options.hour = 3_600;
    })
    .await;
    let rename = |from: &'static str, to: &'static str| {
        world.change_goals(move |goal| {
            if goal.name == from {
                to.clone_into(&mut goal.name);
            }
        });
    };
    rename("Purchase", "Purchases");
    for (n, id) in [(1, "goes"), (2, "stays")] {
        land(&world, json!({"msclkid": click(n), "sessionId": id, "landedAt": time(-60)})).await;
        world.queued(&at_once(id, &json!({"sessionId": id}))).await;
    }
    world.until_dead_letters(2).await;
    denies_by_key(&world, json!({"sessionId": "goes"})).await;
    rename("Purchases", "Purchase");
    world.redrive().await;
    world.until_state("stays", "accepted").await;
    world.until_dead_letters(0).await;
    has_ended(&world, "goes").await;
    assert_eq!(world.conversions().await.len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_attempt_without_an_answer_a_withdrawn_sale_may_count_already() {
    let world = World::with(|options| {
        quick(options);
        options.hour = 3_600;
    })
    .await;
    let lost = Fault::Status { status: 500, body: AnswerBody::Empty, after_accepting: true };
    world.faults(vec![FaultRule::new(lost).on(CONVERSIONS).times(1)]);
    land(&world, json!({"msclkid": click(1), "sessionId": "s", "landedAt": time(-60)})).await;
    world.queued(&sale("1", 0, json!({"sessionId": "s"}))).await;
    world.until_called(CONVERSIONS, 1).await;
    denies_by_key(&world, json!({"sessionId": "s"})).await;
    let record = world.until_state("1", "refused").await;
    assert_eq!(record["reason"], "may_already_count", "{record:#}");
    assert_eq!(record["nextAction"]["action"], "None");
    world.until_drained().await;
    assert_eq!(world.calls(CONVERSIONS).len(), 1, "nothing more is sent");
    assert_eq!(world.messages("uploads-dlq").await, 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_agrees_again_is_credited_again() {
    let world = World::start().await;
    let said = world.queued(&sale("before", 0, json!({"sessionId": "s"}))).await;
    assert_eq!(said["reason"], "no_click");
    denies_by_key(&world, json!({"sessionId": "s"})).await;
    land(&world, json!({"msclkid": click(1), "sessionId": "s", "landedAt": time(-60)})).await;
    world.queued(&sale("after", 1, json!({"sessionId": "s"}))).await;
    for id in ["before", "after"] {
        let record = world.until_state(id, "accepted").await;
        assert_eq!(record["click"]["msclkid"], json!(click(1)), "{id}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_names_a_record_deletes_the_clicks_of_whoever_it_leads_to() {
    let world = World::start().await;
    for (n, session) in [(1, "s"), (2, "t")] {
        let landed = json!({"msclkid": click(n), "sessionId": session, "landedAt": time(-60)});
        land(&world, landed).await;
    }
    tied_by_key(&world, json!({"sessionId": "s", "leadId": "l"})).await;
    tied_by_key(&world, json!({"sessionId": "t", "orderId": "kept"})).await;
    for (id, by) in [
        ("tied", json!({"leadId": "l"})),
        ("session", json!({"sessionId": "s"})),
        ("order", json!({"orderId": "o", "msclkid": click(3)})),
        ("kept", json!({"orderId": "kept"})),
    ] {
        world.queued(&ahead(id, &by)).await;
    }
    denies_by_key(&world, json!({"leadId": "l", "cartId": 5, "orderId": "o"})).await;
    // Without a key, a record's name alone is nobody's word.
    denies(&world, ("cookie", &format!("tl_ref={}", "0".repeat(32))), json!({"orderId": "kept"}))
        .await;
    assert_eq!(world.items_with("Clicks", &click(1)).await, Vec::<Value>::new());
    assert_eq!(world.items_with("Clicks", &click(2)).await.len(), 1);
    has_ended(&world, "session").await;
    for (id, msclkid) in
        [("tied", json!(null)), ("order", json!(click(3))), ("kept", json!(click(2)))]
    {
        let record = world.until_state(id, "accepted").await;
        assert_eq!(record["click"]["msclkid"], msclkid, "{id}");
    }
    world.until_drained().await;
    assert_eq!(world.conversions().await.len(), 3);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_withdraws_by_what_the_own_clicks_are_tied_to() {
    let world = World::start().await;
    let mut visitors = Vec::new();
    for (n, session) in [(1, "s"), (2, "t")] {
        let landed = json!({"msclkid": click(n), "sessionId": session, "landedAt": time(-60)});
        let answer = world.landing(&[JSON], landed.to_string()).await;
        visitors.push(format!("tl_ref={}", cookie(&answer)));
    }
    tied_by_key(&world, json!({"sessionId": "s", "orderId": "by-key"})).await;
    land(&world, json!({"sessionId": "t", "orderId": "by-page"})).await;
    for id in ["by-key", "by-page"] {
        world.queued(&ahead(id, &json!({"orderId": id}))).await;
    }
    // Not of one's own: nothing goes.
    denies(&world, ("cookie", &visitors[1]), json!({"orderId": "by-key"})).await;
    denies(&world, ("cookie", &visitors[0]), json!({"orderId": "by-page"})).await;
    let clicks = || async {
        let items = world.items("Clicks").await;
        items.iter().filter(|item| item.to_string().contains("\"cookie\"")).count()
    };
    assert_eq!(clicks().await, 2);
    denies(&world, ("cookie", &visitors[0]), json!({"orderId": "by-key"})).await;
    denies(&world, ("cookie", &visitors[1]), json!({"orderId": "by-page"})).await;
    assert_eq!(clicks().await, 0);
    // Whoever was tied to the order: the click goes, the customer's address counts.
    for id in ["by-key", "by-page"] {
        let record = world.until_state(id, "accepted").await;
        assert_eq!(record["click"], Value::Null, "{id}");
    }
    world.until_drained().await;
    assert_eq!(world.conversions().await.len(), 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_and_its_own_denial_in_one_array_send_nothing() {
    let world = World::quick(|_| {}).await;
    let event = |id: &str| at_once(id, &json!({"msclkid": click(1)}));
    let denial = |id: &str| with(&event(id), &json!({"consent": "denied"}));
    let events = json!([
        event("first"),
        denial("first"),
        denial("last"),
        event("last"),
        denial("last"),
        denial("never"),
        with(&at_once("other", &json!({"msclkid": click(2)})), &json!({"value": 20})),
    ]);
    let answer = world.post(&events).await;
    let statuses: Vec<&Value> = (0..7).map(|n| &answer.body["results"][n]["status"]).collect();
    let expected = ["queued", "ignored", "ignored", "queued", "ignored", "ignored", "queued"];
    assert_eq!(statuses, expected, "{answer:?}");
    world.until_state("other", "accepted").await;
    for id in ["first", "last"] {
        has_ended(&world, id).await;
    }
    assert_eq!(world.records("never").await, Vec::<Value>::new());
    // Sent again as it was, nothing of it wakes up.
    assert_eq!(world.post(&events).await.body["counts"], json!({"duplicate": 3, "ignored": 4}));
    world.until_drained().await;
    assert_eq!(world.conversions().await.len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_who_leaves_takes_along_the_sales_of_the_session_and_no_brought_click() {
    let world = World::with(|options| options.hour = 3_600).await;
    let fault = Fault::Status { status: 503, body: AnswerBody::Empty, after_accepting: false };
    world.faults(vec![FaultRule::new(fault).on(TOKEN)]);
    let landed = time(-5);
    let land = |session: &str, n: u32| {
        json!({"msclkid": click(n), "sessionId": session, "landedAt": landed}).to_string()
    };
    let mine = format!("tl_ref={}", cookie(&world.landing(&[JSON], land("mine", 1)).await));
    assert_eq!(world.landing(&[JSON], land("other", 2)).await.status, 204);
    // Bought a moment before the click was seen, and with a click id that the event brings.
    for session in ["mine", "other"] {
        let before = json!({"sessionId": session, "occurredAt": time(-60)});
        world.queued(&at_once(&format!("{session}-before"), &before)).await;
        // Both seconds that the click gets are over.
        let brought = json!({"sessionId": session, "msclkid": click(3), "occurredAt": time(-30)});
        world.queued(&at_once(&format!("{session}-brought"), &brought)).await;
    }
    until("received", || async {
        let tokens = world.calls(TOKEN).len();
        if tokens > 0 { Ok(()) } else { Err(tokens) }
    })
    .await;
    for session in ["mine", "other"] {
        denies(&world, ("cookie", &mine), json!({"sessionId": session})).await;
    }
    world.faults(Vec::new());
    for id in ["other-before", "other-brought", "mine-brought"] {
        world.until_state(id, "accepted").await;
    }
    has_ended(&world, "mine-before").await;
    world.until_drained().await;
    world.stop().await;
}
