//! All queues together: names, storage, receiving with redrive.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::attributes::Attributes;
use super::errors::no_queue;
use super::message::{DEAD_LETTER_SOURCE, Message, Receipt};
use super::move_task::MoveTask;
use super::queue::Queue;
use super::received::Received;
use crate::error::{AwsError, Error};
use crate::store::Store;
use crate::{Settings, now_ms};

const QUEUES: &str = "queue";
const MESSAGES: &str = "message";

pub(super) struct State {
    pub(super) settings: Settings,
    pub(super) queues: BTreeMap<String, Queue>,
    /// Newest last.
    pub(super) moves: Vec<MoveTask>,
    pub(super) store: Store,
    next_sequence: u64,
}

#[derive(Serialize, Deserialize)]
struct QueueRow {
    attributes: Attributes,
    created_ms: u64,
    modified_ms: u64,
}

impl State {
    /// Reads what the folder holds. No message is in flight after a start: those that were received
    /// are visible at once.
    pub(super) fn open(folder: Option<&Path>, settings: Settings) -> Result<Self, Error> {
        let store = Store::open(folder, "queues.sqlite")?;
        let mut queues = BTreeMap::new();
        for (name, row) in store.all::<QueueRow>(QUEUES)? {
            let mut queue = Queue::new(name.clone(), row.attributes, row.created_ms);
            queue.modified_ms = row.modified_ms;
            queues.insert(name, queue);
        }
        let mut next_sequence = 0;
        for (key, (name, mut message)) in store.all::<(String, Message)>(MESSAGES)? {
            let sequence = key.parse().map_err(|_| Error::Storage(format!("message {key}")))?;
            next_sequence = sequence + 1;
            if message.receives_here > 0 {
                message.visible_ms = 0;
            }
            if let Some(queue) = queues.get_mut(&name) {
                queue.insert(sequence, message);
            }
        }
        Ok(Self { settings, queues, moves: Vec::new(), store, next_sequence })
    }

    pub(super) fn arn(&self, name: &str) -> String {
        format!("arn:aws:sqs:{}:{}:{name}", self.settings.region, self.settings.account)
    }

    /// The queue with this ARN, if it is one of ours.
    pub(super) fn by_arn(&self, arn: &str) -> Option<&Queue> {
        let (_, name) = arn.rsplit_once(':')?;
        self.queues.get(name).filter(|_| self.arn(name) == arn)
    }

    /// The queue by name or by the address that ends in it.
    pub(super) fn queue(&mut self, address: &str) -> Result<&mut Queue, AwsError> {
        let name = address.rsplit('/').next().unwrap_or(address);
        self.queues.get_mut(name).ok_or_else(no_queue)
    }

    pub(super) fn save_queue(&mut self, queue: &Queue) {
        let row = QueueRow {
            attributes: queue.attributes.clone(),
            created_ms: queue.created_ms,
            modified_ms: queue.modified_ms,
        };
        self.store.put(QUEUES, &queue.name, &row);
    }

    /// Removes the queue with all its messages.
    pub(super) fn drop_queue(&mut self, address: &str) -> Result<(), AwsError> {
        let name = self.queue(address)?.name.clone();
        self.purge(&name)?;
        self.queues.remove(&name);
        self.store.delete(QUEUES, &name);
        Ok(())
    }

    pub(super) fn purge(&mut self, name: &str) -> Result<(), AwsError> {
        for sequence in self.queue(name)?.sequences() {
            self.remove(name, sequence);
        }
        Ok(())
    }

    /// Puts a new message into a queue.
    pub(super) fn add(&mut self, name: &str, message: Message) {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.place(name, sequence, message);
    }

    /// Removes a message for good.
    pub(super) fn remove(&mut self, name: &str, sequence: u64) -> Option<Message> {
        let message = self.queues.get_mut(name)?.remove(sequence)?;
        self.store.delete(MESSAGES, &key(sequence));
        Some(message)
    }

    /// `DeleteMessage`: only the handle of the latest receive deletes; an older one changes nothing.
    pub(super) fn delete(&mut self, address: &str, handle: &str) -> Result<(), AwsError> {
        let queue = self.queue(address)?;
        let receipt = Receipt::parse(handle, &queue.name)?;
        if queue.received(&receipt).is_some() {
            let name = queue.name.clone();
            self.remove(&name, receipt.sequence);
        }
        Ok(())
    }

    /// Deletes the messages whose retention has ended.
    pub(super) fn expire(&mut self, name: &str) -> Result<(), AwsError> {
        for sequence in self.queue(name)?.expire(now_ms()) {
            self.store.delete(MESSAGES, &key(sequence));
        }
        Ok(())
    }

    /// Receives up to `max` visible messages; those received too often go to the dead-letter queue instead.
    pub(super) fn receive(
        &mut self, address: &str, max: usize, visibility: Option<u64>,
    ) -> Result<Vec<Received>, AwsError> {
        let name = self.queue(address)?.name.clone();
        self.expire(&name)?;
        let now = now_ms();
        let mut delivered = Vec::new();
        let mut received = Vec::new();
        while received.len() < max
            && let Some(sequence) = self.queue(&name)?.next_visible(now, &delivered)
        {
            if self.move_if_exhausted(&name, sequence, now) {
                continue;
            }
            delivered.push(sequence);
            received.extend(self.deliver(&name, sequence, visibility, now));
        }
        Ok(received)
    }

    fn deliver(
        &mut self, name: &str, sequence: u64, visibility: Option<u64>, now: u64,
    ) -> Option<Received> {
        let queue = self.queues.get_mut(name)?;
        let visibility = visibility.unwrap_or(queue.attributes.visibility);
        let copies = queue.disorder.as_mut().is_some_and(|disorder| disorder.copies());
        let copy = queue.get(sequence).filter(|_| copies).cloned();
        let message = queue.mark_received(sequence, visibility, now)?;
        self.store.put(MESSAGES, &key(sequence), &(name, message));
        let received = Received::of(message, name, sequence, &self.settings.account);
        if let Some(copy) = copy {
            self.add(name, copy);
        }
        Some(received)
    }

    /// Moves a message that was received as often as the redrive policy allows to the dead-letter
    /// queue, where it keeps its id and its time of sending. Returns whether it did.
    fn move_if_exhausted(&mut self, name: &str, sequence: u64, now: u64) -> bool {
        let Some(target) = self.target_if_exhausted(name, sequence) else {
            return false;
        };
        let Some(mut message) = self.queues.get_mut(name).and_then(|queue| queue.remove(sequence))
        else {
            return false;
        };
        message.system.insert(DEAD_LETTER_SOURCE.to_owned(), self.arn(name));
        message.receives_here = 0;
        message.visible_ms = now;
        self.place(&target, sequence, message);
        true
    }

    fn target_if_exhausted(&self, name: &str, sequence: u64) -> Option<String> {
        let queue = self.queues.get(name)?;
        let redrive = queue.attributes.redrive.as_ref()?;
        let exhausted = queue.get(sequence)?.receives_here >= redrive.max_receive_count;
        let target = self.by_arn(&redrive.dead_letter_target_arn)?;
        exhausted.then(|| target.name.clone())
    }

    fn place(&mut self, name: &str, sequence: u64, message: Message) {
        self.store.put(MESSAGES, &key(sequence), &(name, &message));
        if let Some(queue) = self.queues.get_mut(name) {
            queue.insert(sequence, message);
        }
    }
}

/// Keys sort like their numbers.
fn key(sequence: u64) -> String {
    format!("{sequence:020}")
}
