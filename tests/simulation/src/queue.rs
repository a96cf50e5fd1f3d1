//! The queue of signals as SQS has it: standard, so messages may come twice and in any order.

use std::task::Waker;

use crate::random::Random;
use crate::world::World;

/// Receives after which a message is moved to the dead letters at the next one.
pub const MAX_RECEIVES: u32 = 12;
/// How long a received message is hidden, in milliseconds.
const VISIBILITY: i64 = 15 * 60 * 1_000;
/// How long a message is kept, from its first sending on.
const RETENTION: i64 = 14 * 86_400 * 1_000;

const AGE: &str = "ApproximateAgeOfOldestMessage";
const IN_FLIGHT: &str = "ApproximateNumberOfMessagesNotVisible";
const VISIBLE: &str = "ApproximateNumberOfMessagesVisible";

/// One message.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// Its signal.
    pub body: String,
    /// When it was sent, in milliseconds.
    pub sent: i64,
    /// How often it was received.
    pub receives: u32,
    visible: i64,
    handle: u32,
}

/// One receive of a message.
#[derive(Clone, Debug)]
pub struct Received {
    /// The message as it was then.
    pub message: Message,
    /// Names the receive.
    pub handle: String,
}

/// The queue and its dead letters.
#[derive(Debug, Default)]
pub struct Queue {
    /// Messages that are not deleted.
    pub messages: Vec<Message>,
    /// Messages that were given up.
    pub dead: Vec<Message>,
    /// How many messages were ever given up.
    pub given_up: u64,
    /// Messages that were received.
    pub deliveries: u64,
    sent: u32,
    waiting: Vec<Waker>,
}

impl Queue {
    /// Takes a message.
    pub fn send(&mut self, body: String, delay_ms: i64, now: i64) {
        self.sent += 1;
        let message = Message {
            id: format!("m{}", self.sent),
            body,
            sent: now,
            receives: 0,
            visible: now + delay_ms,
            handle: 0,
        };
        self.messages.push(message);
        self.wake();
    }

    /// Gives out up to `max` messages in any order; with `again` also one that somebody else has.
    pub fn receive(
        &mut self, max: usize, again: bool, now: i64, random: &mut Random,
    ) -> Vec<Received> {
        self.messages.retain(|message| message.sent + RETENTION > now);
        let mut received = Vec::new();
        while received.len() < max {
            let visible: Vec<usize> =
                (0..self.messages.len()).filter(|&at| self.messages[at].visible <= now).collect();
            if visible.is_empty() {
                break;
            }
            let at = visible[random.below(visible.len())];
            if self.messages[at].receives >= MAX_RECEIVES {
                self.dead.push(self.messages.remove(at));
                self.given_up += 1;
                continue;
            }
            received.push(self.give(at, now));
        }
        let hidden = self.messages.len();
        if again && hidden > 0 && !received.is_empty() {
            let at = random.below(hidden);
            let has = received.iter().any(|given| given.message.id == self.messages[at].id);
            if !has && self.messages[at].receives < MAX_RECEIVES {
                received.push(self.give(at, now));
            }
        }
        self.deliveries += received.len() as u64;
        received
    }

    fn give(&mut self, at: usize, now: i64) -> Received {
        let message = &mut self.messages[at];
        message.receives += 1;
        message.handle += 1;
        message.visible = now + VISIBILITY;
        let handle = format!("{} {}", message.id, message.handle);
        Received { message: message.clone(), handle }
    }

    /// Deletes a message.
    pub fn delete(&mut self, id: &str) {
        self.messages.retain(|message| message.id != id);
    }

    /// Changes when a message is seen again; only the last receive may.
    pub fn hide(&mut self, handle: &str, seconds: i64, now: i64) {
        let is = |message: &&mut Message| format!("{} {}", message.id, message.handle) == handle;
        if let Some(message) = self.messages.iter_mut().find(is) {
            message.visible = now + seconds * 1_000;
        }
        self.wake();
    }

    /// Moves all dead letters back, as new messages; answers with how many.
    pub fn redrive(&mut self, now: i64) -> usize {
        let dead = std::mem::take(&mut self.dead);
        let count = dead.len();
        for message in dead {
            self.send(message.body, 0, now);
        }
        count
    }

    /// When the next message can be received.
    pub fn next_visible(&self) -> Option<i64> {
        self.messages.iter().map(|message| message.visible).min()
    }

    /// What SQS measures of it and of its dead letters.
    pub fn measure(&self, world: &World) {
        let now = world.now_ms();
        let oldest = self.messages.iter().map(|message| message.sent).min();
        let in_flight = |message: &&Message| message.visible > now && message.receives > 0;
        #[expect(clippy::cast_precision_loss, reason = "a few days, some thousand messages")]
        for (metric, of, value) in [
            (AGE, "Uploads.QueueName", oldest.map_or(0, |sent| (now - sent) / 1_000) as f64),
            (IN_FLIGHT, "Uploads.QueueName", self.messages.iter().filter(in_flight).count() as f64),
            (VISIBLE, "UploadsDlq.QueueName", self.dead.len() as f64),
        ] {
            world.measured(metric, of, value);
        }
    }

    /// Wakes `waker` when something changes.
    pub fn on_change(&mut self, waker: &Waker) {
        self.waiting.push(waker.clone());
    }

    /// Wakes everybody who waits for a change.
    pub fn wake(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }
}
