//! Sweep's ports in memory, with the table's condition on `due`, an index that lags behind, and a
//! count of everything that is asked.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Map, Value};
use tracklayer_core::id::{AccountName, RecordId};
use tracklayer_core::ledger::index::{IndexClass, Open};
use tracklayer_core::ledger::order::{OrderClaim, OrderKey, OrderOwner, SameOrder};
use tracklayer_core::ledger::orphan::Orphan;
use tracklayer_core::ledger::row::{PartitionKey, Row, RowKey};
use tracklayer_core::ledger::signal::Signal;
use tracklayer_core::reconcile::attribution::{Sighting, Tie, TieKind};
use tracklayer_core::reconcile::note::Write;
use tracklayer_core::reconcile::orphans::Moved;
use tracklayer_core::time::EventTime;
use tracklayer_edge::live::Live;
use tracklayer_edge::ports::{
    AccountItem, AccountItems, Batches, CheckFailure, Claims, Clicks, Clock, Counted, Cursor,
    Deferral, Found, GoalCheck, GoalChecks, Index, LedgerError, Metric, OpenEntry, OpenPage,
    Orders, Orphans, Partition, Pointer, Ports, QueueError, Rows, Signals, Telemetry, Written,
};

/// How many changes the index is behind the rows.
const LAG: usize = 5;

/// Ports in memory where sweep needs any.
pub struct Memory;

impl Ports for Memory {
    type Clock = InMemory;
    type Ledger = InMemory;
    type Queue = InMemory;
    type Telemetry = InMemory;
    type Clicks = InMemory;
    type Keys = <Live as Ports>::Keys;
    type Secrets = <Live as Ports>::Secrets;
    type Auth = <Live as Ports>::Auth;
    type Microsoft = <Live as Ports>::Microsoft;
}

/// Everything at once; clones share it.
#[derive(Clone, Default)]
pub struct InMemory(pub Rc<State>);

/// Rows by where they are in the index, and what was asked and done.
#[derive(Default)]
pub struct State {
    /// Milliseconds since 1970.
    pub now_ms: Cell<i64>,
    /// Goals of `main` that a check holds.
    pub held_goals: RefCell<Vec<String>>,
    /// Signals that were sent, in order.
    pub signals: RefCell<Vec<RowKey>>,
    /// The metrics of `main`, each with its last value.
    pub metrics: RefCell<BTreeMap<&'static str, f64>>,
    /// The most entries that were read at once.
    pub largest_page: Cell<usize>,
    /// Reads of the index.
    pub reads: Cell<usize>,
    /// The most changes of `due` that were under way at the same time.
    pub most_moves: Cell<usize>,
    /// Changes of `due` that met another run's.
    pub conflicts: Cell<usize>,
    moves: Cell<usize>,
    rows: RefCell<BTreeMap<String, (RowKey, Open)>>,
    /// Index key → `due` and partition key.
    index: RefCell<BTreeMap<String, BTreeSet<(EventTime, String)>>>,
    lagging: RefCell<VecDeque<(OpenEntry, Open)>>,
}

impl InMemory {
    /// Adds a row.
    pub fn add(&self, key: RowKey, open: Open) {
        let mut index = self.0.index.borrow_mut();
        let index_key = open.class.index_key(&key.pk());
        index.entry(index_key).or_default().insert((open.due, key.pk()));
        self.0.rows.borrow_mut().insert(key.pk(), (key, open));
    }

    /// Lets the index come up to so many changes.
    pub fn catch_up(&self, behind: usize) {
        let mut lagging = self.0.lagging.borrow_mut();
        while lagging.len() > behind {
            let Some((from, to)) = lagging.pop_front() else { return };
            let mut index = self.0.index.borrow_mut();
            let pk = from.partition.pk();
            let (old, new) = (from.class.index_key(&pk), to.class.index_key(&pk));
            index.entry(old).or_default().remove(&(from.due, pk.clone()));
            index.entry(new).or_default().insert((to.due, pk));
        }
    }

    fn entry(&self, pk: &str, index_key: &str, due: EventTime) -> OpenEntry {
        let (key, open) = self.0.rows.borrow()[pk].clone();
        OpenEntry {
            partition: key.partition_key(),
            event: Some(key.event),
            class: IndexClass::parse(index_key),
            account: Some("main".to_owned()),
            goal: None,
            money: None,
            reason: None,
            due,
            since: open.since,
            conversion_time: Some(open.since),
        }
    }

    async fn move_to(&self, seen: &OpenEntry, next: &OpenEntry) -> bool {
        self.0.moves.set(self.0.moves.get() + 1);
        self.0.most_moves.set(self.0.most_moves.get().max(self.0.moves.get()));
        tokio::task::yield_now().await;
        self.0.moves.set(self.0.moves.get() - 1);
        let mut rows = self.0.rows.borrow_mut();
        let (_, open) = rows.get_mut(&seen.partition.pk()).expect("a row");
        if (open.due, &open.class) != (seen.due, &seen.class) {
            self.0.conflicts.set(self.0.conflicts.get() + 1);
            return false;
        }
        *open = next.class.clone().entry(next.due, next.since, open.reason);
        self.0.lagging.borrow_mut().push_back((seen.clone(), open.clone()));
        true
    }
}

impl Index for InMemory {
    async fn open(
        &self, class: &str, until: Option<EventTime>, limit: Option<i32>, from: Option<Cursor>,
    ) -> Result<OpenPage, LedgerError> {
        tokio::task::yield_now().await;
        self.catch_up(LAG);
        let index = self.0.index.borrow();
        let empty = BTreeSet::new();
        let start = from.map_or(Bound::Unbounded, |from| {
            let due = EventTime::from_epoch(from.due.parse().expect("seconds"));
            Bound::Excluded((due, from.pk))
        });
        let after = index.get(class).unwrap_or(&empty).range((start, Bound::Unbounded));
        let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).expect("a limit"));
        let due = after.take_while(|(due, _)| until.is_none_or(|until| *due <= until)).take(limit);
        let entries: Vec<OpenEntry> = due.map(|(due, pk)| self.entry(pk, class, *due)).collect();
        self.0.reads.set(self.0.reads.get() + 1);
        self.0.largest_page.set(self.0.largest_page.get().max(entries.len()));
        let cursor = |entry: &OpenEntry| Cursor {
            pk: entry.partition.pk(),
            sk: entry.event.as_ref().expect("a row").to_string(),
            due: entry.due.epoch().to_string(),
        };
        let next = entries.last().filter(|_| entries.len() == limit).map(cursor);
        Ok(OpenPage { entries, next, unreadable: 0 })
    }

    async fn tally(
        &self, class: &str, _pages: usize,
    ) -> Result<BTreeMap<String, Counted>, LedgerError> {
        let (index, rows) = (self.0.index.borrow(), self.0.rows.borrow());
        let since = index.get(class).into_iter().flatten().map(|(_, pk)| rows[pk].1.since);
        let (entries, oldest) = (since.clone().count(), since.min());
        let counted = oldest.map(|oldest| ("main".to_owned(), Counted { entries, oldest }));
        Ok(counted.into_iter().collect())
    }

    async fn move_entry(&self, seen: &OpenEntry, next: &OpenEntry) -> Result<bool, LedgerError> {
        Ok(self.move_to(seen, next).await)
    }
}

impl GoalChecks for InMemory {
    async fn save_check(&self, _: &AccountName, _: &GoalCheck) -> Result<(), LedgerError> {
        unreachable!("sweep checks nothing")
    }

    async fn fail_check(&self, _: &AccountName, _: &CheckFailure) -> Result<bool, LedgerError> {
        unreachable!("sweep checks nothing")
    }
}

impl Signals for InMemory {
    async fn send(
        &self, signals: &[Signal], _now: EventTime, _jitter: i64,
    ) -> Vec<Result<(), QueueError>> {
        assert!(signals.len() <= 10, "SQS takes ten at once");
        tokio::task::yield_now().await;
        self.0.signals.borrow_mut().extend(signals.iter().map(|signal| signal.key.clone()));
        signals.iter().map(|_| Ok(())).collect()
    }

    async fn defer(&self, _messages: &[Deferral]) {
        unreachable!("sweep receives nothing")
    }
}

impl Clock for InMemory {
    fn now_ms(&self) -> i64 {
        self.0.now_ms.get()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.now_ms()).expect("after 1970"))
    }
}

impl Telemetry for InMemory {
    fn line(&self, _message: &str, _members: Map<String, Value>) {}

    fn emit(&self, account: &str, metrics: &[Metric]) {
        assert_eq!(account, "main");
        let values = metrics.iter().map(|metric| (metric.name, metric.value));
        self.0.metrics.borrow_mut().extend(values);
    }
}

/// Nothing here is an orphan: sweep reads and writes no whole rows.
impl Rows for InMemory {
    async fn insert(&self, _: &Row, _: EventTime) -> Result<Option<Row>, LedgerError> {
        unreachable!("sweep inserts nothing")
    }

    async fn change(&self, _: &Row, _: &Row) -> Result<bool, LedgerError> {
        unreachable!("no orphan")
    }

    async fn partition(&self, _: &PartitionKey, _: EventTime) -> Result<Partition, LedgerError> {
        unreachable!("no orphan")
    }
}

impl Orphans for InMemory {
    async fn record_in_orphan(
        &self, _: Option<&Orphan>, _: &Orphan, _: &PartitionKey, _: &Pointer, _: EventTime,
    ) -> Result<bool, LedgerError> {
        unreachable!("no orphan")
    }

    async fn save_orphan(&self, _: &Orphan, _: &Orphan) -> Result<bool, LedgerError> {
        unreachable!("no orphan")
    }

    async fn move_corrections(&self, _: &Orphan, _: &Row, _: &Moved) -> Result<bool, LedgerError> {
        unreachable!("no orphan")
    }
}

impl Batches for InMemory {
    async fn read(&self, _: &[RowKey], _: &[AccountName]) -> Result<Found, LedgerError> {
        unreachable!("sweep reads the index only")
    }

    async fn write(&self, _: &[Write]) -> Vec<Written> {
        unreachable!("no orphan")
    }
}

impl Claims for InMemory {
    async fn claim(&self, _: &str, _: &RowKey, _: EventTime) -> Result<bool, LedgerError> {
        unreachable!("sweep claims nothing")
    }

    async fn point(
        &self, _: &PartitionKey, _: &Pointer, _: EventTime,
    ) -> Result<Option<Pointer>, LedgerError> {
        unreachable!("sweep claims nothing")
    }

    async fn pointer(
        &self, _: &PartitionKey, _: EventTime,
    ) -> Result<Option<Pointer>, LedgerError> {
        unreachable!("sweep claims nothing")
    }

    async fn remove_pointer(&self, _: &PartitionKey, _: &str) -> Result<(), LedgerError> {
        unreachable!("sweep claims nothing")
    }
}

impl Orders for InMemory {
    async fn claim_order(
        &self, _: &OrderKey, _: &OrderOwner, _: EventTime,
    ) -> Result<Option<OrderClaim>, LedgerError> {
        unreachable!("sweep claims nothing")
    }

    async fn take_over_order(
        &self, _: &OrderKey, _: &OrderClaim, _: &OrderOwner, _: EventTime,
    ) -> Result<bool, LedgerError> {
        unreachable!("sweep claims nothing")
    }

    async fn point_to_order(
        &self, _: &PartitionKey, _: &SameOrder, _: EventTime,
    ) -> Result<(), LedgerError> {
        unreachable!("sweep claims nothing")
    }
}

impl Clicks for InMemory {
    async fn sightings(
        &self, _: &RecordId, _: EventTime, _: usize, _: EventTime,
    ) -> Result<Vec<Sighting>, LedgerError> {
        unreachable!("sweep searches no click")
    }

    async fn ties(
        &self, _: TieKind, _: &RecordId, _: usize, _: EventTime,
    ) -> Result<Vec<Tie>, LedgerError> {
        unreachable!("sweep searches no click")
    }
}

impl AccountItems for InMemory {
    async fn account_item(&self, _: &AccountName) -> Result<AccountItem, LedgerError> {
        let held_goals = self.0.held_goals.borrow().clone();
        Ok(AccountItem { held_goals, ..AccountItem::default() })
    }

    async fn pause(&self, _: &AccountName, _: EventTime) -> Result<(), LedgerError> {
        unreachable!("sweep calls nobody")
    }

    async fn refuse_secret(&self, _: &AccountName, _: &str) -> Result<(), LedgerError> {
        unreachable!("sweep has no secret")
    }
}
