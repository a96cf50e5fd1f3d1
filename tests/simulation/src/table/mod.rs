//! The ledger in memory, with the table's conditions and an index that lags behind.

mod erasures;
mod index;
mod uniques;
mod units;

use std::collections::BTreeMap;

use tracklayer_core::id::AccountName;
use tracklayer_core::ledger::observed::{Claim, Observed};
use tracklayer_core::ledger::orphan::Orphan;
use tracklayer_core::ledger::row::{PartitionKey, Row, RowKey};
use tracklayer_core::reconcile::note::Write;
use tracklayer_core::reconcile::orphans::Moved;
use tracklayer_core::time::EventTime;
use tracklayer_edge::ports::{
    AccountItem, AuditState, ErasureItem, GoalCheck, Outcomes, Partition, Place, RowPage, Written,
};

pub use erasures::is_kept;
use index::{Index, merged};
use uniques::Uniques;
pub use units::Units;
use units::index_units;

/// The table.
#[derive(Debug, Default)]
pub struct Table {
    /// The rows.
    pub rows: BTreeMap<RowKey, Row>,
    /// Corrections whose originals have not come.
    pub orphans: BTreeMap<PartitionKey, Orphan>,
    /// Account items.
    pub accounts: BTreeMap<AccountName, AccountItem>,
    /// What Microsoft's reports said; this Microsoft gives none.
    pub outcomes: BTreeMap<AccountName, Outcomes>,
    /// Every claim of an original, in the order written.
    pub attempts: BTreeMap<RowKey, Vec<Attempt>>,
    /// Every claim of an adjustment, in the order written.
    pub claims: BTreeMap<RowKey, Vec<Claimed>>,
    /// Rows that have lost their person, as they were before, and when (milliseconds since 1970).
    pub ended: BTreeMap<RowKey, (i64, Row)>,
    /// When rows got the click that they have, in milliseconds.
    pub bound: BTreeMap<RowKey, i64>,
    /// Erasures that were asked for.
    pub erasures: Vec<ErasureItem>,
    /// Goals that a check holds, by account and name, and since which second.
    pub held_since: BTreeMap<(String, String), i64>,
    /// What the table would charge.
    pub units: Units,
    /// How long the index lags behind the next write, in milliseconds.
    pub lag: i64,
    /// Now, in milliseconds.
    pub now_ms: i64,
    uniques: Uniques,
    audit: AuditState,
    index: Index,
}

/// An original that was claimed to be sent.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// By which run.
    pub by: String,
    /// What Microsoft knows it by.
    pub person: String,
    /// It was noted that it was not taken.
    pub not_taken: bool,
}

/// An adjustment that was claimed to be sent.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// By which run.
    pub by: String,
    /// What.
    pub claim: Claim,
    /// When it was written, in milliseconds.
    pub written: i64,
    /// It was noted that it was not taken.
    pub not_taken: bool,
}

impl Table {
    fn put(&mut self, row: Row) {
        let before = self.rows.get(&row.key);
        if before.is_none_or(|before| before.facts.click != row.facts.click) {
            self.bound.insert(row.key.clone(), self.now_ms);
        }
        let open = before.and_then(|row| row.open.as_ref());
        self.units.write += 1 + index_units(open, row.open.as_ref());
        self.list_row(&row);
        self.rows.insert(row.key.clone(), row);
    }

    /// Puts a new row; the row that is there wins, unless it has expired.
    pub fn insert(&mut self, row: &Row, now: EventTime) -> Option<Row> {
        if let Some(known) = self.rows.get(&row.key).filter(|known| known.ttl > now) {
            let known = known.clone();
            self.units.write += 1;
            return Some(known);
        }
        // It takes the place of what led from its id to the row of another order.
        self.remove_notice(&row.key);
        self.put(row.clone());
        None
    }

    /// Updates the attributes that differ between `before` and `after`, but for what is known of
    /// Microsoft, if both revisions are those of `before`.
    pub fn change(&mut self, before: &Row, after: &Row) -> bool {
        let Some(current) = self.rows.get(&before.key).filter(|it| is_unmoved(it, before)) else {
            self.units.write += 1;
            return false;
        };
        let open = merged(before.open.as_ref(), after.open.as_ref(), current.open.as_ref());
        let row = Row {
            observed: current.observed.clone(),
            observed_revision: current.observed_revision,
            open,
            ..after.clone()
        };
        if after.is_erased() && !before.is_erased() {
            self.ended.insert(before.key.clone(), (self.now_ms, before.clone()));
        }
        self.put(row);
        true
    }

    /// What is under one id and has not expired.
    pub fn partition(&mut self, id: &PartitionKey, now: EventTime) -> Partition {
        self.units.read += 1;
        let same = |row: &&Row| row.key.partition_key() == *id;
        let rows = self.rows.values().filter(same).filter(|row| row.ttl > now).cloned().collect();
        let orphan = self.orphans.get(id).filter(|orphan| orphan.ttl > now).cloned();
        let same_order = self.same_order(id, now);
        Partition { rows, orphan, same_order }
    }

    /// Writes an orphan, if it is as `before`.
    pub fn put_orphan(&mut self, before: Option<&Orphan>, after: &Orphan, now: EventTime) -> bool {
        let known = self.orphans.get(&after.key);
        let holds = match before {
            Some(before) => known.is_some_and(|known| known.revision == before.revision),
            None => known.is_none_or(|known| known.ttl <= now),
        };
        self.units.write += 1;
        if holds {
            self.orphans.insert(after.key.clone(), after.clone());
            self.list_orphan(&after.key);
        }
        holds
    }

    /// Writes an orphan and a row, if both are as they were read.
    pub fn move_corrections(&mut self, from: &Orphan, to: &Row, moved: &Moved) -> bool {
        let orphan = self.orphans.get(&from.key);
        let row = self.rows.get(&to.key);
        let holds = orphan.is_some_and(|orphan| orphan.revision == from.revision)
            && row.is_some_and(|row| is_unmoved(row, to));
        // A transaction costs twice.
        self.units.write += 3;
        if holds {
            self.change(to, &moved.row);
            self.orphans.insert(from.key.clone(), moved.orphan.clone());
            self.list_orphan(&from.key);
        }
        holds
    }

    /// One conditional update by a run.
    pub fn write(&mut self, write: &Write, by: &str) -> Written {
        let Some(current) = self.rows.get(&write.key) else { return Written::Conflict(None) };
        let revisions = (current.observed_revision, current.desired_revision);
        if revisions != (write.if_observed, write.if_desired) {
            self.units.write += 1;
            return Written::Conflict(Some(Box::new(current.clone())));
        }
        let (before, after) = (current.clone(), write.applied_to(current));
        self.keep_attempt(&before.observed, &after, by);
        self.keep_claim(&before.observed, &after, by);
        self.put(after);
        Written::Done
    }

    fn keep_attempt(&mut self, old: &Observed, after: &Row, by: &str) {
        let attempts = self.attempts.entry(after.key.clone()).or_default();
        let new = &after.observed;
        if old.applying.is_some() && !new.is_doubtful() && new.accepted.is_none() {
            attempts.iter_mut().rev().take(1).for_each(|last| last.not_taken = true);
        }
        if new.applying.is_some() && new.applying != old.applying {
            attempts.push(Attempt {
                by: by.to_owned(),
                person: crate::oracle::person_of(after),
                not_taken: false,
            });
        }
    }

    fn keep_claim(&mut self, old: &Observed, after: &Row, by: &str) {
        let claims = self.claims.entry(after.key.clone()).or_default();
        let time = |claim: &Option<Claim>| claim.as_ref().map(|claim| claim.adjustment_time);
        let (old, new) = (time(&old.claim), &after.observed.claim);
        if time(new) < old {
            claims.iter_mut().rev().take(1).for_each(|last| last.not_taken = true);
        } else if let Some(claim) = new.as_ref().filter(|_| time(new) > old) {
            claims.push(Claimed {
                by: by.to_owned(),
                claim: claim.clone(),
                written: self.now_ms,
                not_taken: false,
            });
        }
    }

    /// Keeps what a check of the goals found.
    pub fn save_check(&mut self, account: &AccountName, check: &GoalCheck) {
        let known = self.accounts.get(account).and_then(|item| item.checked_at);
        if known.is_some_and(|at| at > check.checked_at) {
            return;
        }
        let second = self.now_ms / 1_000;
        let held = |goal: &String| (account.to_string(), goal.clone());
        self.held_since
            .retain(|(of, goal), _| of != account.as_str() || check.held_goals.contains(goal));
        for goal in &check.held_goals {
            self.held_since.entry(held(goal)).or_insert(second);
        }
        let item = self.accounts.entry(account.clone()).or_default();
        (item.held, item.failing_since, item.failing_for) = (false, None, None);
        item.shared_with = None;
        item.held_goals.clone_from(&check.held_goals);
        item.once_held.clone_from(&check.once_held);
        item.absent_goals.clone_from(&check.absent_goals);
        item.goals_without_hashes.clone_from(&check.goals_without_hashes);
        item.findings.clone_from(&check.findings);
        item.goals_seen = check.goals_seen;
        item.checked_at = Some(check.checked_at);
    }

    /// Where the audit stands.
    pub fn audit(&self) -> AuditState {
        self.audit.clone()
    }

    /// Saves where the audit stands, if nobody else did.
    pub fn save_audit(&mut self, state: &AuditState) -> bool {
        if self.audit.revision != state.revision {
            return false;
        }
        self.audit = AuditState { revision: state.revision + 1, ..state.clone() };
        true
    }

    /// Some rows for the audit; two at a time, so that a pass has several pages.
    pub fn page(&self, after: Option<&Place>) -> RowPage {
        let place = |row: &Row| (row.key.pk(), row.key.sk().to_owned());
        let start = after.map(|after| (after.pk.clone(), after.sk.clone()));
        let rest = self.rows.values().filter(|row| start.as_ref().is_none_or(|s| place(row) > *s));
        let mut rows: Vec<Row> = rest.cloned().collect();
        rows.sort_by_key(place);
        let more = rows.len() > 2;
        rows.truncate(2);
        let next = rows.last().filter(|_| more).map(|row| {
            let (pk, sk) = place(row);
            Place { pk, sk }
        });
        RowPage { rows, unreadable: Vec::new(), next }
    }

    /// What Microsoft may know the row's conversion by: everything that it was claimed with.
    pub fn persons_of(&self, key: &RowKey) -> Vec<String> {
        let attempts = self.attempts.get(key).into_iter().flatten();
        attempts.map(|attempt| attempt.person.clone()).collect()
    }

    /// The row as it was before its person ended.
    pub fn whole(&self, row: &Row) -> Row {
        let ended = self.ended.get(&row.key);
        let facts = ended.map_or(&row.facts, |(_, before)| &before.facts).clone();
        Row { facts, ..row.clone() }
    }

    /// The adjustments of a row that were claimed, but for those known not to have been taken.
    pub fn standing(&self, key: &RowKey) -> Vec<&Claim> {
        let claims = self.claims.get(key).into_iter().flatten();
        claims.filter(|claimed| !claimed.not_taken).map(|claimed| &claimed.claim).collect()
    }

    /// The rows' labels, each with what Microsoft may know it by.
    pub fn persons(&self) -> Vec<(String, Vec<String>)> {
        self.rows.keys().map(|key| (key.label(), self.persons_of(key))).collect()
    }

    /// The row that was claimed with this.
    pub fn owner(&self, person: &str) -> Option<&Row> {
        let is = |attempts: &[Attempt]| attempts.iter().any(|attempt| attempt.person == person);
        let owner = self.attempts.iter().find(|(_, attempts)| is(attempts));
        owner.and_then(|(key, _)| self.rows.get(key))
    }
}

/// Whether nobody has written since the row was read.
fn is_unmoved(current: &Row, read: &Row) -> bool {
    (current.desired_revision, current.observed_revision)
        == (read.desired_revision, read.observed_revision)
}
