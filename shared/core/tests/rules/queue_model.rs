//! The queue as arithmetic: many messages, a visibility of 15 minutes, as many receives and workers as
//! the template ships, each of which takes a thousand messages at a time. What an outage, a throttle or one poisoned row costs.
//!
//! The model sends as upload does: rows before their fourth try in one call, later ones with [`Care`]
//! in an order that changes with each try; during a pause nothing.

use std::collections::BTreeMap;

use tracklayer_core::ledger::row::RowKey;
use tracklayer_core::microsoft::payload::MAX_ROWS;
use tracklayer_core::reconcile::calls::{CAREFUL_FROM, Care};

use crate::support::*;

const VISIBILITY: i64 = 900;
/// Where the defaults of the deployment are.
const TEMPLATE: &str = include_str!("../../../../infra/template.yaml");
const PAUSE: i64 = 60;
/// A run and a call may last so long.
const RUN: i64 = 120;
const TIMEOUT: i64 = 60;

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

/// The end of a call with these rows that begins at this second.
type Answer<'a> = &'a dyn Fn(i64, &[Message]) -> End;

struct Queue<'a> {
    answer: Answer<'a>,
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
    fn new(rows: usize, keys: Vec<RowKey>, answer: Answer<'a>) -> Self {
        let all = (0..rows).map(|row| Message { row, receives: 0 }).collect();
        let visible = BTreeMap::from([(0, all)]);
        let max_receives = shipped("MaxReceiveCount");
        let (paused_until, done, last_done, dead) = (-DAY, 0, 0, 0);
        Queue { answer, keys, visible, paused_until, done, last_done, dead, max_receives }
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
        if start < self.paused_until {
            self.hand_back(start, batch, true);
            return 1;
        }
        let was_paused = start < self.paused_until + HOUR;
        let careful = |message: &Message| message.receives >= CAREFUL_FROM && !was_paused;
        let (mut late, first): (Vec<_>, Vec<_>) = batch.into_iter().partition(careful);
        late.sort_by_cached_key(|message| {
            self.keys.get(message.row).map(|key| key.shuffled(message.receives))
        });
        let mut now = start;
        let mut end = None;
        if !first.is_empty() {
            end = self.call(&mut now, first);
        }
        let mut care = Care::FULL;
        while !matches!(end, Some(End::Killed | End::Throttled)) && now - start + TIMEOUT <= RUN {
            let Some(rows) = care.next_call(&mut late) else { break };
            end = self.call(&mut now, rows);
            match end {
                Some(End::Answered) => care.answered(),
                _ => care.failed(),
            }
        }
        let throttled = matches!(end, Some(End::Throttled));
        self.hand_back(now, late, throttled);
        now - start + 1
    }

    fn call(&mut self, now: &mut i64, rows: Vec<Message>) -> Option<End> {
        let end = (self.answer)(*now, &rows);
        *now += if matches!(end, End::Hung) { TIMEOUT } else { 1 };
        match end {
            End::Answered => {
                self.done += rows.len();
                self.last_done = *now;
            }
            End::Throttled => {
                self.paused_until = *now + PAUSE;
                self.hand_back(*now, rows, true);
            }
            _ => self.hand_back(*now, rows, false),
        }
        Some(end)
    }

    /// Rows that meet a pause come again after it at their first two receives.
    fn hand_back(&mut self, now: i64, messages: Vec<Message>, paused: bool) {
        for message in messages {
            if message.receives >= self.max_receives {
                self.dead += 1;
                continue;
            }
            let rest = if paused && message.receives <= 2 {
                (self.paused_until - now).max(1)
            } else {
                VISIBILITY
            };
            self.visible.entry(now + rest).or_default().push(message);
        }
    }
}

/// So many dead letters of 50,000 messages; the last one was sent so many seconds after the world
/// was well, at `well`.
fn trouble(well: i64, answer: Answer<'_>) -> (usize, i64) {
    let mut queue = Queue::new(50_000, Vec::new(), answer);
    queue.drain();
    assert_eq!(queue.done + queue.dead, 50_000);
    (queue.dead, queue.last_done - well)
}

#[test]
fn an_outage_of_two_and_a_half_hours_leaves_no_dead_letter() {
    for minutes in [100, 150] {
        let well = minutes * 60;
        let fast = trouble(well, &|now, _| if now < well { End::Failed } else { End::Answered });
        let hangs = trouble(well, &|now, _| if now < well { End::Hung } else { End::Answered });
        for (dead, seconds) in [fast, hangs] {
            assert_eq!(dead, 0, "{minutes} minutes");
            assert!(seconds <= 2 * VISIBILITY, "{minutes} minutes: {seconds} s to drain");
        }
    }
}

#[test]
fn a_throttle_of_an_hour_leaves_no_dead_letter() {
    let shut = |now: i64, _: &[Message]| if now < HOUR { End::Throttled } else { End::Answered };
    assert_eq!(trouble(HOUR, &shut).0, 0);
    // Five calls a minute: 50 are needed.
    let calls = std::cell::RefCell::new(BTreeMap::<i64, u32>::new());
    let five = |now: i64, _: &[Message]| {
        let mut calls = calls.borrow_mut();
        let minute = calls.entry(now / 60).or_default();
        *minute += 1;
        if *minute > 5 { End::Throttled } else { End::Answered }
    };
    let (dead, seconds) = trouble(0, &five);
    assert_eq!(dead, 0);
    assert!(seconds <= 2 * HOUR, "{seconds} s");
}

/// Innocent rows that are dead letters in the end, of 1,000 with one that does this to its calls.
fn innocents(first: usize, poison: fn() -> End) -> usize {
    let spoils = |_: i64, rows: &[Message]| match rows.iter().any(|message| message.row == 500) {
        true => poison(),
        false => End::Answered,
    };
    let of = |n: usize| RowKey { event_id: id(&n.to_string()), ..key() };
    let keys = (first..first + MAX_ROWS).map(of).collect();
    let mut queue = Queue::new(MAX_ROWS, keys, &spoils);
    queue.drain();
    assert_eq!(queue.done + queue.dead, MAX_ROWS);
    queue.dead - 1
}

/// The poisoned row itself is the only one that is always a dead letter.
#[test]
fn one_poisoned_row_takes_few_others_along() {
    for (name, poison, most, on_average) in [
        ("spoils its calls", (|| End::Failed) as fn() -> End, 0, 0),
        ("hangs its calls", || End::Hung, 80, 12),
        ("kills the function", || End::Killed, 80, 12),
    ] {
        let dead: Vec<usize> = (0..40).map(|n| innocents(n * 10_007, poison)).collect();
        let worst = dead.iter().max().expect("some");
        let sum: usize = dead.iter().sum();
        assert!(*worst <= most, "{name}: {dead:?}");
        assert!(sum <= on_average * dead.len(), "{name}: {dead:?}");
    }
}
