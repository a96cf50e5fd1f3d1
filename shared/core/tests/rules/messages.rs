//! The queue between sweep or the sources and the workers: it may deliver a message to two of them, and
//! what one deletes is gone for the other.

use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::reconcile::decide::busy_until;
use tracklayer_core::reconcile::note::Note;
use tracklayer_core::time::EventTime;

use crate::{work::Run, world::World};

/// Number of receives after which the queue gives a message up.
const MAX_RECEIVES: u32 = 12;
pub const VISIBILITY: i64 = 15 * 60;

#[derive(Clone, Debug)]
pub struct Message {
    /// What is delivered twice has the same number.
    pub number: usize,
    pub sent_at: EventTime,
    pub visible_at: EventTime,
    pub not_before: Option<EventTime>,
    pub receives: u32,
}

impl World {
    /// A message to the row, wanted or not.
    pub fn send(&mut self, not_before: Option<EventTime>) {
        let (sent_at, visible_at, number) = (self.now, self.now, self.sent);
        self.sent += 1;
        self.messages.push(Message { number, sent_at, visible_at, not_before, receives: 0 });
    }

    /// The `n`-th visible message is received and its row read.
    pub fn receive(&mut self, n: usize) {
        let visible: Vec<usize> =
            (0..self.messages.len()).filter(|n| self.messages[*n].visible_at <= self.now).collect();
        if visible.is_empty() {
            return;
        }
        let mut message = self.messages.remove(visible[n % visible.len()]);
        message.receives += 1;
        if let Some(not_before) = message.not_before.filter(|time| *time > self.now) {
            message.visible_at = not_before;
            return self.messages.push(message);
        }
        self.runs.push(Run::new(message, self.row().clone(), self.now));
    }

    /// The message of the `n`-th run was delivered twice; another run reads the row only now.
    pub fn receive_again(&mut self, n: usize) {
        if self.runs.is_empty() {
            return;
        }
        let mut message = self.runs[n % self.runs.len()].message.clone();
        message.receives += 1;
        self.runs.push(Run::new(message, self.row().clone(), self.now));
    }

    /// The `n`-th run dies where it stands.
    pub fn kill(&mut self, n: usize) {
        if self.runs.is_empty() {
            return;
        }
        let run = self.runs.remove(n % self.runs.len());
        self.accidents += 1;
        self.kills += 1;
        // Nobody is left to look whether the row waits: the queue itself gives the message up.
        if run.message.receives >= MAX_RECEIVES {
            return self.give_up(run.message);
        }
        self.comes_again(run.message, VISIBILITY);
    }

    /// The message of a row that waits or was accepted ends: its `due` brings it again. Not while a
    /// run is at the row, which may have the same message.
    pub fn hand_back(&mut self, message: Message, mut seconds: i64) {
        let row = self.row().clone();
        let waits = row.open.as_ref().is_some_and(|open| {
            matches!(open.class, IndexClass::Wait | IndexClass::Look | IndexClass::Held(_))
        });
        if waits || row.observed.accepted.is_some() || row.is_erased() {
            match busy_until(&row, self.now, &self.bench.policy) {
                Some(over) => seconds = over.seconds_since(self.now),
                None => {
                    self.note(&Note::Left, &row, None);
                    return self.acknowledge(&message);
                }
            }
        }
        if message.receives < MAX_RECEIVES {
            return self.comes_again(message, seconds);
        }
        self.give_up(message);
        if row.observed.refusal.is_none() {
            self.note(&Note::Dead, &row, None);
        }
    }

    /// It is deleted, for all who have received it: not while one of them has claimed the row, who may
    /// need it for a dead letter.
    pub fn acknowledge(&mut self, message: &Message) {
        let row = self.row();
        let refusal = row.observed.refusal.as_ref();
        let ended = refusal.is_some_and(|it| it.reason.is_beyond_repair()) || row.is_erased();
        let claimed = row.observed.attempting().filter(|_| !ended);
        let busy = busy_until(row, self.now, &self.bench.policy).is_some();
        let needs_it =
            |run: &Run| run.message.number == message.number && run.claimed == claimed && busy;
        assert!(claimed.is_none() || !self.runs.iter().any(needs_it), "still needed: {row:?}");
        self.delete(message);
    }

    fn delete(&mut self, message: &Message) {
        self.deleted.push(message.number);
        self.messages.retain(|other| other.number != message.number);
    }

    /// The message of a refused row: a dead letter, where a redrive could help.
    pub fn bury(&mut self, message: Message) {
        let ended = match &self.row().observed.refusal {
            Some(refusal) => refusal.reason.is_beyond_repair(),
            None => self.row().is_erased(),
        };
        if ended {
            self.acknowledge(&message);
        } else {
            self.give_up(message);
        }
    }

    fn give_up(&mut self, message: Message) {
        if !self.deleted.contains(&message.number) {
            self.delete(&message);
            self.dead_letters.push(message);
        }
    }

    fn comes_again(&mut self, mut message: Message, seconds: i64) {
        if self.deleted.contains(&message.number) {
            return;
        }
        self.messages.retain(|other| other.number != message.number);
        message.visible_at = self.now.plus_seconds(seconds);
        self.messages.push(message);
    }
}
