//! Persons who have withdrawn, denied or were erased: nothing more of them is sent, and the money of
//! what was sent before stays what it was.

use std::collections::BTreeSet;

use serde_json::Value;
use tracklayer_core::ledger::facts::Facts;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::reconcile::erasure::{Erasure, Person};
use tracklayer_core::reconcile::state::{State, corrections, state};

use super::{DOUBT, case::Case, label, net::Net};
use crate::decimal::thousandths;
use crate::microsoft::Counted;
use crate::plan::{How, Order};
use crate::table::is_kept;
use crate::world::{Invocation, World};

/// Whether the plan denies the order's consent.
pub(super) fn is_denied(world: &World, order: &Order) -> bool {
    let denied = |how: &How| matches!(how, How::Denied(it) if label(it) == label(order));
    world.plan.endings.iter().any(|ending| denied(&ending.how))
}

/// An erasure that is done means no row any more that was there when its pass began, by what the row
/// said then: the person may come back, and be credited with something new.
pub(super) fn check_erasures(world: &World) {
    let table = world.table.borrow();
    for item in &table.erasures {
        if item.done_at.is_none() {
            continue;
        }
        let before = item.pass_after.plus_seconds(-DOUBT);
        let missed = |row: &&Row| {
            let is_older = table.bound[&row.key] < before.epoch() * 1_000;
            let click = row.facts.click.clone().filter(|_| is_older);
            let then = Row { facts: Facts { click, ..row.facts.clone() }, ..(*row).clone() };
            item.erasure.means(&then) && row.recorded_at < before
        };
        for row in table.rows.values().filter(missed) {
            world.violated("an erasure finds its rows", row.key.label(), "not erased");
        }
    }
}

/// Who takes a person out of a row names it in every erasure that was asked for before and means it by
/// the person's name: the audit can't recognise it any more, and the answer would leave it out.
pub fn check_ended(world: &World, run: &Invocation, before: &Row) {
    let table = world.table.borrow();
    for item in table.erasures.iter().filter(|item| is_kept(item, world.now())) {
        let erasure = Erasure { references: BTreeSet::new(), ..item.erasure.clone() };
        let is_known = erasure.asked_at.plus_seconds(DOUBT).epoch() * 1_000 < run.began;
        if is_known && erasure.means(before) && !item.rows.contains(&before.key) {
            let what = format!("{} does not name it", run.name);
            world.violated("an erasure names its rows", before.key.label(), what);
        }
    }
}

/// The answer to an erasure that is done names every conversion of it that Microsoft counts, and
/// what nobody knows as unknown.
pub fn check_erased(world: &World, person: &Person, answer: &Value) {
    let table = world.table.borrow();
    let item = table.erasures.iter().find(|item| item.erasure.person == *person);
    let empty = Vec::new();
    let told = answer["microsoft"].as_array().unwrap_or(&empty);
    for key in item.iter().flat_map(|item| &item.rows) {
        let persons = table.persons_of(key);
        let microsoft = world.microsoft.borrow();
        let counts = microsoft.counted.iter().any(|it| persons.contains(&it.person));
        let is_it = |held: &&Value| {
            let named = (held["source"].as_str(), held["eventId"].as_str(), held["event"].as_str());
            named == (Some(key.source.as_str()), Some(key.event_id.as_str()), Some(key.sk()))
        };
        let told = told.iter().find(is_it).and_then(|held| held["state"].as_str());
        let doubtful = table.rows.get(key).is_some_and(|row| row.observed.is_doubtful());
        let is_right = match (counts, doubtful) {
            (true, false) => told.is_some_and(|state| state != "unknown"),
            (true, true) => told == Some("unknown"),
            (false, _) => told.is_none_or(|state| state == "unknown"),
        };
        if !is_right {
            let what = format!("counts: {counts}, in doubt: {doubtful}, told: {told:?}");
            world.violated("an erasure says what Microsoft has", key.label(), what);
        }
    }
}

impl Case<'_> {
    /// What was taken before its person ended counts as it did; what was not, doesn't. What nobody
    /// knows may count, and the row says so.
    pub(super) fn judge_ended(
        &self, counted: Option<&Counted>, admit: &mut impl FnMut(&'static str),
    ) {
        let known = &self.row.observed;
        match (&known.accepted, counted) {
            (Some(_), Some(counted)) => {
                self.check_standing(counted);
                admit("its person ended after it was taken");
            }
            (Some(_), None) => self.violated("nothing is lost", "accepted, not counted"),
            (None, None) => admit("its person ended before it was taken"),
            (None, Some(_)) if known.may_count() => {
                admit("its person ended after an attempt without an answer, which was taken");
            }
            (None, Some(_)) => {
                self.violated("no outcome is thrown away", "counted, and the row doesn't know");
            }
        }
        let shown = state(&self.row);
        if known.accepted.is_none() && shown.0 != State::Refused {
            self.violated("every row is explained", "ended, but not shown as refused");
        }
        let unsure = shown.1.as_deref() == Some("may_already_count");
        if known.may_count() && !unsure {
            self.violated("every row is explained", "it may count, and is not shown so");
        }
        self.check_net();
    }

    /// The row's money is the order log's, told or not.
    fn check_net(&self) {
        let (net, false) = Net::of(self.world, self.order, &self.whole) else { return };
        let net = net.shown(self.order.value);
        let shown = corrections(&self.row).0.net.map(|net| thousandths(&net.to_string()));
        if shown != net {
            self.violated("the money of an ended row is right", &format!("{shown:?}, not {net:?}"));
        }
    }
}
