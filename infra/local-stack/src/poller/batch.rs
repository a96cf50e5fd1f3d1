//! Makes one batch of several receives.

use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use super::event::record_size;
use super::{EventQueue, Message, Settings};
use crate::runtime::PAYLOAD_LIMIT;

/// SQS returns at most this many messages from one receive.
const RECEIVE_LIMIT: usize = 10;
/// Longest long poll of SQS.
const LONG_POLL: Duration = Duration::from_secs(20);
/// Bytes of the event around its records.
const ENVELOPE: usize = r#"{"Records":[]}"#.len();

pub(super) struct Collector {
    settings: Settings,
    /// Received, but too large for the last batch: the first messages of the next one.
    left_over: Vec<Message>,
}

impl Collector {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, left_over: Vec::new() }
    }

    /// Waits for a first message, then until the batch is full or its window is over.
    pub(super) async fn collect<Q: EventQueue>(&mut self, queue: &Q) -> Result<Vec<Message>> {
        let mut batch = Batch::default();
        let mut full = self.fill(&mut batch, Vec::new());
        while batch.messages.is_empty() {
            let received = queue.receive(self.wanted(&batch), LONG_POLL).await?;
            full = self.fill(&mut batch, received);
        }
        let end = Instant::now() + self.settings.window;
        while !full && Instant::now() < end {
            let wait = end.saturating_duration_since(Instant::now());
            match queue.receive(self.wanted(&batch), wait).await {
                Ok(received) => full = self.fill(&mut batch, received),
                // The messages received so far make up the batch.
                Err(_) => break,
            }
        }
        Ok(batch.messages)
    }

    fn wanted(&self, batch: &Batch) -> usize {
        (self.settings.batch_size - batch.messages.len()).min(RECEIVE_LIMIT)
    }

    /// Adds the messages that fit, keeps the rest for the next batch; true if the batch is full.
    fn fill(&mut self, batch: &mut Batch, received: Vec<Message>) -> bool {
        let mut waiting = std::mem::take(&mut self.left_over);
        waiting.extend(received);
        let mut waiting = waiting.into_iter();
        while batch.messages.len() < self.settings.batch_size {
            let Some(message) = waiting.next() else {
                return false;
            };
            let size = record_size(&message, &self.settings) + 1;
            if !batch.messages.is_empty() && ENVELOPE + batch.size + size > PAYLOAD_LIMIT {
                self.left_over.push(message);
                break;
            }
            batch.size += size;
            batch.messages.push(message);
        }
        self.left_over.extend(waiting);
        true
    }
}

#[derive(Default)]
struct Batch {
    messages: Vec<Message>,
    /// Bytes of its records in the event, commas included.
    size: usize,
}
