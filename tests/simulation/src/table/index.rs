//! The index of open rows and orphans, which lags behind the table.

use std::collections::{BTreeMap, VecDeque};

use tracklayer_core::ledger::index::{IndexClass, Open};
use tracklayer_core::ledger::row::{PartitionKey, Row, RowKey};
use tracklayer_core::time::EventTime;
use tracklayer_edge::ports::{Counted, Cursor, DueEntry, DuePage, Tally};

use super::Table;

/// The index as sweep sees it.
#[derive(Debug, Default)]
pub struct Index {
    rows: BTreeMap<RowKey, DueEntry>,
    orphans: BTreeMap<PartitionKey, (String, Open)>,
    lagging: VecDeque<(i64, Change)>,
}

#[derive(Debug)]
enum Change {
    Row(RowKey, Option<DueEntry>),
    Orphan(PartitionKey, Option<(String, Open)>),
}

impl Index {
    /// Changes keep their order.
    fn push(&mut self, at: i64, change: Change) {
        let earliest = self.lagging.back().map_or(0, |(at, _)| *at);
        self.lagging.push_back((at.max(earliest), change));
    }

    fn catch_up(&mut self, now: i64) {
        while self.lagging.front().is_some_and(|(at, _)| *at <= now) {
            match self.lagging.pop_front() {
                Some((_, Change::Row(key, Some(entry)))) => drop(self.rows.insert(key, entry)),
                Some((_, Change::Row(key, None))) => drop(self.rows.remove(&key)),
                Some((_, Change::Orphan(key, Some(open)))) => drop(self.orphans.insert(key, open)),
                Some((_, Change::Orphan(key, None))) => drop(self.orphans.remove(&key)),
                None => return,
            }
        }
    }
}

impl Table {
    /// The index will have the row's entry.
    pub(super) fn list_row(&mut self, row: &Row) {
        let entry = row.open.as_ref().map(|open| entry_of(row, open));
        self.index.push(self.now_ms + self.lag, Change::Row(row.key.clone(), entry));
    }

    /// The index will have the orphan's entry.
    pub(super) fn list_orphan(&mut self, key: &PartitionKey) {
        let orphan = self.orphans.get(key);
        let entry = orphan.and_then(|orphan| {
            let account = orphan.account.as_ref().map_or("none", |account| account.as_str());
            Some((account.to_owned(), orphan.open.clone()?))
        });
        self.index.push(self.now_ms + self.lag, Change::Orphan(key.clone(), entry));
    }

    /// One page of the index.
    pub fn due(
        &mut self, index_key: &str, now: EventTime, limit: i32, from: Option<&Cursor>,
    ) -> DuePage {
        self.index.catch_up(self.now_ms);
        let place = |entry: &DueEntry| (entry.due, entry.key.pk(), entry.key.sk().to_owned());
        let start = from.map(|from| {
            let due = EventTime::from_epoch(from.due.parse().unwrap_or(0));
            (due, from.pk.clone(), from.sk.clone())
        });
        let rows = self.index.rows.values();
        let listed = rows.filter(|entry| entry.class.index_key(&entry.key.pk()) == index_key);
        let mut entries: Vec<DueEntry> = listed
            .filter(|entry| entry.due <= now)
            .filter(|entry| start.as_ref().is_none_or(|start| place(entry) > *start))
            .cloned()
            .collect();
        entries.sort_by_key(place);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = entries.len() > limit;
        entries.truncate(limit);
        let cursor = |entry: &DueEntry| Cursor {
            pk: entry.key.pk(),
            sk: entry.key.sk().to_owned(),
            due: entry.due.epoch().to_string(),
        };
        let next = entries.last().filter(|_| more).map(cursor);
        DuePage { entries, next, ..DuePage::default() }
    }

    /// Orphans that are due, oldest first.
    pub fn due_orphans(
        &mut self, index_key: &str, now: EventTime, limit: i32,
    ) -> Vec<PartitionKey> {
        self.index.catch_up(self.now_ms);
        let is_due = |(key, (_, open)): &(&PartitionKey, &(String, Open))| {
            open.class.index_key(&key.pk()) == index_key && open.due <= now
        };
        let mut due: Vec<_> = self.index.orphans.iter().filter(is_due).collect();
        due.sort_by_key(|(_, (_, open))| open.due);
        due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        due.into_iter().map(|(key, _)| key.clone()).collect()
    }

    /// Counts one index key.
    pub fn tally(&mut self, index_key: &str) -> Tally {
        self.index.catch_up(self.now_ms);
        let mut tally = Tally { complete: true, ..Tally::default() };
        let mut count = |account: &str, since: EventTime| {
            let counted = Counted { entries: 0, oldest: since };
            let counted = tally.accounts.entry(account.to_owned()).or_insert(counted);
            counted.entries += 1;
            counted.oldest = counted.oldest.min(since);
        };
        for entry in self.index.rows.values() {
            if entry.class.index_key(&entry.key.pk()) == index_key {
                count(&entry.account, entry.since);
            }
        }
        for (key, (account, open)) in &self.index.orphans {
            if open.class.index_key(&key.pk()) == index_key {
                count(account, open.since);
            }
        }
        tally
    }

    /// Moves a row's `due`, if it is what the index said.
    pub fn postpone(&mut self, seen: &DueEntry, until: EventTime) -> bool {
        self.move_entry(seen, &seen.class, until, seen.since)
    }

    /// Moves a row into the class `wait`, if it is where the index said.
    pub fn let_go(&mut self, seen: &DueEntry, due: EventTime) -> bool {
        self.move_entry(seen, &IndexClass::Wait, due, due)
    }

    fn move_entry(
        &mut self, seen: &DueEntry, class: &IndexClass, due: EventTime, since: EventTime,
    ) -> bool {
        let Some(row) = self.rows.get(&seen.key) else { return false };
        let is_seen = |open: &&Open| open.due == seen.due && open.class == seen.class;
        let Some(open) = row.open.as_ref().filter(is_seen) else {
            self.units.write += 1;
            return false;
        };
        let open = Open { class: class.clone(), due, since, ..open.clone() };
        let row = Row { open: Some(open), ..row.clone() };
        self.put(row);
        true
    }

    /// When sweep has something to do, if it ever has; in seconds.
    pub fn next_due(&self) -> Option<i64> {
        let rows = self.rows.values().filter_map(|row| row.open.as_ref());
        let orphans = self.orphans.values().filter_map(|orphan| orphan.open.as_ref());
        let swept = |open: &&Open| {
            matches!(open.class, IndexClass::Wait | IndexClass::Look | IndexClass::Orphan)
        };
        rows.chain(orphans).filter(swept).map(|open| open.due.epoch()).min()
    }

    /// Whether a row is in a held class that nothing holds any more.
    pub fn is_releasable(&self) -> bool {
        let is_free = |row: &Row| {
            let Some(IndexClass::Held(what)) = row.open.as_ref().map(|open| &open.class) else {
                return false;
            };
            let item = self.accounts.get(&row.account).cloned().unwrap_or_default();
            let goal = what.split_once('/').map(|(_, goal)| goal.to_owned());
            !item.held && goal.is_none_or(|goal| !item.held_goals.contains(&goal))
        };
        self.rows.values().any(is_free)
    }
}

fn entry_of(row: &Row, open: &Open) -> DueEntry {
    DueEntry {
        key: row.key.clone(),
        class: open.class.clone(),
        account: row.account.to_string(),
        due: open.due,
        since: open.since,
        conversion_time: row.facts.conversion_time,
        money: row.facts.money.as_ref().map(ToString::to_string),
    }
}

/// Attribute by attribute, what `change` leaves of an index entry that others may have moved.
pub(super) fn merged(
    before: Option<&Open>, after: Option<&Open>, current: Option<&Open>,
) -> Option<Open> {
    fn pick<T: PartialEq>(before: Option<T>, after: Option<T>, current: Option<T>) -> Option<T> {
        if before == after { current } else { after }
    }
    let class = |open: Option<&Open>| open.map(|open| open.class.clone());
    let due = |open: Option<&Open>| open.map(|open| open.due);
    let since = |open: Option<&Open>| open.map(|open| open.since);
    let reason = |open: Option<&Open>| open.and_then(|open| open.reason);
    let due = pick(due(before), due(after), due(current))?;
    Some(Open {
        class: pick(class(before), class(after), class(current))?,
        due,
        since: pick(since(before), since(after), since(current)).unwrap_or(due),
        reason: pick(reason(before), reason(after), reason(current)),
    })
}
