//! A sweep that was off for a day meets 100,000 due rows.

mod memory;

use std::collections::{BTreeMap, BTreeSet};

use memory::{InMemory, Memory};
use sweep::{Sweep, span::Span, wire::Summary};
use test_support::rows::{POLICY, key_of};
use tracklayer_core::ledger::index::{IndexClass, Open};
use tracklayer_core::ledger::row::RowKey;
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::mapping::Mapping;
use tracklayer_core::reconcile::decide::Policy;
use tracklayer_core::time::{DAY, EventTime};
use tracklayer_edge::lambda::deadline::Deadline;

/// Rows that are due.
const DUE: usize = 100_000;
/// Signals of one run.
const A_RUN: usize = 20_000;
const NOW: i64 = 1_772_323_200;

struct System {
    sweep: Sweep<Memory>,
    ports: InMemory,
    /// The place of each due row among all, the oldest first.
    ranks: BTreeMap<RowKey, usize>,
}

fn key(id: impl ToString) -> RowKey {
    key_of(&id.to_string(), "purchase")
}

fn waiting(due: EventTime) -> Open {
    IndexClass::Wait.entry(due, due, Some(WaitReason::SettleDelay))
}

impl System {
    /// Rows that have become due in the course of a day, and others that rest.
    fn new(count: usize) -> Self {
        let ports = InMemory::default();
        let day = usize::try_from(DAY).expect("positive");
        let mut ranks = BTreeMap::new();
        for rank in 0..count {
            let age = i64::try_from((count - rank) * day / count).expect("a day");
            let due = EventTime::from_epoch(NOW - age);
            // Ids say nothing about the age.
            let key = key(rank * 7_919 % count);
            ports.add(key.clone(), waiting(due));
            ranks.insert(key, rank);
        }
        let held = || IndexClass::Held("main/Purchase".to_owned());
        let rest = [(held(), "held"), (IndexClass::Refused, "refused"), (IndexClass::Dead, "dead")];
        for (class, name) in rest {
            for n in 0..2_000 {
                let since = EventTime::from_epoch(NOW - DAY);
                ports.add(key(format!("{name}-{n}")), class.clone().entry(since, since, None));
            }
        }
        ports.add(key("later"), waiting(EventTime::from_epoch(NOW + DAY)));
        let sweep = Sweep {
            policy: Policy { min_click_age: 0, ..POLICY },
            mapping: Mapping::sample(),
            ledger: ports.clone(),
            clicks: ports.clone(),
            queue: ports.clone(),
            clock: ports.clone(),
            telemetry: ports.clone(),
        };
        System { sweep, ports, ranks }
    }

    /// A run at so many seconds after [`NOW`].
    async fn run(&self, second: i64) -> Summary {
        self.sweep.wake(&self.span(second)).await.expect("a run")
    }

    /// Five minutes from then on, with an index that is up to date.
    fn span(&self, second: i64) -> Span {
        let ms = (NOW + second) * 1_000;
        self.ports.0.now_ms.set(ms);
        self.ports.catch_up(0);
        let end = u64::try_from(ms + 300_000).expect("after 1970");
        Span::new(Deadline::at_epoch_ms(end, &self.ports), &self.ports)
    }

    /// The same, of rows that are held no more.
    async fn release(&self, second: i64) -> usize {
        self.sweep.release_held(&self.span(second)).await.expect("a run")
    }

    /// The rows signalled since this was last asked.
    fn signalled(&self) -> Vec<RowKey> {
        std::mem::take(&mut *self.ports.0.signals.borrow_mut())
    }

    fn metric(&self, name: &str) -> f64 {
        self.ports.0.metrics.borrow()[name]
    }
}

#[tokio::test]
async fn a_day_of_due_rows_is_signalled_once_the_oldest_first_by_five_runs() {
    let system = System::new(DUE);
    let mut all = BTreeSet::new();
    for number in 0..5 {
        let summary = system.run(i64::try_from(number).expect("few") * 300).await;
        assert_eq!(summary.signalled, A_RUN);
        assert_eq!(summary.cut_short, number < 4, "the last run leaves nothing");
        let signalled = system.signalled();
        assert_eq!(signalled.len(), A_RUN);
        // Shards are walked side by side, a page of each at a time.
        let about =
            |rank: usize| rank + 2_000 >= number * A_RUN && rank < (number + 1) * A_RUN + 2_000;
        assert!(signalled.iter().all(|key| about(system.ranks[key])), "the oldest first");
        all.extend(signalled);
        // None of them is settled: that they are due again later makes them no less overdue.
        let overdue = system.metric("OldestOverdueSeconds");
        let expected = 86_400.0 + 300.0 * f64::from(u32::try_from(number).expect("few"));
        assert!((overdue - expected).abs() < 1.0, "{overdue}, not {expected}");
    }
    assert_eq!(all.len(), DUE, "every due row, and no other");
    assert!(all.iter().all(|key| system.ranks.contains_key(key)));

    assert_eq!(system.run(1_500).await, Summary::default());
    let metrics = ["OpenWaiting", "OpenRefused", "OpenDead"];
    let values = metrics.map(|name| system.metric(name));
    assert_eq!(values.map(|value| value as i64), [102_001, 2_000, 2_000], "held ones wait, too");
    let state = &system.ports.0;
    assert_eq!(state.largest_page.get(), 250, "read page by page");
    assert!(state.most_moves.get() <= 20, "{} rows moved at once", state.most_moves.get());
    assert!(state.reads.get() < 700, "{} reads", state.reads.get());
    assert_eq!(state.conflicts.get(), 0);
}

#[tokio::test]
async fn runs_at_the_same_time_share_the_rows() {
    let system = System::new(DUE);
    let mut all = Vec::new();
    for number in 0..5 {
        let second = number * 300;
        let (one, other) = tokio::join!(system.run(second), system.run(second + 1));
        assert_eq!(one.signalled + other.signalled, A_RUN, "each row by one of them");
        assert!(one.signalled > 0 && other.signalled > 0, "they really met");
        assert_eq!(one.moved_by_others + other.moved_by_others, A_RUN);
        all.extend(system.signalled());
    }
    assert_eq!(all.len(), DUE);
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>().len(), DUE, "none twice");
}

#[tokio::test]
async fn while_nobody_works_on_them_rows_get_one_signal_an_hour() {
    let system = System::new(10_000);
    let mut counts: BTreeMap<RowKey, i64> = BTreeMap::new();
    for run in 0..15 {
        system.run(run * 300).await;
        for key in system.signalled() {
            *counts.entry(key).or_default() += 1;
        }
    }
    assert_eq!(counts.len(), 10_000);
    assert!(counts.values().all(|count| (1..=2).contains(count)), "an hour and a quarter");
}

#[tokio::test]
async fn a_large_held_class_is_left_alone_and_then_drained_by_a_few_runs() {
    let system = System::new(0);
    let mut all: BTreeSet<RowKey> = (0..2_000).map(|n| key(format!("held-{n}"))).collect();
    for n in 0..50_000 {
        let key = key(format!("more-{n}"));
        let due = EventTime::from_epoch(NOW - n);
        let class = IndexClass::Held("main/Purchase".to_owned());
        system.ports.add(key.clone(), class.entry(due, due, Some(WaitReason::GoalHeld)));
        all.insert(key);
    }
    system.ports.0.held_goals.borrow_mut().push("Purchase".to_owned());
    assert_eq!(system.release(0).await, 0);
    assert_eq!(system.signalled(), []);

    system.ports.0.held_goals.borrow_mut().clear();
    let mut signalled = Vec::new();
    for run in 1..=3 {
        let count = system.release(run * 300).await;
        assert!(count <= A_RUN, "{count}");
        signalled.extend(system.signalled());
    }
    assert_eq!(signalled.len(), all.len(), "none twice");
    assert_eq!(signalled.into_iter().collect::<BTreeSet<_>>(), all);
}

#[tokio::test]
async fn looks_for_clicks_wait_until_nothing_else_is_due() {
    let system = System::new(A_RUN);
    let since = EventTime::from_epoch(NOW - 2 * DAY);
    for n in 0..100 {
        let look = IndexClass::Look.entry(since, since, Some(WaitReason::NoClick));
        system.ports.add(key(format!("look-{n}")), look);
    }
    let looks = |system: &System| {
        let signalled = system.signalled();
        signalled.iter().filter(|key| key.event_id.as_str().starts_with("look")).count()
    };
    assert!(system.run(0).await.cut_short);
    assert_eq!(looks(&system), 0, "refunds first");
    assert_eq!(system.run(300).await.signalled, 100);
    assert_eq!(looks(&system), 100);
    assert_eq!(system.run(600).await, Summary::default(), "until the next look, in days");
}
