//! One queue: its messages and when each becomes visible.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::Notify;

use super::attributes::{Attributes, MAX_VISIBILITY};
use super::disorder::Disorder;
use super::errors::{INVALID_VALUE, NOT_IN_FLIGHT, invalid};
use super::message::{Message, Receipt};
use crate::error::AwsError;

/// A standard queue returns nothing while this many messages are in flight
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html>).
const MAX_IN_FLIGHT: usize = 120_000;

pub(super) struct Queue {
    pub(super) name: String,
    pub(super) created_ms: u64,
    pub(super) modified_ms: u64,
    pub(super) purged_ms: Option<u64>,
    pub(super) attributes: Attributes,
    /// Wakes long polls when a message arrives or changes its visibility.
    pub(super) arrival: Arc<Notify>,
    pub(super) disorder: Option<Disorder>,
    messages: BTreeMap<u64, Message>,
    /// `(visible at, sequence)` of every message.
    schedule: BTreeSet<(u64, u64)>,
}

/// Messages as the three `ApproximateNumberOfMessages…` attributes count them.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) visible: usize,
    pub(super) in_flight: usize,
    pub(super) delayed: usize,
}

impl Queue {
    pub(super) fn new(name: String, attributes: Attributes, created_ms: u64) -> Self {
        Self {
            name,
            created_ms,
            modified_ms: created_ms,
            purged_ms: None,
            attributes,
            arrival: Arc::default(),
            disorder: None,
            messages: BTreeMap::new(),
            schedule: BTreeSet::new(),
        }
    }

    pub(super) fn insert(&mut self, sequence: u64, message: Message) {
        self.schedule.insert((message.visible_ms, sequence));
        self.messages.insert(sequence, message);
        self.arrival.notify_waiters();
    }

    pub(super) fn remove(&mut self, sequence: u64) -> Option<Message> {
        let message = self.messages.remove(&sequence)?;
        self.schedule.remove(&(message.visible_ms, sequence));
        Some(message)
    }

    pub(super) fn get(&self, sequence: u64) -> Option<&Message> {
        self.messages.get(&sequence)
    }

    pub(super) fn sequences(&self) -> Vec<u64> {
        self.messages.keys().copied().collect()
    }

    /// Removes the messages whose retention has ended and returns their sequence numbers. These grow
    /// with the time of sending, in a dead-letter queue as well, so that only the oldest are checked.
    pub(super) fn expire(&mut self, now: u64) -> Vec<u64> {
        let retention = self.attributes.retention * 1000;
        let mut expired = Vec::new();
        while let Some((&sequence, oldest)) = self.messages.first_key_value()
            && oldest.sent_ms + retention <= now
        {
            self.remove(sequence);
            expired.push(sequence);
        }
        expired
    }

    /// The next visible message that is not among those `delivered` by the same receive.
    pub(super) fn next_visible(&mut self, now: u64, delivered: &[u64]) -> Option<u64> {
        if self.messages.len() >= MAX_IN_FLIGHT && self.counts(now).in_flight >= MAX_IN_FLIGHT {
            return None;
        }
        let mut visible = self.schedule.range(..=(now, u64::MAX)).map(|(_, sequence)| *sequence);
        let mut fresh = visible.by_ref().filter(|sequence| !delivered.contains(sequence));
        match &mut self.disorder {
            Some(disorder) => disorder.pick(fresh),
            None => fresh.next(),
        }
    }

    /// When the next message becomes visible, of those that are not visible now.
    pub(super) fn next_visible_at(&self, now: u64) -> Option<u64> {
        self.schedule.range((now + 1, 0)..).next().map(|(at, _)| *at)
    }

    /// Counts a receive of a message, which is then invisible for this many seconds.
    pub(super) fn mark_received(
        &mut self, sequence: u64, visibility: u64, now: u64,
    ) -> Option<&Message> {
        self.reschedule(sequence, now + visibility * 1000);
        let message = self.messages.get_mut(&sequence)?;
        message.receives += 1;
        message.receives_here += 1;
        message.received_ms = now;
        message.first_received_ms.get_or_insert(now);
        message.visibility_changed = false;
        Some(message)
    }

    /// The message of this receipt, unless it is gone or was received again.
    pub(super) fn received(&self, receipt: &Receipt) -> Option<&Message> {
        let message = self.messages.get(&receipt.sequence)?;
        (message.id == receipt.id && message.receives == receipt.receives).then_some(message)
    }

    /// `ChangeMessageVisibility`: only in flight, and at most 12 hours after the receive.
    pub(super) fn change_visibility(
        &mut self, receipt: &Receipt, seconds: u64, now: u64,
    ) -> Result<(), AwsError> {
        if seconds > MAX_VISIBILITY {
            return Err(invalid(
                seconds,
                "VisibilityTimeout",
                "Must be between 0 and 43200, if provided.",
            ));
        }
        let message = self.received(receipt).ok_or_else(|| {
            INVALID_VALUE
                .says("Message does not exist or is not available for visibility timeout change.")
        })?;
        if !message.in_flight(now) {
            return Err(NOT_IN_FLIGHT.says("The specified message isn't in flight."));
        }
        if (now - message.received_ms) / 1000 + seconds > MAX_VISIBILITY {
            return Err(invalid(
                seconds,
                "VisibilityTimeout",
                "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]",
            ));
        }
        self.show_at(receipt.sequence, now + seconds * 1000);
        if let Some(message) = self.messages.get_mut(&receipt.sequence) {
            message.visibility_changed = true;
        }
        Ok(())
    }

    /// Changes when a message becomes visible, and wakes long polls.
    pub(super) fn show_at(&mut self, sequence: u64, at_ms: u64) {
        self.reschedule(sequence, at_ms);
        self.arrival.notify_waiters();
    }

    fn reschedule(&mut self, sequence: u64, at_ms: u64) {
        if let Some(message) = self.messages.get_mut(&sequence) {
            self.schedule.remove(&(message.visible_ms, sequence));
            self.schedule.insert((at_ms, sequence));
            message.visible_ms = at_ms;
        }
    }

    pub(super) fn counts(&self, now: u64) -> Counts {
        let mut counts = Counts::default();
        for (_, sequence) in self.schedule.range((now + 1, 0)..) {
            match self.messages.get(sequence) {
                Some(message) if message.receives_here > 0 => counts.in_flight += 1,
                _ => counts.delayed += 1,
            }
        }
        counts.visible = self.messages.len() - counts.in_flight - counts.delayed;
        counts
    }
}
