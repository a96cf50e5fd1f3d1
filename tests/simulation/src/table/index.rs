//! The index of open rows and orphans, which lags behind the table.

use std::collections::{BTreeMap, VecDeque};

use tracklayer_core::ledger::index::{IndexClass, Open};
use tracklayer_core::ledger::orphan::{Orphan, SORT_KEY};
use tracklayer_core::ledger::row::{PartitionKey, Row};
use tracklayer_core::time::EventTime;
use tracklayer_edge::ports::{Counted, Cursor, OpenEntry, OpenPage};

use super::Table;

/// Partition key and sort key in the table.
type Key = (String, String);

/// The index as sweep sees it.
#[derive(Debug, Default)]
pub struct Index {
    entries: BTreeMap<Key, OpenEntry>,
    lagging: VecDeque<(i64, Key, Option<OpenEntry>)>,
}

impl Index {
    /// Changes keep their order.
    fn push(&mut self, at: i64, key: Key, entry: Option<OpenEntry>) {
        let earliest = self.lagging.back().map_or(0, |(at, ..)| *at);
        self.lagging.push_back((at.max(earliest), key, entry));
    }

    fn catch_up(&mut self, now: i64) {
        while self.lagging.front().is_some_and(|(at, ..)| *at <= now) {
            match self.lagging.pop_front() {
                Some((_, key, Some(entry))) => drop(self.entries.insert(key, entry)),
                Some((_, key, None)) => drop(self.entries.remove(&key)),
                None => return,
            }
        }
    }

    /// What is listed under an index key, in the order of its keys.
    fn listed(&self, index_key: &str) -> impl Iterator<Item = (&Key, &OpenEntry)> {
        self.entries.iter().filter(move |((pk, _), it)| it.class.index_key(pk) == index_key)
    }
}

impl Table {
    /// The index will have the row's entry.
    pub(super) fn list_row(&mut self, row: &Row) {
        let key = (row.key.pk(), row.key.sk().to_owned());
        let entry = row.open.as_ref().map(|open| entry_of(row, open));
        self.index.push(self.now_ms + self.lag, key, entry);
    }

    /// The index will have the orphan's entry.
    pub(super) fn list_orphan(&mut self, key: &PartitionKey) {
        let entry = self.orphans.get(key).and_then(|orphan| orphan_of(key, orphan));
        self.index.push(self.now_ms + self.lag, (key.pk(), SORT_KEY.to_owned()), entry);
    }

    /// One page of the index.
    pub fn open(
        &mut self, index_key: &str, until: Option<EventTime>, limit: Option<i32>,
        from: Option<&Cursor>,
    ) -> OpenPage {
        self.index.catch_up(self.now_ms);
        let start = from.map(|from| {
            let due = EventTime::from_epoch(from.due.parse().unwrap_or(0));
            (due, (from.pk.clone(), from.sk.clone()))
        });
        let listed = self.index.listed(index_key).map(|(key, entry)| ((entry.due, key), entry));
        let mut page: Vec<_> = listed
            .filter(|((due, _), _)| until.is_none_or(|until| *due <= until))
            .filter(|(place, _)| start.as_ref().is_none_or(|(due, key)| *place > (*due, key)))
            .collect();
        page.sort_by_key(|(place, _)| *place);
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        let more = page.len() > limit;
        page.truncate(limit);
        let cursor = |((due, (pk, sk)), _): &((EventTime, &Key), &OpenEntry)| Cursor {
            pk: pk.clone(),
            sk: sk.clone(),
            due: due.epoch().to_string(),
        };
        let next = page.last().filter(|_| more).map(cursor);
        let entries = page.into_iter().map(|(_, entry)| entry.clone()).collect();
        OpenPage { entries, next, unreadable: 0 }
    }

    /// Counts one index key.
    pub fn tally(&mut self, index_key: &str) -> BTreeMap<String, Counted> {
        self.index.catch_up(self.now_ms);
        let mut tally = BTreeMap::new();
        for (_, entry) in self.index.listed(index_key) {
            let account = entry.account.as_deref().unwrap_or("none").to_owned();
            let new = Counted { entries: 0, oldest: entry.since };
            let counted = tally.entry(account).or_insert(new);
            counted.entries += 1;
            counted.oldest = counted.oldest.min(entry.since);
        }
        tally
    }

    /// Moves a row's entry, if it is where the index said.
    pub fn move_entry(&mut self, seen: &OpenEntry, next: &OpenEntry) -> bool {
        let row = seen.row().and_then(|key| self.rows.get(&key));
        let Some(row) = row else { return false };
        let is_seen = |open: &&Open| open.due == seen.due && open.class == seen.class;
        let Some(open) = row.open.as_ref().filter(is_seen) else {
            self.units.write += 1;
            return false;
        };
        let (class, due, since) = (next.class.clone(), next.due, next.since);
        let open = Open { class, due, since, ..open.clone() };
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

fn entry_of(row: &Row, open: &Open) -> OpenEntry {
    OpenEntry {
        event: Some(row.key.event.clone()),
        account: Some(row.account.to_string()),
        goal: Some(row.facts.goal.to_string()),
        money: row.facts.money,
        conversion_time: Some(row.facts.conversion_time),
        ..listed(row.key.partition_key(), open)
    }
}

fn orphan_of(key: &PartitionKey, orphan: &Orphan) -> Option<OpenEntry> {
    let account = orphan.account.as_ref().map(ToString::to_string);
    Some(OpenEntry { account, ..listed(key.clone(), orphan.open.as_ref()?) })
}

fn listed(partition: PartitionKey, open: &Open) -> OpenEntry {
    OpenEntry {
        partition,
        event: None,
        class: open.class.clone(),
        account: None,
        goal: None,
        money: None,
        reason: open.reason,
        due: open.due,
        since: open.since,
        conversion_time: None,
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
