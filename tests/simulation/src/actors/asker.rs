//! People who ask what became of an order, in the middle of everything and in the end.

use std::rc::Rc;

use serde_json::Value;
use status::Status;

use super::http;
use crate::oracle;
use crate::plan::{Fix, Order};
use crate::ports::{Port, Simulated};
use crate::world::{Invocation, World, policy};

/// How often somebody asks while things go wrong, in milliseconds.
const EVERY: i64 = 7 * 3_600_000;

/// Starts asking, until all is calm.
pub fn start(world: &Rc<World>) {
    let world = Rc::clone(world);
    let spawner = Rc::clone(&world);
    spawner.executor.spawn(async move {
        while !world.calm.get() {
            world.sleep(EVERY).await;
            let posted = |order: &&Order| order.posts[0] <= world.now_ms() / 1_000;
            let orders: Vec<_> = world.plan.orders.iter().filter(posted).cloned().collect();
            let any = world.random().below(orders.len());
            if let Some(order) = orders.get(any) {
                ask_about(&world, order).await;
            }
        }
    });
}

async fn ask_about(world: &Rc<World>, order: &Order) {
    let was_there = oracle::is_known(world, order);
    let asked = ask(world, order.source, &order.id).await;
    let asked = asked.filter(|(status, _)| *status < 500 && was_there);
    if let Some((status, answer)) = asked {
        oracle::check_story(world, order, status, &answer, false);
    }
}

/// Asks for every order and every correction once all has settled.
pub async fn ask_all(world: &Rc<World>) {
    for order in world.plan.orders.clone() {
        if !oracle::is_known(world, &order) {
            continue;
        }
        let (status, answer) = http::insist(world, || ask(world, order.source, &order.id)).await;
        oracle::check_story(world, &order, status, &answer, true);
        let recent = |fix: &&Fix| oracle::has_recent_correction(world, &order, fix);
        for fix in order.corrections.iter().filter(recent) {
            let (status, answer) = http::insist(world, || ask(world, fix.source, &fix.id)).await;
            oracle::check_story(world, &order, status, &answer, true);
        }
    }
}

async fn ask(world: &Rc<World>, source: &str, id: &str) -> Option<(i64, Value)> {
    let invocation = Invocation::new(world, "status");
    let port = Port(Rc::clone(&invocation));
    let function: Status<Simulated> = Status {
        policy: policy(),
        clock: port.clone(),
        keys: port.clone(),
        ledger: port.clone(),
        telemetry: port,
    };
    let mut request = http::request(&Value::Null, true);
    let named = [("source", source), ("eventId", id)];
    let named = named.map(|(name, value)| (name.to_owned(), value.to_owned()));
    request.path_parameters = named.into();
    http::answer(&invocation, function.handle(&request)).await
}
