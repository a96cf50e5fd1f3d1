//! The person at the console: changes names, gives consent again, moves dead letters back, and in
//! the end repairs everything.

use std::rc::Rc;

use crate::oracle;
use crate::plan::{GoalTrouble, OutageOf};
use crate::world::World;

const DAY: i64 = 86_400;
/// The name that "Purchase" gets.
const NEW_NAME: &str = "Purchase EU";

/// Starts everything the operator does.
pub fn start(world: &Rc<World>) {
    goal(world);
    if let Some(moves) = world.plan.setting.moves {
        at(world, moves.at, move |world| {
            world.announce(|| format!("conversions go somewhere else now: {:?}", moves.to));
        });
    }
    for outage in world.plan.outages.iter().filter(|outage| outage.of == OutageOf::Consent) {
        at(world, outage.until, |world| {
            world.secret.set(world.secret.get() + 1);
            world.announce(|| "consent is given again".to_owned());
        });
    }
    for &second in &world.plan.early_redrives {
        at(world, second, redrive);
    }
    let world = Rc::clone(world);
    let spawner = Rc::clone(&world);
    spawner.executor.spawn(async move { finish(&world).await });
}

fn at(world: &Rc<World>, second: i64, act: impl FnOnce(&World) + 'static) {
    let world = Rc::clone(world);
    let spawner = Rc::clone(&world);
    spawner.executor.spawn(async move {
        world.sleep_until(second).await;
        act(&world);
    });
}

fn goal(world: &Rc<World>) {
    let set_mapping = |name: &'static str| {
        move |world: &World| {
            *world.mapping.borrow_mut() = world.plan.setting.mapping(name);
            world.announce(|| format!("the mapping now says \"{name}\""));
        }
    };
    let rename = |from: &'static str, to: &'static str| {
        move |world: &World| {
            world.microsoft.borrow_mut().rename(from, to);
            world.announce(|| format!("the goal \"{from}\" is now \"{to}\" at Microsoft"));
        }
    };
    match world.plan.goal {
        GoalTrouble::None => {}
        GoalTrouble::Typo { fixed } => at(world, fixed, set_mapping("Purchase")),
        GoalTrouble::Renamed { at: second, fixed } => {
            at(world, second, rename("Purchase", NEW_NAME));
            at(world, fixed, set_mapping(NEW_NAME));
        }
        GoalTrouble::RenamedBack { at: second, fixed } => {
            at(world, second, rename("Purchase", NEW_NAME));
            at(world, fixed, rename(NEW_NAME, "Purchase"));
        }
        GoalTrouble::Replaced { at: second, fixed } => {
            at(world, second, |world| {
                let now = world.now_ms() / 1_000;
                world.microsoft.borrow_mut().replace("Purchase", NEW_NAME, now);
                world.announce(|| "the goal is replaced at Microsoft".to_owned());
            });
            at(world, fixed, set_mapping(NEW_NAME));
        }
    }
}

fn redrive(world: &World) {
    let count = world.queue.borrow_mut().redrive(world.now_ms());
    world.announce(|| format!("the operator moves {count} dead letters back"));
}

/// Everything is repaired; dead letters go back until nothing changes any more, then twice more.
async fn finish(world: &Rc<World>) {
    let goal_fixed = match world.plan.goal {
        GoalTrouble::None => 0,
        GoalTrouble::Typo { fixed }
        | GoalTrouble::Renamed { fixed, .. }
        | GoalTrouble::RenamedBack { fixed, .. }
        | GoalTrouble::Replaced { fixed, .. } => fixed,
    };
    world.sleep_until(world.plan.calm_at.max(goal_fixed + 3 * 3_600)).await;
    world.calm.set(true);
    world.secret.set(world.secret.get() + 1);
    world.announce(|| "everything is repaired".to_owned());
    let mut settled = 0;
    for _ in 0..150 {
        world.sleep(DAY * 1_000).await;
        if !oracle::is_quiet(world) {
            continue;
        }
        // An audit looks at rows of the last week that nothing drives.
        let wait = if settled == 0 && oracle::is_waiting_for_audit(world) { 8 } else { 0 };
        world.sleep(wait * DAY * 1_000).await;
        let before = oracle::at_microsoft(world);
        if settled >= 3 {
            super::asker::ask_all(world).await;
            world.over.set(true);
            world.queue.borrow_mut().wake();
            return;
        }
        redrive(world);
        world.sleep(DAY * 1_000 + 3_600_000).await;
        let same = before == oracle::at_microsoft(world) && oracle::is_quiet(world);
        settled = if same { settled + 1 } else { 0 };
    }
    world.violated("ends", "-", "there is no end to it");
    world.over.set(true);
    world.queue.borrow_mut().wake();
}
