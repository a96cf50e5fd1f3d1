//! Shops and CRMs: they post events until they are answered, some twice, some with mistakes.

use std::rc::Rc;

use enqueue::Enqueue;
use serde_json::{Value, json};
use tracklayer_core::time::EventTime;

use super::http;
use crate::decimal::decimal;
use crate::oracle;
use crate::plan::{Change, Fix, Order};
use crate::ports::{Port, Simulated};
use crate::world::{Invocation, World, policy};

/// What is posted, and when the source does it.
#[derive(Clone)]
struct Post {
    event: Value,
    /// The answers it may get.
    expected: &'static [&'static str],
    /// Not before all originals of this order's id are in.
    after: Option<Order>,
    /// At the moment in which this order is sent or corrected.
    amid: Option<Order>,
}

const TAKEN: &[&str] = &["queued", "duplicate"];
const PERHAPS: &[&str] = &["queued", "duplicate", "rejected"];
const OR_IGNORED: &[&str] = &["queued", "duplicate", "rejected", "ignored"];
/// Where others name the same order.
const OR_ANOTHER: &[&str] = &["queued", "duplicate", "conflict"];
const OR_NOT: &[&str] = &["queued", "duplicate", "conflict", "rejected", "ignored"];

/// How long a correction waits for its moment, in milliseconds.
const PATIENCE: i64 = 20 * 3_600_000;

/// Starts all posts of the plan.
pub fn start(world: &Rc<World>) {
    for order in &world.plan.orders {
        let too_old = oracle::may_be_too_old(world, order);
        let may_be_ignored = oracle::may_be_ignored(world, order);
        let expected = match (may_be_ignored, too_old) {
            _ if oracle::has_notices(world, order) => match may_be_ignored || too_old {
                true => OR_NOT,
                false => OR_ANOTHER,
            },
            (true, _) => OR_IGNORED,
            (false, true) => PERHAPS,
            (false, false) => TAKEN,
        };
        let event = original(&order.at_first());
        let post = Post { event, expected, after: None, amid: None };
        post_all(world, &order.posts, &post);
        if order.learns.is_some() {
            learn(world, order, expected);
        }
        if order.conflict && !too_old && !may_be_ignored {
            conflict(world, order, post.event);
        }
        if order.forgets && !too_old && !may_be_ignored {
            forget(world, order);
        }
        // A shop that has two originals under one id names them only once it has sent both.
        let shared = world.plan.orders.iter().filter(|known| known.is_same(order)).count() > 1;
        for fix in &order.corrections {
            let is_crowded = oracle::is_crowded(world, order);
            let refused = is_crowded || (fix.other_currency && order.value.is_some());
            let post = Post {
                event: correction(order, fix),
                expected: if refused { PERHAPS } else { TAKEN },
                after: shared.then(|| order.clone()),
                amid: fix.meddles.then(|| order.clone()),
            };
            post_all(world, &fix.posts, &post);
            if fix.misdirected && !refused && !fix.other_currency && !too_old && !may_be_ignored {
                misdirect(world, order, fix, post.event);
            }
        }
    }
}

/// The same correction with another original, once it is recorded with its own.
fn misdirect(world: &Rc<World>, order: &Order, fix: &Fix, mut event: Value) {
    let mut others = world.plan.orders.iter().rev().filter(|other| !other.is_same(order));
    let Some(other) = others.next() else { return };
    event["original"] = json!({"source": other.source, "eventId": other.id, "event": other.event});
    event["account"] = json!(other.account);
    // One that is full takes nothing, whatever the correction is known with.
    let is_crowded = oracle::is_crowded(world, other);
    let expected: &[&str] = if is_crowded { &["conflict", "rejected"] } else { &["conflict"] };
    let (order, fix, world) = (order.clone(), fix.clone(), Rc::clone(world));
    world.posting.set(world.posting.get() + 1);
    let spawner = Rc::clone(&world);
    spawner.executor.spawn(async move {
        while !oracle::has_correction(&world, &order, &fix) {
            world.sleep(1_800_000).await;
        }
        send(&world, &event, expected).await;
        world.posting.set(world.posting.get() - 1);
    });
}

/// Posts at each of these times, or later.
fn post_all(world: &Rc<World>, times: &[i64], post: &Post) {
    for &at in times {
        let (world, post) = (Rc::clone(world), post.clone());
        world.posting.set(world.posting.get() + 1);
        let spawner = Rc::clone(&world);
        spawner.executor.spawn(async move {
            world.sleep_until(at).await;
            if let Some(order) = &post.after {
                wait_for(&world, order).await;
            }
            if let Some(order) = &post.amid {
                let persons = || oracle::persons_of_order(&world, order);
                world.wait_for_call(persons, world.now_ms() + PATIENCE).await;
            }
            send(&world, &post.event, post.expected).await;
            world.posting.set(world.posting.get() - 1);
        });
    }
}

/// The same id with other content, once the first content is in.
fn conflict(world: &Rc<World>, order: &Order, mut event: Value) {
    let at = order.posts[0];
    match order.value {
        Some(value) => event["value"] = number(value + 1),
        None => event["occurredAt"] = json!(time(order.occurred - 1)),
    }
    let order = order.clone();
    let world = Rc::clone(world);
    world.posting.set(world.posting.get() + 1);
    let spawner = Rc::clone(&world);
    spawner.executor.spawn(async move {
        world.sleep_until(at).await;
        wait_for(&world, &order).await;
        // Nothing is left of an ended row that could be compared.
        let ends = !world.plan.endings.is_empty();
        let expected: &[&str] = if ends { &["conflict", "duplicate"] } else { &["conflict"] };
        send(&world, &event, expected).await;
        world.posting.set(world.posting.get() - 1);
    });
}

/// The same without the order's number, once it is known as one of its notices.
fn forget(world: &Rc<World>, order: &Order) {
    let mut event = original(order);
    event["orderId"] = Value::Null;
    // Something must name its person.
    let email = order.names.email.clone();
    event["email"] = json!(email.unwrap_or_else(|| format!("{}@example.com", order.id)));
    let (order, world) = (order.clone(), Rc::clone(world));
    world.posting.set(world.posting.get() + 1);
    let spawner = Rc::clone(&world);
    spawner.executor.spawn(async move {
        while !oracle::is_known(&world, &order) {
            world.sleep(600_000).await;
        }
        send(&world, &event, &["duplicate", "conflict"]).await;
        world.posting.set(world.posting.get() - 1);
    });
}

/// The same with the order's number, once it is stored without.
fn learn(world: &Rc<World>, order: &Order, expected: &'static [&'static str]) {
    let (order, world) = (order.clone(), Rc::clone(world));
    world.posting.set(world.posting.get() + 1);
    let spawner = Rc::clone(&world);
    spawner.executor.spawn(async move {
        world.sleep_until(order.learns.map_or(0, |learns| learns.at)).await;
        while !oracle::is_known(&world, &order) {
            world.sleep(600_000).await;
        }
        let answer = send(&world, &original(&order), expected).await;
        oracle::check_learned(&world, &order, &answer);
        world.posting.set(world.posting.get() - 1);
    });
}

/// The order as its source knows it now.
fn as_known(world: &World, order: &Order) -> Order {
    let second = world.now_ms() / 1_000;
    let is_learned = order.learns.is_none_or(|learns| learns.at <= second);
    if is_learned && oracle::is_known(world, order) { order.clone() } else { order.at_first() }
}

/// The order's event once more, with its consent denied.
pub async fn deny(world: &Rc<World>, order: &Order) {
    let mut event = original(order);
    event["consent"] = json!("denied");
    send(world, &event, &["ignored"]).await;
}

async fn wait_for(world: &World, order: &Order) {
    let is_in = |known: &Order| {
        let is_known = oracle::is_recorded(world, known) || oracle::may_be_ignored(world, known);
        !known.is_same(order) || is_known
    };
    while !world.plan.orders.iter().all(is_in) {
        world.sleep(600_000).await;
    }
}

/// Posts until there is an answer, which is told.
async fn send(world: &Rc<World>, event: &Value, expected: &[&str]) -> String {
    let label = format!("{}/{}", text(event, "source"), text(event, "eventId"));
    let (status, answer) = http::insist(world, || request(world, event)).await;
    let got = text(&answer, "status");
    let about = [label_of_original(event)];
    world.tell(about, || format!("{label} is posted: {got} {}", answer["error"]));
    if !expected.contains(&got.as_str()) {
        world.violated("answers", &label, format!("{status} {answer} to {event}"));
    }
    got
}

fn label_of_original(event: &Value) -> String {
    match event.get("original") {
        Some(original) => format!("{}/{}", text(original, "source"), text(original, "eventId")),
        None => format!("{}/{}", text(event, "source"), text(event, "eventId")),
    }
}

/// One request, alone or first in an array; `None` if the function died.
async fn request(world: &Rc<World>, event: &Value) -> Option<http::Answer> {
    if !world.random().chance(world.plan.arrays) {
        return call(world, event, event).await;
    }
    let mut array = vec![event.clone()];
    array.extend(companions(world, event));
    let (status, answer) = call(world, event, &Value::Array(array)).await?;
    Some((status, answer["results"][0].clone()))
}

/// Events that are sent along: the same one again, and originals that were posted before.
fn companions(world: &World, event: &Value) -> Vec<Value> {
    let second = world.now_ms() / 1_000;
    let posted = world.plan.orders.iter().filter(|order| order.posts[0] <= second);
    let mut events: Vec<Value> = posted.map(|order| original(&as_known(world, order))).collect();
    events.push(event.clone());
    let wanted = world.random().between(0, 3);
    (0..wanted).map(|_| events[world.random().below(events.len())].clone()).collect()
}

async fn call(world: &Rc<World>, event: &Value, body: &Value) -> Option<http::Answer> {
    let invocation = Invocation::new(world, "enqueue");
    *invocation.about.borrow_mut() = vec![label_of_original(event)];
    let port = Port(Rc::clone(&invocation));
    let enqueue: Enqueue<Simulated> = Enqueue {
        mapping: world.mapping.borrow().clone(),
        policy: policy(),
        retention_days: 395,
        clock: port.clone(),
        keys: port.clone(),
        clicks: port.clone(),
        ledger: port.clone(),
        queue: port.clone(),
        telemetry: port,
    };
    let deadline = http::deadline(&invocation, &enqueue.clock);
    http::answer(&invocation, enqueue.handle(&http::request(body, true), deadline)).await
}

fn text(json: &Value, name: &str) -> String {
    json.get(name).and_then(Value::as_str).unwrap_or("-").to_owned()
}

fn time(second: i64) -> String {
    EventTime::from_epoch(second).to_string()
}

/// In milliseconds.
fn precise(fix: &Fix) -> String {
    time(fix.occurred).replace('Z', &format!(".{:03}Z", fix.ms))
}

/// A number with exactly these digits.
fn number(thousandths: i64) -> Value {
    serde_json::from_str(&decimal(thousandths)).expect("a number")
}

/// The event of an original.
fn original(order: &Order) -> Value {
    let mut event = json!({"event": order.event, "eventId": order.id, "source": order.source,
        "account": order.account, "occurredAt": time(order.occurred)});
    if let Some(value) = order.value {
        event["value"] = number(value);
        event["currency"] = json!("EUR");
    }
    let names = &order.names;
    for (member, name) in [
        ("msclkid", &names.click),
        ("sessionId", &names.session),
        ("leadId", &names.lead),
        ("cartId", &names.cart),
        ("orderId", &names.order),
        ("email", &names.email),
    ] {
        if let Some(name) = name {
            event[member] = json!(name);
        }
    }
    if names.granted {
        event["consent"] = json!("granted");
    }
    event
}

/// The event of a correction.
fn correction(order: &Order, fix: &Fix) -> Value {
    let mut event = json!({"event": "refund", "eventId": fix.id, "source": fix.source,
        "account": order.account, "occurredAt": precise(fix),
        "original": {"source": order.source, "eventId": order.id}});
    if fix.names_event {
        event["original"]["event"] = json!(order.event);
    }
    let money = match fix.change {
        Change::Amount(amount) => Some(("amount", amount)),
        Change::NewValue(value) => Some(("newValue", value)),
        Change::Full => None,
    };
    if let Some((name, value)) = money {
        event[name] = number(value);
        event["currency"] = json!(if fix.other_currency { "USD" } else { "EUR" });
    }
    event
}
