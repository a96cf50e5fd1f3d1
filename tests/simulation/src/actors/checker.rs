//! The schedule of the goal check: every hour. Runs that would find nothing new are left out.

use std::rc::Rc;

use goals::Goals;
use tracklayer_edge::{lambda::deadline::Deadline, ports::AccountItem};

use crate::ports::{Port, Simulated};
use crate::world::{Invocation, World, policy};

const EVERY: i64 = 3_600 * 1_000;
const TIMEOUT: i64 = 60_000;

/// Starts the schedule, if goals are checked at all.
pub fn start(world: &Rc<World>) {
    if !world.plan.setting.checks {
        return;
    }
    let world = Rc::clone(world);
    let spawner = Rc::clone(&world);
    spawner.executor.spawn(async move {
        while !world.over.get() {
            world.sleep(EVERY - world.now_ms() % EVERY).await;
            if world.runs_always() || has_news(&world) {
                check(&world).await;
            }
        }
    });
}

/// Whether a goal is missing or held, or the account was not usable.
fn has_news(world: &World) -> bool {
    let table = world.table.borrow();
    let second = world.now_ms() / 1_000;
    let rests = |item: &AccountItem| item.held_goals.is_empty() && item.failing_since.is_none();
    let mapping = world.mapping.borrow();
    let microsoft = world.microsoft.borrow();
    let missing = mapping.accounts().any(|account| {
        let place = world.plan.setting.place(account.name().as_str(), second);
        let is_there = |name: &str| microsoft.has_goal(&place, name);
        account.goals().any(|(_, goal)| !is_there(goal.name.as_str()))
    });
    missing || !table.accounts.values().all(rests)
}

async fn check(world: &Rc<World>) {
    let invocation = Invocation::new(world, "goals");
    let port = Port(Rc::clone(&invocation));
    let goals: Goals<Simulated> = Goals {
        mapping: world.mapping.borrow().clone(),
        policy: policy(),
        ledger: port.clone(),
        secrets: port.clone(),
        auth: port.clone(),
        microsoft: port.clone(),
        clock: port.clone(),
        telemetry: port,
    };
    let end = u64::try_from(world.now_ms() + invocation.skew + TIMEOUT).unwrap_or(0);
    let deadline = Deadline::at_epoch_ms(end, &goals.clock);
    let report = invocation.run(TIMEOUT, goals.handle(deadline)).await;
    let accounts = report.map(|report| report.accounts).unwrap_or_default();
    for account in
        accounts.iter().filter(|account| account.account_held || !account.held.is_empty())
    {
        world.announce(|| {
            let whole = if account.account_held { " and itself" } else { "" };
            format!("{} holds {:?}{whole} of {}", invocation.name, account.held, account.account)
        });
    }
}
