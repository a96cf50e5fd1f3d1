//! What must hold whenever something is claimed, sent or heard.

use tracklayer_core::ledger::index::{IndexClass, Open};
use tracklayer_core::ledger::observed::RefusalReason;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::ledger::signal::Signal;
use tracklayer_core::reconcile::decide::{after_wait, busy_until};
use tracklayer_core::time::EventTime;

use super::{DOUBT, credit, is_about, order_of, person_of};
use crate::decimal::thousandths;
use crate::microsoft::Sent;
use crate::queue::Message;
use crate::table::Table;
use crate::world::{Heard, Invocation, World, policy};

/// Looks at what a run is about to send: it has claimed it just so, nothing of it had ended when the
/// run began, and an original has its original value.
pub fn check_sent(world: &World, run: &Invocation, rows: &[Sent]) {
    let table = world.table.borrow();
    for sent in rows {
        let person = sent.person();
        let broken = |rule: &'static str| {
            world.violated(rule, &person, format!("{} sends {}", run.name, sent.describe()));
        };
        let Some(row) = table.owner(&person) else {
            broken("nothing is sent unclaimed");
            continue;
        };
        if !is_claimed(&table, run, row, sent) {
            broken("nothing is sent unclaimed");
        }
        if table.ended.get(&row.key).is_some_and(|(at, _)| *at < run.began) {
            broken("nothing of an ended row is sent");
        }
        let value = order_of(world, row).and_then(|order| order.value);
        if !sent.is_adjustment() && sent.original_value() != value {
            broken("the original value is sent");
        }
    }
}

/// Whether the last claim of the row is this run's, and says what is sent.
fn is_claimed(table: &Table, run: &Invocation, row: &Row, sent: &Sent) -> bool {
    match sent.adjustment() {
        None => {
            let last = table.attempts.get(&row.key).and_then(|attempts| attempts.last());
            last.is_some_and(|last| last.by == run.name && last.person == sent.person())
        }
        Some((value, time)) => {
            let last = table.claims.get(&row.key).and_then(|claims| claims.last());
            last.filter(|last| last.by == run.name).is_some_and(|last| {
                let claimed = last.claim.value.as_ref();
                let claimed = claimed.map(|it| thousandths(&it.decimal().to_string()));
                claimed == value && last.claim.adjustment_time.to_string() == time
            })
        }
    }
}

/// Looks at what a run has written about a row.
pub fn check_write(world: &World, run: &Invocation, before: &Row, after: &Row) {
    let (old, new) = (&before.observed, &after.observed);
    let broken = |rule: &'static str| {
        let what = format!("{} writes {:?} {:?}", run.name, after.facts, after.observed);
        world.violated(rule, after.key.label(), what);
    };
    if new.applying.is_some() && new.applying != old.applying {
        let table = world.table.borrow();
        let attempts = &table.attempts[&after.key];
        let rests = old.applying.map(|at| at.plus_seconds(policy().claim_rest()));
        if new.applying < rests {
            broken("a claim keeps others away");
        }
        if !old.may_count() {
            credit::check_claim(world, run, before, after);
        } else if attempts.iter().rev().nth(1).is_some_and(|it| it.person != person_of(after)) {
            broken("what may have been sent stays as it is");
        }
    }
    let known = &before.facts.refused_clicks;
    for refused in after.facts.refused_clicks.iter().filter(|it| !known.contains(it)) {
        credit::check_refused(world, before, refused);
    }
    let ends = new.refusal.as_ref().is_some_and(|it| it.reason == RefusalReason::Unmatched);
    if ends && old.refusal.is_none() {
        credit::check_unmatched(world, run, before);
    }
}

/// A run that has ended by itself, without trouble with AWS, has written down what it heard.
pub fn check_heard(world: &World, run: &Invocation) {
    if run.hampered.get() {
        return;
    }
    let table = world.table.borrow();
    for (person, heard) in run.heard.borrow().iter() {
        let Some(row) = table.owner(person) else { continue };
        let known = &row.observed;
        let noted = match heard {
            Heard::Taken => known.accepted.is_some(),
            Heard::Perhaps => known.accepted.is_some() || known.may_count(),
            Heard::ClickRefused => {
                let gone = !row.facts.refused_clicks.is_empty() || row.is_erased();
                gone || known.accepted.is_some() || known.may_count() || known.refusal.is_some()
            }
        };
        if !noted {
            let what = format!("{} has heard: {heard:?}, which is not noted", run.name);
            world.violated("no outcome is thrown away", row.key.label(), what);
        }
    }
}

/// What is deleted from the queue is needed by nobody: no other run had claimed a correction when this
/// one began, and may still be at it. If it is refused, the message becomes its dead letter. A message
/// is over once the row was left to its `due`: what was claimed later was claimed with another one.
pub fn check_acknowledged(world: &World, run: &Invocation, message: &Message) {
    let table = world.table.borrow();
    let Ok(signal) = Signal::parse(&message.body) else { return };
    let Some(row) = table.rows.get(&signal.key) else { return };
    check_looked(world, run, row);
    let claims = table.claims.get(&signal.key).into_iter().flatten();
    let Some(claimed) = claims.last().filter(|last| last.written < run.began) else { return };
    let left = row.observed.left_at.map(EventTime::epoch);
    if left.is_some_and(|left| message.sent / 1_000 <= left && left * 1_000 <= claimed.written) {
        return;
    }
    let busy = busy_until(row, world.now().plus_seconds(DOUBT), &policy()).is_some();
    if busy && row.observed.refusal.is_none() && !row.is_erased() {
        let what = format!("{} deletes it, claimed by {}", run.name, claimed.by);
        world.violated("a message in use is kept", row.key.label(), what);
    }
}

/// A look that did not find the click that was there is soon repeated.
fn check_looked(world: &World, run: &Invocation, row: &Row) {
    let soon = world.now().plus_seconds(policy().hour + DOUBT);
    let is_late = |open: &Open| open.class == IndexClass::Look && open.due > soon;
    if row.open.as_ref().is_some_and(is_late) && credit::was_there(world, run, row) {
        let what = format!("{} leaves it to {:?}", run.name, row.open);
        world.violated("a failed look is repeated", row.key.label(), what);
    }
}

/// A run of sweep has signalled every look for a click that it has moved on, or made it due again soon,
/// unless not even that could be written.
pub fn check_looks(world: &World, run: &Invocation) {
    for key in run.looks.borrow().iter() {
        let what = format!("{} has not signalled it", run.name);
        world.violated("a failed look is repeated", key.label(), what);
    }
}

/// What the queue is about to give up, after a run without trouble with AWS, is marked in the ledger,
/// unless the row is refused anyway, wants nothing, or has another message. A correction is driven by
/// its `due`: the message was only kept because another run was at it.
pub fn check_given_up(world: &World, run: &Invocation, message: &Message) {
    if run.hampered.get() || world.plan.faults.unprocessed > 0 {
        return;
    }
    let table = world.table.borrow();
    let Ok(signal) = Signal::parse(&message.body) else { return };
    let Some(row) = table.rows.get(&signal.key) else { return };
    let marked = row.observed.dead_at.is_some() || row.observed.refusal.is_some();
    let wants_nothing = row.is_erased() || after_wait(row).is_none();
    let queue = world.queue.borrow();
    let is_due = row.observed.accepted.is_some() && row.open.is_some();
    let is_driven =
        is_due || queue.messages.iter().any(|it| it.id != message.id && is_about(it, row));
    if !marked && !wants_nothing && !is_driven {
        let what = format!("{} gives it up: {:?}", run.name, row.observed);
        world.violated("what is given up is marked", row.key.label(), what);
    }
}
