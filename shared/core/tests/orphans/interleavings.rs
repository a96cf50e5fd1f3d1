//! Requests of originals and corrections in every order, with deaths anywhere: what is acknowledged
//! is in one place, and where an original has come it is there.

use std::rc::Rc;

use proptest::prelude::*;
use tracklayer_core::ledger::correction::Correction;
use tracklayer_core::ledger::orphan::Orphan;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::reconcile::intake::{append, has};
use tracklayer_core::reconcile::orphans;
use tracklayer_core::reconcile::orphans::{
    Again, Aim, Look, Moved, add, aim, look, look_again, take,
};

use crate::support::{DAY, at, original, orphan_key, refund};

/// One partition of the table.
#[derive(Clone, Debug, Default)]
struct Table {
    rows: Vec<Row>,
    orphan: Option<Orphan>,
    /// The corrections that have one.
    pointers: Vec<Correction>,
}

impl Table {
    fn insert(&mut self, row: Row) {
        if !self.rows.iter().any(|known| known.key == row.key) {
            self.rows.push(row);
        }
    }

    fn change(&mut self, before: &Row, after: Row) -> bool {
        let known = self.rows.iter_mut().find(|row| row.key == before.key).expect("a row");
        let unmoved = known.desired_revision == before.desired_revision;
        if unmoved {
            *known = after;
        }
        unmoved
    }

    /// Whether it has one now for the first time.
    fn point(&mut self, correction: &Correction) -> bool {
        let is_new = !has(&self.pointers, correction);
        if is_new {
            self.pointers.push(correction.clone());
        }
        is_new
    }

    fn remove_pointer(&mut self, correction: &Correction) {
        self.pointers.retain(|known| known != correction);
    }

    fn save(&mut self, before: Option<&Orphan>, after: Orphan) -> bool {
        let revision = |orphan: &Orphan| orphan.revision;
        let unmoved = self.orphan.as_ref().map(revision) == before.map(revision);
        if unmoved {
            self.orphan = Some(after);
        }
        unmoved
    }

    /// Both or neither.
    fn move_corrections(&mut self, from: &Orphan, to: &Row, moved: &Moved) -> bool {
        let mut copy = self.clone();
        let (row, orphan) = (moved.row.clone(), moved.orphan.clone());
        let done = copy.change(to, row) && copy.save(Some(from), orphan);
        if done {
            *self = copy;
        }
        done
    }

    fn places(&self, correction: &Correction) -> usize {
        let of_rows = self.rows.iter().map(|row| &row.corrections);
        let of_orphan = self.orphan.iter().map(|orphan| &orphan.corrections);
        of_rows.chain(of_orphan).filter(|known| has(known, correction)).count()
    }

    fn is_in_a_row(&self, correction: &Correction) -> bool {
        self.rows.iter().any(|row| has(&row.corrections, correction))
    }

    fn sweep(&mut self, seconds: i64) {
        while let Some(orphan) = self.orphan.clone() {
            let rows = self.rows.clone();
            let done = match at(seconds, |context| {
                look(&orphan, &orphans::Original::all_of(&rows), context)
            }) {
                Look::Nothing => return,
                Look::Take(row, moved) => self.move_corrections(&orphan, row, &moved),
                Look::Missing(after) | Look::Ended(after) => self.save(Some(&orphan), *after),
            };
            assert!(done, "nobody else writes");
        }
    }
}

/// One request, and how far it is. Every step touches the table once.
#[derive(Clone, Debug)]
enum Request {
    Original(Rc<Row>, Original),
    Correction(Correction, Stage),
}

#[derive(Clone, Debug)]
enum Original {
    Insert,
    Read,
    Take(Rc<Table>),
    Done,
}

#[derive(Clone, Debug)]
enum Stage {
    /// Perhaps after it has made sure of its pointer.
    Read(Pointed),
    Write(Pointed, Rc<Table>),
    /// It is in the orphan.
    ReadAgain,
    Settle(Rc<Table>),
    Acknowledged,
    Rejected,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Pointed {
    No,
    Yes,
}

impl Request {
    fn is_over(&self) -> bool {
        matches!(
            self,
            Request::Original(_, Original::Done)
                | Request::Correction(_, Stage::Acknowledged | Stage::Rejected)
        )
    }

    fn step(&mut self, table: &mut Table) {
        match self {
            Request::Original(row, stage) => *stage = stage.step(row, table),
            Request::Correction(correction, stage) => *stage = stage.step(correction, table),
        }
    }
}

impl Original {
    fn step(&self, row: &Row, table: &mut Table) -> Original {
        match self {
            Original::Insert => {
                table.insert(row.clone());
                Original::Read
            }
            Original::Read => Original::Take(Rc::new(table.clone())),
            Original::Take(seen) => {
                let known = seen.rows.iter().find(|known| known.key == row.key).expect("a row");
                let Some(orphan) = &seen.orphan else { return Original::Done };
                match at(100, |context| take(orphans::Original::own(known), orphan, context)) {
                    Some(moved) if !table.move_corrections(orphan, known, &moved) => Original::Read,
                    _ => Original::Done,
                }
            }
            Original::Done => Original::Done,
        }
    }
}

impl Stage {
    fn step(&self, correction: &Correction, table: &mut Table) -> Stage {
        match self {
            Stage::Read(_) if table.is_in_a_row(correction) => Stage::Acknowledged,
            Stage::Read(_) if table.places(correction) > 0 => Stage::ReadAgain,
            Stage::Read(pointed) => Stage::Write(*pointed, Rc::new(table.clone())),
            Stage::Write(pointed, seen) => write(correction, *pointed, seen, table),
            Stage::ReadAgain => Stage::Settle(Rc::new(table.clone())),
            Stage::Settle(seen) => settle(correction, seen, table),
            Stage::Acknowledged | Stage::Rejected => self.clone(),
        }
    }
}

fn write(correction: &Correction, pointed: Pointed, seen: &Rc<Table>, table: &mut Table) -> Stage {
    let mine = correction.clone();
    match aim(correction, &orphans::Original::all_of(&seen.rows)) {
        Aim::Ambiguous => {
            table.remove_pointer(correction);
            Stage::Rejected
        }
        Aim::Row(_) if pointed == Pointed::No => match table.point(correction) {
            true => Stage::Write(Pointed::Yes, Rc::clone(seen)),
            false => Stage::Read(Pointed::Yes),
        },
        Aim::Row(row) => match table.change(row, at(100, |context| append(row, mine, context))) {
            true => Stage::Acknowledged,
            false => Stage::Read(pointed),
        },
        Aim::Orphan => {
            let (key, known) = (orphan_key(), seen.orphan.as_ref());
            let after = at(100, |context| add(&key, known, mine, None, context)).expect("room");
            let is_new = !has(&table.pointers, correction);
            if is_new && table.save(known, after) {
                table.point(correction);
                Stage::ReadAgain
            } else {
                Stage::Read(pointed)
            }
        }
    }
}

fn settle(correction: &Correction, seen: &Table, table: &mut Table) -> Stage {
    let orphan = seen.orphan.as_ref();
    let originals = orphans::Original::all_of(&seen.rows);
    match (at(100, |context| look_again(correction, &originals, orphan, context)), orphan) {
        (Again::Taken(_) | Again::Waits, _) => Stage::Acknowledged,
        (Again::Take(row, moved), Some(orphan)) => {
            table.move_corrections(orphan, row, &moved);
            Stage::ReadAgain
        }
        (Again::Gone, _) | (_, None) => panic!("orphans don't expire here"),
    }
}

/// Some requests on their way; some of them may be the same.
#[derive(Clone, Debug, Default)]
struct World {
    table: Table,
    requests: Vec<Request>,
    dead: Vec<bool>,
}

impl World {
    fn of(originals: &[&str], corrections: &[(&str, Option<&str>)]) -> Self {
        let recorded = |(n, event): (i64, &&str)| original(event, 10 + n);
        let rows = (0..).zip(originals).map(recorded);
        let rows = rows.map(|row| Request::Original(Rc::new(row), Original::Insert));
        let refunds = corrections.iter().map(|(id, event)| refund(id, *event));
        let refunds = refunds.map(|refund| Request::Correction(refund, Stage::Read(Pointed::No)));
        let requests: Vec<Request> = rows.chain(refunds).collect();
        World { table: Table::default(), dead: vec![false; requests.len()], requests }
    }

    fn runs(&self, n: usize) -> bool {
        !self.dead[n] && !self.requests[n].is_over()
    }

    fn step(&mut self, n: usize) {
        if self.runs(n) {
            self.requests[n].step(&mut self.table);
        }
    }

    fn finish(&mut self) {
        for n in 0..self.requests.len() {
            while self.runs(n) {
                self.step(n);
            }
        }
    }

    fn repeats(&self, correction: &Correction) -> usize {
        let is_it = |request: &&Request| match request {
            Request::Correction(other, _) => other == correction,
            Request::Original(..) => false,
        };
        self.requests.iter().filter(is_it).count()
    }

    /// What must hold when no request is on its way any more.
    fn check(mut self) -> Result<(), TestCaseError> {
        let nobody_died = !self.dead.contains(&true);
        for swept in [false, true] {
            if swept {
                self.table.sweep(100 + 3 * DAY);
            }
            for request in &self.requests {
                let Request::Correction(correction, stage) = request else { continue };
                let places = self.table.places(correction);
                let repeats = self.repeats(correction);
                match stage {
                    Stage::Acknowledged => prop_assert_eq!(places, 1, "{:?}", self),
                    // Another request may have brought the same one when it was clear what it means.
                    Stage::Rejected => {
                        prop_assert!(places <= usize::from(repeats > 1), "{:?}", self)
                    }
                    // It died before it could say anything.
                    _ => prop_assert!(places <= 1),
                }
                let may = |row: &Row| {
                    let event = correction.original_event.as_ref();
                    event.is_none_or(|event| *event == row.key.event)
                };
                let has_come = self.table.rows.iter().any(may);
                if places == 1 && has_come && (nobody_died || swept) {
                    prop_assert!(self.table.is_in_a_row(correction), "{:?}", self);
                }
                for row in self.table.rows.iter().filter(|row| has(&row.corrections, correction)) {
                    prop_assert!(may(row), "not its original");
                }
            }
        }
        Ok(())
    }
}

/// Runs every order of steps from here, with so many deaths at most; answers how many there are.
fn explore(world: &World, deaths: usize) -> usize {
    let running: Vec<usize> = (0..world.requests.len()).filter(|n| world.runs(*n)).collect();
    if running.is_empty() {
        world.clone().check().expect("every correction is in its place");
        return 1;
    }
    let mut ends = 0;
    for n in running {
        let mut next = world.clone();
        next.step(n);
        ends += explore(&next, deaths);
        if deaths > 0 {
            let mut next = world.clone();
            next.dead[n] = true;
            ends += explore(&next, deaths - 1);
        }
    }
    ends
}

#[test]
fn an_original_and_a_correction_find_each_other_in_every_order_whoever_dies() {
    for event in [None, Some("purchase"), Some("phone_sale")] {
        let ends = explore(&World::of(&["purchase"], &[("r1", event)]), 2);
        assert!(ends > 100, "{ends} orders");
    }
    let ends = explore(&World::of(&["purchase", "purchase"], &[("r1", None)]), 1);
    assert!(ends > 10_000, "{ends} orders");
}

#[test]
fn two_originals_and_a_correction_that_names_neither() {
    let ends = explore(&World::of(&["purchase", "phone_sale"], &[("r1", None)]), 1);
    assert!(ends > 10_000, "{ends} orders");
}

#[test]
fn the_same_correction_twice_at_once() {
    let ends = explore(&World::of(&["purchase"], &[("r1", None), ("r1", None)]), 0);
    assert!(ends > 1_000, "{ends} orders");
}

const EVENTS: [&str; 3] = ["purchase", "phone_sale", "purchase"];
const NAMED: [Option<&str>; 3] = [None, Some("purchase"), Some("phone_sale")];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn many_requests_in_any_order(
        originals in prop::collection::vec(0..3_usize, 1..4),
        named in prop::collection::vec(0..3_usize, 1..4),
        schedule in prop::collection::vec((0..6_usize, prop::bool::weighted(0.05)), 0..60),
    ) {
        let events: Vec<&str> = originals.iter().map(|n| EVENTS[*n]).collect();
        // The same event twice is the same correction twice.
        let ids: Vec<String> = named.iter().map(|n| format!("r{n}")).collect();
        let corrections: Vec<(&str, Option<&str>)> =
            ids.iter().zip(&named).map(|(id, n)| (id.as_str(), NAMED[*n])).collect();
        let mut world = World::of(&events, &corrections);
        let count = world.requests.len();
        for (n, dies) in schedule {
            world.dead[n % count] |= dies;
            world.step(n % count);
        }
        world.finish();
        world.check()?;
    }
}
