//! The queue as arithmetic: many messages, a visibility of 15 minutes, as many receives and workers as
//! the template ships, each of which takes a thousand messages at a time. What an outage, a throttle
//! or one poisoned row costs, however long Microsoft takes for an answer. Times are in milliseconds.
//!
//! The model sends as upload does: rows before their fourth try in one call, later ones with [`Care`]
//! in an order that changes with each try; during a pause nothing.

use std::collections::BTreeMap;

use tracklayer_core::ledger::row::RowKey;
use tracklayer_core::microsoft::payload::MAX_ROWS;
use tracklayer_core::reconcile::calls::{CAREFUL_FROM, Care};

use crate::support::*;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const VISIBILITY: i64 = 15 * MINUTE;
/// Where the defaults of the deployment are.
const TEMPLATE: &str = include_str!("../../../../infra/template.yaml");
const PAUSE: i64 = MINUTE;
/// How long a call may last. It begins only where a run has that much time left, and the time that
/// upload keeps for writing what was learned.
const TIMEOUT: i64 = MINUTE;
const RESERVE: i64 = TIMEOUT + 10 * SECOND;
/// What reading a row takes, claiming it, and noting its outcome.
const READ: i64 = 1;
const CLAIM: i64 = 3;
const NOTE: i64 = 2;
/// How long answered calls take.
const LATENCIES: [i64; 4] = [SECOND, 2 * SECOND, 3 * SECOND, 5 * SECOND];

/// How Microsoft ends a call.
enum End {
    Answered,
    /// The call failed as a whole.
    Failed,
    Throttled,
    /// No answer came within the timeout.
    Hung,
    /// The function died.
    Killed,
}

#[derive(Clone)]
struct Message {
    row: usize,
    receives: u32,
}

/// The end of a call with these rows that begins at this time.
type Answer<'a> = &'a dyn Fn(i64, &[Message]) -> End;

struct Queue<'a> {
    answer: Answer<'a>,
    /// How long a call takes that does not hang, and each of its rows.
    latency: i64,
    per_row: i64,
    /// How long a run may take.
    run: i64,
    /// The order of the rows; empty where they are all alike.
    keys: Vec<RowKey>,
    /// What becomes visible when.
    visible: BTreeMap<i64, Vec<Message>>,
    paused_until: i64,
    done: usize,
    last_done: i64,
    dead: usize,
    max_receives: u32,
}

/// The default of a parameter of the template.
fn shipped(parameter: &str) -> u32 {
    let (_, after) = TEMPLATE.split_once(&format!("\n  {parameter}:\n")).expect("a parameter");
    let (_, value) = after.split_once("Default: ").expect("a default");
    value.lines().next().and_then(|value| value.parse().ok()).expect("a number")
}

impl<'a> Queue<'a> {
    fn new(rows: usize, keys: Vec<RowKey>, latency: i64, answer: Answer<'a>) -> Self {
        let all = (0..rows).map(|row| Message { row, receives: 0 }).collect();
        Queue {
            answer,
            latency,
            per_row: 0,
            run: i64::from(shipped("UploadTimeoutSeconds")) * SECOND,
            keys,
            visible: BTreeMap::from([(0, all)]),
            paused_until: -DAY * SECOND,
            done: 0,
            last_done: 0,
            dead: 0,
            max_receives: shipped("MaxReceiveCount"),
        }
    }

    /// Runs until nothing is in the queue any more.
    fn drain(&mut self) {
        let mut free_at = vec![0_i64; shipped("UploadConcurrency") as usize];
        while let Some((&at, _)) = self.visible.first_key_value() {
            let worker = (0..free_at.len()).min_by_key(|n| free_at[*n]).expect("workers");
            let now = at.max(free_at[worker]);
            let mut batch = Vec::new();
            while let Some(mut entry) =
                self.visible.first_entry().filter(|entry| *entry.key() <= now)
            {
                let rest = entry.get().len().min(MAX_ROWS - batch.len());
                batch.extend(entry.get_mut().drain(..rest));
                if entry.get().is_empty() {
                    entry.remove();
                }
                if batch.len() == MAX_ROWS {
                    break;
                }
            }
            free_at[worker] = now + self.run(now, batch);
        }
    }

    /// One run of the function; answers with how long it took.
    fn run(&mut self, start: i64, mut batch: Vec<Message>) -> i64 {
        batch.iter_mut().for_each(|message| message.receives += 1);
        let mut run = Run { start, now: start + READ * count(&batch) };
        if start < self.paused_until {
            self.hand_back(run, batch, true);
            return SECOND;
        }
        let was_paused = start < self.paused_until + HOUR * SECOND;
        let careful = |message: &Message| message.receives >= CAREFUL_FROM && !was_paused;
        let (mut late, first): (Vec<_>, Vec<_>) = batch.into_iter().partition(careful);
        late.sort_by_cached_key(|message| {
            self.keys.get(message.row).map(|key| key.shuffled(message.receives))
        });
        let mut end = None;
        if !first.is_empty() {
            end = self.call(&mut run, first);
        }
        let mut care = Care::full(late.len());
        while !matches!(end, Some(End::Killed | End::Throttled)) && self.has_time(run) {
            let Some(rows) = care.next_call(&mut late) else { break };
            end = self.call(&mut run, rows);
            match end {
                Some(End::Answered) => care.answered(),
                _ => care.failed(),
            }
        }
        let throttled = matches!(end, Some(End::Throttled));
        self.hand_back(run, late, throttled);
        run.now - start + SECOND
    }

    fn has_time(&self, run: Run) -> bool {
        run.now - run.start + RESERVE <= self.run
    }

    /// `None`: no time was left for it after the claims.
    fn call(&mut self, run: &mut Run, rows: Vec<Message>) -> Option<End> {
        run.now += CLAIM * count(&rows);
        if !self.has_time(*run) {
            self.hand_back(*run, rows, false);
            return None;
        }
        let takes = self.latency + self.per_row * count(&rows);
        let end = match (self.answer)(run.now, &rows) {
            End::Answered if takes > TIMEOUT => End::Hung,
            end => end,
        };
        run.now += if matches!(end, End::Hung) { TIMEOUT } else { takes };
        run.now += NOTE * count(&rows);
        match end {
            End::Answered => {
                self.done += rows.len();
                self.last_done = run.now;
            }
            End::Throttled => {
                self.paused_until = run.now + PAUSE;
                self.hand_back(*run, rows, true);
            }
            _ => self.hand_back(*run, rows, false),
        }
        Some(end)
    }

    /// Messages are visible again so long after they were received. Those that meet a pause come
    /// again after it at their first two receives.
    fn hand_back(&mut self, run: Run, messages: Vec<Message>, paused: bool) {
        for message in messages {
            if message.receives >= self.max_receives {
                self.dead += 1;
                continue;
            }
            let at = if paused && message.receives <= 2 {
                self.paused_until.max(run.now + SECOND)
            } else {
                run.start + VISIBILITY
            };
            self.visible.entry(at).or_default().push(message);
        }
    }
}

/// A run of the function.
#[derive(Clone, Copy)]
struct Run {
    start: i64,
    now: i64,
}

fn count(messages: &[Message]) -> i64 {
    i64::try_from(messages.len()).expect("few")
}

/// So many dead letters of 50,000 messages; the last one was sent so long after the world was well,
/// at `well`.
fn trouble(well: i64, latency: i64, answer: Answer<'_>) -> (usize, i64) {
    let mut queue = Queue::new(50_000, Vec::new(), latency, answer);
    queue.drain();
    assert_eq!(queue.done + queue.dead, 50_000);
    (queue.dead, queue.last_done - well)
}

#[test]
fn an_outage_of_two_and_a_half_hours_leaves_no_dead_letter() {
    for (minutes, latency) in [100, 150].into_iter().flat_map(|it| LATENCIES.map(|of| (it, of))) {
        let well = minutes * MINUTE;
        let ends = |bad: fn() -> End| {
            trouble(well, latency, &|now, _| if now < well { bad() } else { End::Answered })
        };
        for (dead, drained) in [ends(|| End::Failed), ends(|| End::Hung)] {
            assert_eq!(dead, 0, "{minutes} minutes, {latency} ms");
            assert!(drained <= 2 * VISIBILITY, "{minutes} minutes, {latency} ms: {drained} ms");
        }
    }
}

#[test]
fn a_throttle_of_an_hour_leaves_no_dead_letter() {
    let well = HOUR * SECOND;
    let shut = |now: i64, _: &[Message]| if now < well { End::Throttled } else { End::Answered };
    // Five calls a minute: 50 are needed.
    let calls = std::cell::RefCell::new(BTreeMap::<i64, u32>::new());
    let five = |now: i64, _: &[Message]| {
        let mut calls = calls.borrow_mut();
        let minute = calls.entry(now / MINUTE).or_default();
        *minute += 1;
        if *minute > 5 { End::Throttled } else { End::Answered }
    };
    for latency in LATENCIES {
        calls.borrow_mut().clear();
        assert_eq!(trouble(well, latency, &shut).0, 0, "{latency} ms");
        let (dead, drained) = trouble(0, latency, &five);
        assert_eq!(dead, 0, "{latency} ms");
        assert!(drained <= 2 * well, "{latency} ms: {drained} ms");
    }
}

/// A call with all of them would take minutes and is given up after one.
#[test]
fn rows_that_take_microsoft_long_are_sent_in_small_calls() {
    for per_row in [100, 200, 400] {
        let queue = Queue::new(MAX_ROWS, Vec::new(), SECOND, &|_, _| End::Answered);
        let mut queue = Queue { per_row, ..queue };
        queue.drain();
        assert_eq!((queue.done, queue.dead), (MAX_ROWS, 0), "{per_row} ms a row");
    }
}

/// Innocent rows that are dead letters in the end, of so many with one that does this to its calls.
fn innocents(rows: usize, first: usize, latency: i64, poison: fn() -> End) -> usize {
    let spoils = |_: i64, call: &[Message]| match call.iter().any(|message| message.row == rows / 2)
    {
        true => poison(),
        false => End::Answered,
    };
    let of = |n: usize| RowKey { event_id: id(&n.to_string()), ..key() };
    let keys = (first..first + rows).map(of).collect();
    let mut queue = Queue::new(rows, keys, latency, &spoils);
    queue.drain();
    assert_eq!(queue.done + queue.dead, rows);
    queue.dead - 1
}

/// The poisoned row itself is the only one that is always a dead letter.
#[test]
fn one_poisoned_row_takes_few_others_along() {
    for rows in [20, 100, MAX_ROWS] {
        for latency in LATENCIES {
            let dead_by = |poison| -> Vec<usize> {
                (0..40).map(|n| innocents(rows, n * 10_007, latency, poison)).collect()
            };
            let spoilt = dead_by(|| End::Failed);
            assert!(spoilt.iter().all(|dead| *dead == 0), "{rows} rows, {latency} ms: {spoilt:?}");
            for poison in [|| End::Hung, || End::Killed] {
                let dead = dead_by(poison);
                let (worst, sum) = (dead.iter().max().expect("some"), dead.iter().sum::<usize>());
                assert!(*worst <= rows / 10, "{rows} rows, {latency} ms: {dead:?}");
                assert!(sum <= dead.len() * rows / 125, "{rows} rows, {latency} ms: {dead:?}");
            }
        }
    }
}
