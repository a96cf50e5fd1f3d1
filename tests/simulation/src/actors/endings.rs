//! Persons of whom nothing more may be sent: who withdraw, deny, or are erased.

use std::rc::Rc;

use erase::Erase;
use serde_json::{Value, json};
use tracklayer_core::reconcile::attribution::TieKind;
use tracklayer_core::reconcile::erasure::Person;

use super::{http, source, visitor};
use crate::oracle;
use crate::plan::{Ending, How};
use crate::ports::{Port, Simulated};
use crate::world::{Invocation, World};

/// How long a person waits for the moment in which an order is sent, in milliseconds.
const PATIENCE: i64 = 20 * 3_600_000;
/// How often it is asked how far an erasure is, and for how long, in hours.
const ASKED_EVERY: i64 = 3;
const ASKED_FOR: i64 = 60 * 24;

/// Starts all endings of the plan.
pub fn start(world: &Rc<World>) {
    for ending in &world.plan.endings {
        let (world, ending) = (Rc::clone(world), ending.clone());
        world.posting.set(world.posting.get() + 1);
        let spawner = Rc::clone(&world);
        spawner.executor.spawn(async move {
            wait(&world, &ending).await;
            end(&world, &ending.how).await;
            world.posting.set(world.posting.get() - 1);
        });
    }
}

async fn wait(world: &World, ending: &Ending) {
    world.sleep_until(ending.at).await;
    if let Some(order) = &ending.amid {
        let persons = || oracle::persons_of_order(world, order);
        world.wait_for_call(persons, world.now_ms() + PATIENCE).await;
    }
}

async fn end(world: &Rc<World>, how: &How) {
    match how {
        How::Denied(order) => source::deny(world, order).await,
        How::Withdrawn { session, cookie, records, keyed } => {
            visitor::withdraw(world, session.as_deref(), cookie, records, *keyed).await;
        }
        How::Erased(person) => erase(world, person).await,
    }
}

/// Asks until it is done, and looks at what Microsoft is said to have then.
async fn erase(world: &Rc<World>, person: &Person) {
    let member = match person {
        Person::Session(_) => "sessionId",
        Person::Record(TieKind::Lead, _) => "leadId",
        Person::Record(TieKind::Cart, _) => "cartId",
        Person::Record(TieKind::Order, _) => "orderId",
        Person::Email(_) => "hashedEmail",
    };
    let body = json!({ member: person.value() });
    let first = world.now_ms();
    loop {
        let (status, answer) = http::insist(world, || call(world, &body)).await;
        world.announce(|| format!("erasure of {body}: {answer}"));
        if status != 202 {
            return world.violated("answers", "-", format!("{status} {answer} to {body}"));
        }
        if answer["pending"] == false {
            return oracle::check_erased(world, person, &answer);
        }
        if world.now_ms() > first + ASKED_FOR * 3_600_000 {
            return world.violated("erasures end", "-", format!("{body}: {answer}"));
        }
        world.sleep(ASKED_EVERY * 3_600_000).await;
    }
}

async fn call(world: &Rc<World>, body: &Value) -> Option<http::Answer> {
    let invocation = Invocation::new(world, "erase");
    let port = Port(Rc::clone(&invocation));
    let erase: Erase<Simulated> = Erase {
        keys: port.clone(),
        clicks: port.clone(),
        ledger: port.clone(),
        mapping: world.mapping.borrow().clone(),
        clock: port.clone(),
        telemetry: port.clone(),
    };
    let deadline = http::deadline(&invocation, &port);
    http::answer(&invocation, erase.handle(&http::request(body, true), deadline)).await
}
