//! The ledger in memory, with the table's conditions and an index that lags behind.

use std::collections::{BTreeMap, VecDeque};

use tracklayer_core::{
    id::{AccountName, RecordId, Source},
    ledger::{
        index::{IndexClass, Open},
        observed::Claim,
        row::{Row, RowKey},
    },
    reconcile::note::Write,
    time::{DAY, EventTime},
};
use tracklayer_edge::{
    aws::ledger::CLAIM_DAYS,
    ports::{
        AccountItem, AuditState, Cursor, DueEntry, DuePage, ErasureItem, GoalCheck, Place, Pointer,
        RowPage, Tally, Written,
    },
};

/// The table.
#[derive(Debug, Default)]
pub struct Table {
    /// The rows.
    pub rows: BTreeMap<RowKey, Row>,
    /// Account items.
    pub accounts: BTreeMap<AccountName, AccountItem>,
    /// Every claim of an adjustment, in the order written.
    pub claims: BTreeMap<RowKey, Vec<Claim>>,
    /// Rows whose goal was changed, with the names they had.
    pub renamed: BTreeMap<RowKey, Vec<String>>,
    /// Rows that have lost their person.
    pub ended: BTreeMap<RowKey, Ended>,
    /// Erasures that were asked for.
    pub erasures: Vec<ErasureItem>,
    /// Goals that a check holds, by account and name, and since which second.
    pub held_since: BTreeMap<(String, String), i64>,
    pointers: BTreeMap<RowKey, Pointer>,
    keys: BTreeMap<String, (String, EventTime)>,
    audit: AuditState,
    index: BTreeMap<RowKey, DueEntry>,
    lagging: VecDeque<(i64, RowKey, Option<DueEntry>)>,
    /// What the table would charge.
    pub units: Units,
    /// How long the index lags behind the next write, in milliseconds.
    pub lag: i64,
    /// Now, in milliseconds.
    pub now_ms: i64,
}

impl Table {
    fn put(&mut self, row: Row) {
        let before = self.rows.get(&row.key).and_then(|row| row.open.as_ref());
        self.units.write += 1 + index_units(before, row.open.as_ref());
        let entry = row.open.as_ref().map(|open| entry_of(&row, open));
        // Changes of the index keep their order.
        let earliest = self.lagging.back().map_or(0, |(at, ..)| *at);
        let at = (self.now_ms + self.lag).max(earliest);
        self.lagging.push_back((at, row.key.clone(), entry));
        self.rows.insert(row.key.clone(), row);
    }

    fn catch_up(&mut self) {
        while self.lagging.front().is_some_and(|(at, ..)| *at <= self.now_ms) {
            let Some((_, key, entry)) = self.lagging.pop_front() else { return };
            match entry {
                Some(entry) => drop(self.index.insert(key, entry)),
                None => drop(self.index.remove(&key)),
            }
        }
    }

    /// Puts a new row; the row that is there wins, unless it has expired.
    pub fn insert(&mut self, row: &Row, now: EventTime) -> Option<Row> {
        if let Some(known) = self.rows.get(&row.key).filter(|known| !is_expired(known, now)) {
            let known = known.clone();
            self.units.write += 1;
            return Some(known);
        }
        self.put(row.clone());
        None
    }

    /// Updates the attributes that differ between `before` and `after`, but for what is known of
    /// Microsoft, if both revisions are those of `before`.
    pub fn change(&mut self, before: &Row, after: &Row) -> bool {
        let Some(current) = self.rows.get(&before.key) else { return false };
        if (current.desired_revision, current.observed_revision)
            != (before.desired_revision, before.observed_revision)
        {
            self.units.write += 1;
            return false;
        }
        let open = merged(before.open.as_ref(), after.open.as_ref(), current.open.as_ref());
        let waits = if before.waits == after.waits { current.waits } else { after.waits };
        if after.is_erased() && !before.is_erased() {
            let person = crate::oracle::person_of(before).unwrap_or_default();
            let ended = Ended { person, at: self.now_ms, before: before.clone() };
            self.ended.insert(before.key.clone(), ended);
        }
        let row = Row {
            observed: current.observed.clone(),
            observed_revision: current.observed_revision,
            open,
            waits,
            ..after.clone()
        };
        self.put(row);
        true
    }

    /// Rows under one id that have not expired.
    pub fn partition(&mut self, source: &Source, event_id: &RecordId, now: EventTime) -> Vec<Row> {
        self.units.read += 1;
        let same = |row: &&Row| row.key.source == *source && row.key.event_id == *event_id;
        self.rows.values().filter(same).filter(|row| !is_expired(row, now)).cloned().collect()
    }

    /// Deletes an orphan that has got no corrections since and is none now.
    pub fn hand_over(&mut self, before: &Row, after: &Row, orphan: &Row) -> bool {
        let same =
            |row: &Row| row.desired_revision == orphan.desired_revision && row.facts.is_none();
        if !self.rows.get(&orphan.key).is_some_and(same) || !self.change(before, after) {
            return false;
        }
        self.rows.remove(&orphan.key);
        self.lagging.push_back((self.now_ms + self.lag, orphan.key.clone(), None));
        true
    }

    /// One conditional update.
    pub fn write(&mut self, write: &Write) -> Written {
        let Some(current) = self.rows.get(&write.key) else { return Written::Conflict(None) };
        let desired = write.if_desired.is_none_or(|desired| desired == current.desired_revision);
        if current.observed_revision != write.if_observed || !desired {
            self.units.write += 1;
            return Written::Conflict(Some(Box::new(current.clone())));
        }
        let after = write.applied_to(current);
        if let Some(claim) = &after.observed.claim
            && after.observed.claim != current.observed.claim
        {
            self.claims.entry(write.key.clone()).or_default().push(claim.clone());
        }
        if let (true, Some(facts)) = (write.goal.is_some(), &current.facts) {
            let names = self.renamed.entry(write.key.clone()).or_default();
            names.push(facts.goal.to_string());
        }
        self.put(after);
        Written::Done
    }

    /// Claims a key for `owner`.
    pub fn claim(&mut self, key: &str, owner: &RowKey, now: EventTime) -> bool {
        self.units.write += 1;
        let owner = format!("{} {}", owner.pk(), owner.sk());
        let free = |(known, ttl): &(String, EventTime)| *known == owner || *ttl <= now;
        if !self.keys.get(key).is_none_or(free) {
            return false;
        }
        self.keys.insert(key.to_owned(), (owner, now.plus_seconds(CLAIM_DAYS * DAY)));
        true
    }

    /// Gives a key back, if `owner` has it.
    pub fn release(&mut self, key: &str, owner: &RowKey) {
        self.units.write += 1;
        let owner = format!("{} {}", owner.pk(), owner.sk());
        if self.keys.get(key).is_some_and(|(known, _)| *known == owner) {
            self.keys.remove(key);
        }
    }

    /// Puts a pointer; the one that is there wins.
    pub fn point(&mut self, own: &RowKey, pointer: &Pointer) -> Option<Pointer> {
        self.units.write += 1;
        if let Some(known) = self.pointers.get(own) {
            return Some(known.clone());
        }
        self.pointers.insert(own.clone(), pointer.clone());
        None
    }

    /// The pointer of a correction.
    pub fn pointer(&mut self, own: &RowKey) -> Option<Pointer> {
        self.units.read += 1;
        self.pointers.get(own).cloned()
    }

    /// One page of the index.
    pub fn due(
        &mut self,
        class: &str,
        now: EventTime,
        limit: i32,
        from: Option<&Cursor>,
    ) -> DuePage {
        self.catch_up();
        let place = |entry: &DueEntry| (entry.due, entry.key.pk(), entry.key.sk().to_owned());
        let start = from.map(|from| {
            let due = EventTime::from_epoch(from.due.parse().unwrap_or(0));
            (due, from.pk.clone(), from.sk.clone())
        });
        let mut entries: Vec<DueEntry> = self
            .index
            .values()
            .filter(|entry| entry.class == class && entry.due <= now)
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
        DuePage { entries, next }
    }

    /// Counts one index key.
    pub fn tally(&mut self, class: &str) -> Tally {
        self.catch_up();
        let mut tally = Tally { complete: true, ..Tally::default() };
        for entry in self.index.values().filter(|entry| entry.class == class) {
            *tally.accounts.entry(entry.account.clone()).or_default() += 1;
        }
        tally
    }

    /// Moves a row's `due`, if it is what the index said.
    pub fn postpone(&mut self, seen: &DueEntry, until: EventTime) -> bool {
        self.move_entry(seen, &seen.class, until)
    }

    /// Moves a row into the class `wait`, if it stands where the index said.
    pub fn let_go(&mut self, seen: &DueEntry, due: EventTime) -> bool {
        self.move_entry(seen, &IndexClass::Wait.entry(&seen.key, due, None).class, due)
    }

    fn move_entry(&mut self, seen: &DueEntry, class: &str, due: EventTime) -> bool {
        let Some(row) = self.rows.get(&seen.key) else { return false };
        let Some(open) = row.open.as_ref().filter(|open| open.due == seen.due) else {
            self.units.write += 1;
            return false;
        };
        if open.class != seen.class {
            self.units.write += 1;
            return false;
        }
        let open = Open { class: class.to_owned(), due, ..open.clone() };
        let row = Row { open: Some(open), ..row.clone() };
        self.put(row);
        true
    }

    /// Keeps what a check of the goals found.
    pub fn save_check(&mut self, account: &AccountName, check: &GoalCheck) {
        let second = self.now_ms / 1_000;
        let held = |goal: &String| (account.to_string(), goal.clone());
        self.held_since
            .retain(|(of, goal), _| of != account.as_str() || check.held_goals.contains(goal));
        for goal in &check.held_goals {
            self.held_since.entry(held(goal)).or_insert(second);
        }
        let item = self.accounts.entry(account.clone()).or_default();
        (item.held, item.failing_since, item.failing_for) = (false, None, None);
        item.held_goals.clone_from(&check.held_goals);
        item.once_held.clone_from(&check.once_held);
        item.absent_goals.clone_from(&check.absent_goals);
        item.plain_goals.clone_from(&check.plain_goals);
        item.once_plain.clone_from(&check.once_plain);
        item.findings.clone_from(&check.findings);
        item.goals_seen = check.goals_seen;
        item.checked_at = Some(check.checked_at);
    }

    /// Whether a row is in a held class that nothing holds any more.
    pub fn is_releasable(&self) -> bool {
        let is_free = |row: &Row| {
            let class = row.open.as_ref().and_then(|open| open.class.strip_prefix("held:"));
            let Some(held) = class.and_then(|class| class.rsplit_once('#')) else { return false };
            let item = self.accounts.get(&row.account).cloned().unwrap_or_default();
            let goal = held.0.split_once('/').map(|(_, goal)| goal.to_owned());
            !item.held && goal.is_none_or(|goal| !item.held_goals.contains(&goal))
        };
        self.rows.values().any(is_free)
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
        RowPage { rows, next, ..RowPage::default() }
    }

    /// The rows' labels, each with what Microsoft knows it by.
    pub fn persons(&self) -> Vec<(String, String)> {
        let person = |row: &Row| Some((row.key.label(), self.person_of(row)?));
        self.rows.values().filter_map(person).collect()
    }

    /// What Microsoft knows the row's conversion by, or would if its person had not ended; nothing
    /// of an orphan.
    pub fn person_of(&self, row: &Row) -> Option<String> {
        match self.ended.get(&row.key) {
            Some(ended) => Some(ended.person.clone()),
            None => crate::oracle::person_of(row),
        }
    }

    /// Whether Microsoft knows the row by anything.
    pub fn is_known(&self, row: &Row) -> bool {
        let row = self.ended.get(&row.key).map_or(row, |ended| &ended.before);
        row.facts.as_ref().is_some_and(|facts| facts.identity.is_matchable())
    }

    /// Whether an erasure is not done.
    pub fn is_erasing(&self) -> bool {
        self.erasures.iter().any(|item| item.done_at.is_none())
    }

    /// When sweep has something to do, if it ever has; in seconds.
    pub fn next_due(&self) -> Option<i64> {
        let opens = self.rows.values().filter_map(|row| row.open.as_ref());
        let swept = |open: &&Open| open.class.starts_with("wait") || open.class.starts_with("orph");
        opens.filter(swept).map(|open| open.due.epoch()).min()
    }
}

/// A row that has lost its person.
#[derive(Clone, Debug)]
pub struct Ended {
    /// What Microsoft knows it by.
    pub person: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// As it was.
    pub before: Row,
}

/// Capacity units, by DynamoDB's rules: every row is below 1 KB, a failed condition costs its unit,
/// an index entry that is added or removed costs one, one that moves two. Sweep's and the audit's
/// reads are left out: they go by the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Units {
    /// Of writes.
    pub write: u64,
    /// Of reads.
    pub read: u64,
}

fn index_units(before: Option<&Open>, after: Option<&Open>) -> u64 {
    match (before, after) {
        (None, None) => 0,
        (Some(before), Some(after)) if before == after => 0,
        (Some(before), Some(after)) => {
            let stays = (&before.class, before.due) == (&after.class, after.due);
            if stays { 1 } else { 2 }
        }
        _ => 1,
    }
}

fn is_expired(row: &Row, now: EventTime) -> bool {
    row.ttl.is_some_and(|ttl| ttl <= now)
}

fn entry_of(row: &Row, open: &Open) -> DueEntry {
    let money = row.facts.as_ref().and_then(|facts| facts.money.as_ref());
    DueEntry {
        key: row.key.clone(),
        class: open.class.clone(),
        account: row.account.to_string(),
        due: open.due,
        money: money.map(ToString::to_string),
    }
}

/// Attribute by attribute, what `change` leaves of an index entry that others may have moved.
fn merged(before: Option<&Open>, after: Option<&Open>, current: Option<&Open>) -> Option<Open> {
    fn pick<T: PartialEq>(before: Option<T>, after: Option<T>, current: Option<T>) -> Option<T> {
        if before == after { current } else { after }
    }
    let class = |open: Option<&Open>| open.map(|open| open.class.clone());
    let due = |open: Option<&Open>| open.map(|open| open.due);
    let reason = |open: Option<&Open>| open.and_then(|open| open.reason);
    Some(Open {
        class: pick(class(before), class(after), class(current))?,
        due: pick(due(before), due(after), due(current))?,
        reason: pick(reason(before), reason(after), reason(current)),
    })
}
