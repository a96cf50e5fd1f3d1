//! Sweep's ports in memory, with the table's condition on `due`, an index that lags behind, and a
//! count of everything that is asked.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Bound,
    rc::Rc,
    time::Duration,
};

use serde_json::{Map, Value};
use tracklayer_core::{
    id::{AccountName, RecordId, Source},
    ledger::{
        index::{IndexClass, Open},
        row::{Row, RowKey},
        signal::Signal,
    },
    reconcile::{
        attribution::{Sighting, Tie, TieKind},
        note::Write,
    },
    time::EventTime,
};
use tracklayer_edge::{
    live::Live,
    ports::{
        AccountItem, AccountItems, Batches, CheckFailure, Claims, Clicks, Clock, Cursor, Deferral,
        DueEntry, DuePage, Found, GoalCheck, GoalChecks, Index, LedgerError, Metric, Pointer,
        Ports, QueueError, Rows, Signals, Tally, Telemetry, Written,
    },
};

/// How many changes the index is behind the rows.
const LAG: usize = 5;

/// Ports in memory where sweep needs any.
pub struct Memory;

impl Ports for Memory {
    type Clock = Stand;
    type Ledger = Stand;
    type Queue = Stand;
    type Telemetry = Stand;
    type Clicks = Stand;
    type Keys = <Live as Ports>::Keys;
    type Secrets = <Live as Ports>::Secrets;
    type Auth = <Live as Ports>::Auth;
    type Microsoft = <Live as Ports>::Microsoft;
}

/// Everything at once; clones share it.
#[derive(Clone, Default)]
pub struct Stand(pub Rc<State>);

/// Rows by where they stand in the index, and what was asked and done.
#[derive(Default)]
pub struct State {
    /// Milliseconds since 1970.
    pub now_ms: Cell<i64>,
    /// Goals of `main` that a check holds.
    pub held_goals: RefCell<Vec<String>>,
    /// Goals of `main` that take no hashes.
    pub plain_goals: RefCell<Vec<String>>,
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
    index: RefCell<BTreeMap<String, BTreeSet<(EventTime, String)>>>,
    lagging: RefCell<VecDeque<(DueEntry, Open)>>,
}

impl Stand {
    /// Adds a row.
    pub fn add(&self, key: RowKey, open: Open) {
        let mut index = self.0.index.borrow_mut();
        index.entry(open.class.clone()).or_default().insert((open.due, key.pk()));
        self.0.rows.borrow_mut().insert(key.pk(), (key, open));
    }

    /// Lets the index come up to so many changes.
    pub fn catch_up(&self, behind: usize) {
        let mut lagging = self.0.lagging.borrow_mut();
        while lagging.len() > behind {
            let Some((from, to)) = lagging.pop_front() else { return };
            let mut index = self.0.index.borrow_mut();
            let pk = from.key.pk();
            index.entry(from.class).or_default().remove(&(from.due, pk.clone()));
            index.entry(to.class).or_default().insert((to.due, pk));
        }
    }

    fn entry(&self, pk: &str, class: &str, due: EventTime) -> DueEntry {
        let key = self.0.rows.borrow()[pk].0.clone();
        let (class, account) = (class.to_owned(), "main".to_owned());
        DueEntry { key, class, account, due, money: None }
    }

    async fn move_to(&self, seen: &DueEntry, class: &str, due: EventTime) -> bool {
        self.0.moves.set(self.0.moves.get() + 1);
        self.0.most_moves.set(self.0.most_moves.get().max(self.0.moves.get()));
        tokio::task::yield_now().await;
        self.0.moves.set(self.0.moves.get() - 1);
        let mut rows = self.0.rows.borrow_mut();
        let (_, open) = rows.get_mut(&seen.key.pk()).expect("a row");
        if (open.due, &open.class) != (seen.due, &seen.class) {
            self.0.conflicts.set(self.0.conflicts.get() + 1);
            return false;
        }
        *open = Open { class: class.to_owned(), due, reason: open.reason };
        self.0.lagging.borrow_mut().push_back((seen.clone(), open.clone()));
        true
    }
}

impl Index for Stand {
    async fn due(
        &self,
        class: &str,
        now: EventTime,
        limit: i32,
        from: Option<Cursor>,
    ) -> Result<DuePage, LedgerError> {
        tokio::task::yield_now().await;
        self.catch_up(LAG);
        let index = self.0.index.borrow();
        let empty = BTreeSet::new();
        let start = from.map_or(Bound::Unbounded, |from| {
            let due = EventTime::from_epoch(from.due.parse().expect("seconds"));
            Bound::Excluded((due, from.pk))
        });
        let after = index.get(class).unwrap_or(&empty).range((start, Bound::Unbounded));
        let limit = usize::try_from(limit).expect("a limit");
        let due = after.take_while(|(due, _)| *due <= now).take(limit);
        let entries: Vec<DueEntry> = due.map(|(due, pk)| self.entry(pk, class, *due)).collect();
        self.0.reads.set(self.0.reads.get() + 1);
        self.0.largest_page.set(self.0.largest_page.get().max(entries.len()));
        let cursor = |entry: &DueEntry| Cursor {
            pk: entry.key.pk(),
            sk: entry.key.sk().to_owned(),
            due: entry.due.epoch().to_string(),
        };
        let next = entries.last().filter(|_| entries.len() == limit).map(cursor);
        Ok(DuePage { entries, next })
    }

    async fn tally(&self, class: &str, _pages: usize) -> Result<Tally, LedgerError> {
        let count = self.0.index.borrow().get(class).map_or(0, BTreeSet::len);
        let accounts = BTreeMap::from([("main".to_owned(), count)]);
        Ok(Tally { accounts, complete: true })
    }

    async fn postpone(&self, seen: &DueEntry, until: EventTime) -> Result<bool, LedgerError> {
        Ok(self.move_to(seen, &seen.class, until).await)
    }

    async fn let_go(&self, seen: &DueEntry, due: EventTime) -> Result<bool, LedgerError> {
        let class = IndexClass::Wait.entry(&seen.key, due, None).class;
        Ok(self.move_to(seen, &class, due).await)
    }
}

impl GoalChecks for Stand {
    async fn account_item(&self, _: &AccountName) -> Result<AccountItem, LedgerError> {
        let held_goals = self.0.held_goals.borrow().clone();
        let plain_goals = self.0.plain_goals.borrow().clone();
        Ok(AccountItem { held_goals, plain_goals, ..AccountItem::default() })
    }

    async fn save_check(&self, _: &AccountName, _: &GoalCheck) -> Result<(), LedgerError> {
        unreachable!("sweep checks nothing")
    }

    async fn fail_check(&self, _: &AccountName, _: &CheckFailure) -> Result<(), LedgerError> {
        unreachable!("sweep checks nothing")
    }
}

impl Signals for Stand {
    async fn send(
        &self,
        signals: &[Signal],
        _now: EventTime,
        _jitter: i64,
    ) -> Vec<Result<(), QueueError>> {
        assert!(signals.len() <= 10, "SQS takes ten at once");
        tokio::task::yield_now().await;
        self.0.signals.borrow_mut().extend(signals.iter().map(Signal::key));
        signals.iter().map(|_| Ok(())).collect()
    }

    async fn defer(&self, _messages: &[Deferral]) {
        unreachable!("sweep receives nothing")
    }
}

impl Clock for Stand {
    fn now_ms(&self) -> i64 {
        self.0.now_ms.get()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.now_ms()).expect("after 1970"))
    }
}

impl Telemetry for Stand {
    fn line(&self, _message: &str, _members: Map<String, Value>) {}

    fn emit(&self, account: &str, metrics: &[Metric]) {
        assert_eq!(account, "main");
        let values = metrics.iter().map(|metric| (metric.name, metric.value));
        self.0.metrics.borrow_mut().extend(values);
    }
}

/// Nothing here is an orphan: sweep reads and writes no whole rows.
impl Rows for Stand {
    async fn insert(&self, _: &Row, _: EventTime) -> Result<Option<Row>, LedgerError> {
        unreachable!("sweep inserts nothing")
    }

    async fn change(&self, _: &Row, _: &Row) -> Result<bool, LedgerError> {
        unreachable!("no orphan")
    }

    async fn partition(
        &self,
        _: &Source,
        _: &RecordId,
        _: EventTime,
    ) -> Result<Vec<Row>, LedgerError> {
        unreachable!("no orphan")
    }

    async fn hand_over(&self, _: &Row, _: &Row, _: &Row) -> Result<bool, LedgerError> {
        unreachable!("no orphan")
    }
}

impl Batches for Stand {
    async fn read(&self, _: &[RowKey], _: &[AccountName]) -> Result<Found, LedgerError> {
        unreachable!("sweep reads the index only")
    }

    async fn write(&self, _: &[Write]) -> Vec<Written> {
        unreachable!("no orphan")
    }
}

impl Claims for Stand {
    async fn claim(&self, _: &str, _: &RowKey, _: EventTime) -> Result<bool, LedgerError> {
        unreachable!("sweep claims nothing")
    }

    async fn point(&self, _: &RowKey, _: &Pointer) -> Result<Option<Pointer>, LedgerError> {
        unreachable!("sweep claims nothing")
    }

    async fn pointer(&self, _: &RowKey) -> Result<Option<Pointer>, LedgerError> {
        unreachable!("sweep claims nothing")
    }

    async fn release(&self, _: &str, _: &RowKey) -> Result<(), LedgerError> {
        unreachable!("sweep claims nothing")
    }
}

impl Clicks for Stand {
    async fn sightings(
        &self,
        _: &RecordId,
        _: EventTime,
        _: usize,
        _: EventTime,
    ) -> Result<Vec<Sighting>, LedgerError> {
        unreachable!("sweep reads no click")
    }

    async fn ties(
        &self,
        _: TieKind,
        _: &RecordId,
        _: usize,
        _: EventTime,
    ) -> Result<Vec<Tie>, LedgerError> {
        unreachable!("sweep reads no tie")
    }
}

impl AccountItems for Stand {
    async fn pause(&self, _: &AccountName, _: EventTime) -> Result<(), LedgerError> {
        unreachable!("sweep calls nobody")
    }

    async fn trouble(&self, _: &AccountName, _: EventTime) -> Result<(), LedgerError> {
        unreachable!("sweep calls nobody")
    }

    async fn refuse_secret(&self, _: &AccountName, _: &str) -> Result<(), LedgerError> {
        unreachable!("sweep has no secret")
    }
}
