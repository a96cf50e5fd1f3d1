use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, SendMessageBatchRequestEntry};
use futures::{StreamExt as _, stream};
use tracklayer_core::{ledger::signal::Signal, time::EventTime};

use super::together::AT_ONCE;
use crate::error_text::text_of;
use crate::ports::{Deferral, QueueError, Signals};

const ENTRIES: usize = 10;
/// The longest delay of a message, in seconds.
const MAX_DELAY: i64 = 900;
/// The longest visibility timeout, in seconds, counted from the receive; a minute is left for it.
const MAX_VISIBILITY: i64 = 12 * 3_600 - 60;

#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// The queue at `url`.
    pub fn new(client: Client, url: String) -> Self {
        Queue { client, url }
    }

    /// Sends these in one request; one result each, in order.
    async fn send_chunk(
        &self, signals: &[Signal], now: EventTime, jitter: i64,
    ) -> Vec<Result<(), QueueError>> {
        let sent = self.accepted(signals, now, jitter).await;
        let result = |at: usize| match &sent {
            Ok(ids) if ids.contains(&at.to_string()) => Ok(()),
            Ok(_) => Err(QueueError("entry not accepted".to_owned())),
            Err(error) => Err(error.clone()),
        };
        (0..signals.len()).map(result).collect()
    }

    /// Sends these in one request; answers with the positions that SQS accepted.
    async fn accepted(
        &self, signals: &[Signal], now: EventTime, jitter: i64,
    ) -> Result<Vec<String>, QueueError> {
        let signals = signals.iter().enumerate();
        let entries = signals.map(|(at, signal)| entry(at, signal, delay(signal, now, jitter, at)));
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        let request = self.client.send_message_batch().queue_url(&self.url);
        let answer = request.set_entries(Some(entries)).send().await;
        let answer = answer.map_err(|error| QueueError(text_of(&error)))?;
        Ok(answer.successful.into_iter().map(|entry| entry.id).collect())
    }
}

impl Signals for Queue {
    async fn send(
        &self, signals: &[Signal], now: EventTime, jitter: i64,
    ) -> Vec<Result<(), QueueError>> {
        let chunks = signals.chunks(ENTRIES).map(|chunk| self.send_chunk(chunk, now, jitter));
        let results: Vec<Vec<_>> = stream::iter(chunks).buffered(AT_ONCE).collect().await;
        results.into_iter().flatten().collect()
    }

    async fn defer(&self, messages: &[Deferral]) {
        for chunk in messages.chunks(ENTRIES) {
            let entries: Result<Vec<_>, _> = chunk.iter().enumerate().map(deferral_entry).collect();
            let Ok(entries) = entries else { continue };
            let request = self.client.change_message_visibility_batch().queue_url(&self.url);
            match request.set_entries(Some(entries)).send().await {
                Ok(answer) if answer.failed().is_empty() => {}
                Ok(answer) => {
                    tracing::warn!(count = answer.failed().len(), "visibility not changed");
                }
                Err(error) => {
                    tracing::warn!(error = text_of(&error), "visibility not changed");
                }
            }
        }
    }
}

/// Seconds by which the `position`-th of several signals is delayed.
pub fn delay(signal: &Signal, now: EventTime, jitter: i64, position: usize) -> i64 {
    let rest = signal.not_before.map_or(0, |time| time.0.seconds_since(now));
    let spread =
        i64::try_from(position).unwrap_or(0) * jitter / i64::try_from(ENTRIES).unwrap_or(1);
    (rest.max(0) + spread).min(MAX_DELAY)
}

fn entry(
    position: usize, signal: &Signal, delay: i64,
) -> Result<SendMessageBatchRequestEntry, QueueError> {
    let body = serde_json::to_string(signal).map_err(|error| QueueError(error.to_string()))?;
    SendMessageBatchRequestEntry::builder()
        .id(position.to_string())
        .message_body(body)
        .delay_seconds(i32::try_from(delay).unwrap_or(0))
        .build()
        .map_err(|error| QueueError(error.to_string()))
}

fn deferral_entry(
    (position, deferral): (usize, &Deferral),
) -> Result<ChangeMessageVisibilityBatchRequestEntry, aws_sdk_sqs::error::BuildError> {
    let seconds = deferral.seconds.clamp(0, MAX_VISIBILITY);
    ChangeMessageVisibilityBatchRequestEntry::builder()
        .id(position.to_string())
        .receipt_handle(&deferral.receipt_handle)
        .visibility_timeout(i32::try_from(seconds).unwrap_or(0))
        .build()
}
