//! Persons who have withdrawn, denied or were erased: nothing more of them is sent, and the money of
//! what was sent before stays what it was.

use tracklayer_core::{
    ledger::row::Row,
    reconcile::state::{State, corrections, state},
};

use super::{Case, Net};
use crate::{
    microsoft::{Counted, Sent, thousandths},
    table::Table,
    world::{Invocation, World},
};

/// How wrong two clocks may be together, in seconds, and then some.
const DOUBT: i64 = 15;

/// Looks at what a run is about to send: nothing of a row that had ended when the run began, and no
/// original of somebody who had withdrawn by then, but for a row on its very first way.
pub fn check_sent(world: &World, run: &Invocation, rows: &[Sent]) {
    let table = world.table.borrow();
    for sent in rows {
        let person = sent.person();
        let ended = table.ended.values().find(|ended| ended.person == person);
        if ended.is_some_and(|ended| ended.at < run.began) {
            let what = format!("{} sends {}", run.name, sent.describe());
            world.violated("nothing of an ended row is sent", &person, what);
        }
        if !sent.is_adjustment() && ended.is_none() && is_overlooked(world, &table, run, &person) {
            let what = format!("{} sends {}", run.name, sent.describe());
            world.violated("a withdrawal is heeded", &person, what);
        }
    }
}

/// Whether the row's session had given up its click before the run began.
fn is_overlooked(world: &World, table: &Table, run: &Invocation, person: &str) -> bool {
    let is = |row: &&Row| table.person_of(row).as_deref() == Some(person);
    let Some(row) = table.rows.values().find(is) else { return false };
    let Some(session) = row.facts.references.session.as_ref() else { return false };
    let deleted = world.deleted.borrow().get(session.as_str()).copied();
    deleted.is_some_and(|at| at + DOUBT < run.began / 1_000)
        && !world.is_click_there(session.as_str())
}

/// An erasure that is done means no row any more that was there when it was asked for.
pub(super) fn check_erasures(world: &World) {
    let table = world.table.borrow();
    for item in table.erasures.iter().filter(|item| item.done_at.is_some()) {
        let before = item.pass_after.plus_seconds(-DOUBT);
        let missed = |row: &&Row| item.erasure.means(row) && row.recorded_at < before;
        for row in table.rows.values().filter(missed) {
            world.violated("an erasure finds its rows", row.key.label(), "not erased");
        }
    }
}

impl Case<'_> {
    /// What was taken before its person ended counts as it did; what was not, doesn't.
    pub(super) fn judge_ended(
        &self,
        counted: Option<&Counted>,
        admit: &mut impl FnMut(&'static str),
    ) {
        let known = &self.row.observed;
        match (&known.accepted, counted) {
            (Some(_), Some(counted)) => {
                self.check_standing(counted);
                admit("its person ended after it was taken");
            }
            (Some(_), None) => self.violated("nothing is lost", "accepted, not counted"),
            (None, None) => admit("its person ended before it was taken"),
            (None, Some(counted)) if known.may_count() || self.world.is_untold(&counted.by) => {
                admit("its person ended after it was taken, which nobody has heard");
            }
            (None, Some(_)) => {
                self.violated("no outcome is thrown away", "counted, and the row doesn't know");
            }
        }
        if known.accepted.is_none() && state(&self.row).0 != State::Refused {
            self.violated("every row is explained", "ended, but not shown as refused");
        }
        self.check_net();
    }

    /// The row's money is the order log's, told or not.
    fn check_net(&self) {
        let (Net::Value(net), false) = self.net() else { return };
        let shown = corrections(&self.row).0.net;
        let shown = shown.map(|net| thousandths(&net.to_string()));
        if shown != Some(net) {
            self.violated("the money of an ended row is right", &format!("{shown:?}, not {net}"));
        }
    }
}
