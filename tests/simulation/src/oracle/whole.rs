//! What must hold for all rows together.

use std::collections::BTreeMap;

use crate::world::{World, policy};

/// Every conversion at Microsoft belongs to exactly one row.
pub(super) fn check_strangers(world: &World) {
    let table = world.table.borrow();
    let mut owners: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in table.rows.values() {
        match table.person_of(row) {
            // A row that waits for its click is known by nothing yet.
            Some(_) if !table.is_known(row) => {}
            Some(person) => owners.entry(person).or_default().push(row.key.label()),
            // Its original was too old at the door.
            None if row.observed.refusal.is_some() => {}
            None => world.violated("orphans end", row.key.label(), "still an orphan"),
        }
    }
    for (person, rows) in owners.iter().filter(|(_, rows)| rows.len() > 1) {
        world.violated("one key, one conversion", &rows[0], format!("{rows:?} share {person}"));
    }
    for counted in &world.microsoft.borrow().counted {
        if !owners.contains_key(&counted.person) {
            world.violated("nothing counts twice", &counted.person, "counted, but no row is it");
        }
    }
}

pub(super) fn check_microsoft(world: &World) {
    let microsoft = world.microsoft.borrow();
    for (person, what) in &microsoft.mistakes {
        world.violated("payloads", person, what.as_str());
    }
    let deliveries = world.queue.borrow().deliveries;
    if microsoft.calls > 8 * deliveries {
        let what = format!("{} calls for {deliveries} deliveries", microsoft.calls);
        world.violated("calls are bounded", "-", what);
    }
}

/// Claims of one row keep their distance, and their times rise.
pub(super) fn check_claims(world: &World) {
    for (key, claims) in &world.table.borrow().claims {
        for pair in claims.windows(2) {
            let [first, second] = pair else { continue };
            let apart = second.at.seconds_since(first.at);
            if apart < policy().spacing() {
                let what = format!("two claims {apart} s apart");
                world.violated("claims are spaced", key.label(), what);
            }
            if second.adjustment_time <= first.adjustment_time {
                world.violated("adjustment times rise", key.label(), "they don't");
            }
        }
    }
}
