//! Persons of whom nothing more may be sent: who withdraw, deny, or are erased.

use std::{collections::BTreeSet, rc::Rc};

use tracklayer_core::reconcile::erasure::{Erasure, Person, Scope};
use tracklayer_edge::{
    flows::erase_person::Eraser,
    ports::{Clock as _, Erasures as _},
};

use super::source;
use crate::{
    oracle,
    plan::{Ending, How},
    ports::Port,
    world::{Invocation, World},
};

/// The gateway's patience, in milliseconds.
const TIMEOUT: i64 = 29_000;
/// How long a person waits for the moment in which an order is sent, in milliseconds.
const PATIENCE: i64 = 20 * 3_600_000;

/// Starts all endings of the plan.
pub fn start(world: &Rc<World>) {
    for ending in &world.plan.endings {
        let (world, ending) = (Rc::clone(world), ending.clone());
        world.posting.set(world.posting.get() + 1);
        let spawner = Rc::clone(&world);
        spawner.executor.spawn(async move {
            wait(&world, &ending).await;
            match &ending.how {
                How::Denied(order) => source::deny(&world, order).await,
                How::Withdrawn(session) => withdraw(&world, session),
                How::Erased(person) => erase(&world, person).await,
            }
            world.posting.set(world.posting.get() - 1);
        });
    }
}

async fn wait(world: &World, ending: &Ending) {
    world.sleep_until(ending.at).await;
    if let Some(order) = &ending.amid {
        let person = || oracle::person_of_order(world, order);
        world.wait_for_call(person, world.now_ms() + PATIENCE).await;
    }
}

/// As capture does it: the clicks that were known go.
fn withdraw(world: &World, session: &str) {
    let second = world.now_ms() / 1_000;
    let there = world.is_click_there(session);
    world.announce(|| format!("the consent of {session} is withdrawn (click: {there})"));
    if there {
        world.deleted.borrow_mut().insert(session.to_owned(), second);
    }
}

/// Asks until there is an answer.
async fn erase(world: &Rc<World>, person: &Person) {
    loop {
        let invocation = Invocation::new(world, "erase");
        let port = Port(Rc::clone(&invocation));
        let mapping = world.mapping.borrow().clone();
        let eraser = Eraser { ledger: &port, clicks: &port, mapping: &mapping, now: port.now() };
        let (began, some) = (world.now_ms(), world.random().between(0, TIMEOUT));
        let has_time = || world.now_ms() < began + some;
        let all = || vec!["*".to_owned()];
        let erasure = Erasure {
            person: person.clone(),
            scope: Scope { sources: all(), accounts: all() },
            by: "all".to_owned(),
            asked_at: port.now(),
            references: BTreeSet::new(),
        };
        let work = async {
            let item = port.begin_erasure(&erasure).await?;
            eraser.delete_traces(item, &has_time).await
        };
        let done = invocation.run(TIMEOUT, work).await;
        world.announce(|| format!("{} of a {}: {done:?}", invocation.name, person.kind()));
        if let Some(Ok(_)) = done {
            return;
        }
        let minutes = world.random().pick(&[1, 5, 60]);
        world.sleep(minutes * 60_000).await;
    }
}
