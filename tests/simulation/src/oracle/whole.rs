//! What must hold for all rows together.

use std::collections::BTreeMap;

use tracklayer_core::ledger::{index::IndexClass, observed::Claim, row::RowKey, signal::Signal};

use super::DOUBT;
use crate::microsoft::Sent;
use crate::table::{Claimed, Table};
use crate::world::{World, policy};

pub(super) fn check(world: &World) {
    check_strangers(world);
    check_microsoft(world);
    check_claims(world);
    check_not_taken(world);
    check_letters(world);
}

/// Every conversion at Microsoft belongs to exactly one row.
fn check_strangers(world: &World) {
    let table = world.table.borrow();
    let mut owners: BTreeMap<&str, &RowKey> = BTreeMap::new();
    for (key, attempts) in &table.attempts {
        for attempt in attempts {
            let other = owners.insert(&attempt.person, key).filter(|other| *other != key);
            if let Some(other) = other {
                let what = format!("{} shares {}", other.label(), attempt.person);
                world.violated("one key, one conversion", key.label(), what);
            }
        }
    }
    for counted in &world.microsoft.borrow().counted {
        if !owners.contains_key(counted.person.as_str()) {
            world.violated("nothing counts twice", &counted.person, "counted, but no row is it");
        }
    }
}

fn check_microsoft(world: &World) {
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

/// Claims of one row keep their distance, unless it is known that the first was not taken; near the
/// end a shorter one. Their times rise.
fn check_claims(world: &World) {
    let table = world.table.borrow();
    for key in table.claims.keys() {
        let Some(row) = table.rows.get(key) else { continue };
        let last_call = table.whole(row).correction_limit().plus_seconds(-policy().run_margin);
        for pair in table.standing(key).windows(2) {
            let [first, second] = pair else { continue };
            let near_end = first.at.plus_seconds(policy().spacing()) > last_call;
            let wanted = if near_end { policy().run_margin } else { policy().spacing() };
            let apart = second.at.seconds_since(first.at);
            if apart < wanted {
                let what = format!("two claims {apart} s apart");
                world.violated("claims are spaced", key.label(), what);
            }
            if second.adjustment_time <= first.adjustment_time {
                world.violated("adjustment times rise", key.label(), "they don't");
            }
        }
    }
    for person in &world.microsoft.borrow().reordered {
        let hurried = table.owner(person).is_some_and(|row| is_hurried(&table, &row.key));
        if !hurried {
            let what = "adjustments took effect in another order than their times";
            world.violated("claims are spaced", person, what);
        }
    }
}

/// Whether two of its adjustments lay closer than usual: its end was near.
pub(super) fn is_hurried(table: &Table, key: &RowKey) -> bool {
    let apart = |pair: &[&Claim]| pair[1].at.seconds_since(pair[0].at);
    table.standing(key).windows(2).any(|pair| apart(pair) < policy().spacing())
}

/// What was noted as not taken was not.
fn check_not_taken(world: &World) {
    let table = world.table.borrow();
    let microsoft = world.microsoft.borrow();
    let taken = |key: &RowKey, by: &str, is: &dyn Fn(&Sent) -> bool| {
        if microsoft.taken.iter().any(|(run, sent)| run == by && is(sent)) {
            let what = format!("{by} noted that it was not taken");
            world.violated("no outcome is thrown away", key.label(), what);
        }
    };
    for (key, attempts) in &table.attempts {
        for attempt in attempts.iter().filter(|attempt| attempt.not_taken) {
            let is = |sent: &Sent| !sent.is_adjustment() && sent.person() == attempt.person;
            taken(key, &attempt.by, &is);
        }
    }
    for (key, claims) in &table.claims {
        let persons = table.persons_of(key);
        for Claimed { by, claim, .. } in claims.iter().filter(|claimed| claimed.not_taken) {
            let time = claim.adjustment_time.to_string();
            let is = |sent: &Sent| {
                let same_time = sent.adjustment().is_some_and(|(_, at)| at == time);
                same_time && persons.contains(&sent.person())
            };
            taken(key, by, &is);
        }
    }
}

/// What is listed as refused has a dead-letter message; what no redrive could help is redriven in
/// vain once, and then has none.
fn check_letters(world: &World) {
    let queue = world.queue.borrow();
    let dead = queue.dead.iter();
    let dead: BTreeMap<RowKey, i64> =
        dead.filter_map(|it| Some((Signal::parse(&it.body).ok()?.key, it.sent / 1_000))).collect();
    for row in world.table.borrow().rows.values() {
        let refusal = row.observed.refusal.as_ref();
        let listed = row.open.as_ref().is_some_and(|open| open.class == IndexClass::Refused);
        let is_lost = listed && !dead.contains_key(&row.key) && world.plan.faults.vanished == 0;
        let beyond = refusal.filter(|it| it.reason.is_beyond_repair()).map(|it| it.at);
        let ended = row.facts.erased_at.or(beyond).map(|at| at.epoch() + DOUBT);
        let is_redriven = dead.get(&row.key).is_some_and(|sent| ended.is_some_and(|at| at < *sent));
        if is_lost || is_redriven {
            let what = format!("{refusal:?}, listed: {listed}, ended: {ended:?}");
            world.violated("dead letters are what can be repaired", row.key.label(), what);
        }
    }
}
