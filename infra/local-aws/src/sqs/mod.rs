//! SQS: standard queues with redrive, long polling and message moves. FIFO queues are refused by name.
//!
//! | module | what |
//! |---|---|
//! | `state` | all queues: storage, receiving, dead letters |
//! | `queue` | one queue: messages and when each becomes visible |
//! | `message`, `received` | a stored message, and a message as a receive returns it |
//! | `attributes` | settings of a queue and their ranges |
//! | `manage` | operations on queues |
//! | `exchange`, `batch` | operations on messages |
//! | `moves`, `move_task` | message move tasks (redrive) |
//! | `disorder` | duplicates and wrong order on purpose |
//! | `errors` | error names |

mod attributes;
mod batch;
mod disorder;
mod errors;
mod exchange;
mod manage;
mod message;
mod move_task;
mod moves;
mod queue;
mod received;
mod state;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::error::{AwsError, Error};
use crate::{Settings, now_ms};
use disorder::Disorder;
pub use message::{MessageAttribute, MessageAttributes};
pub use received::Received;
use state::State;

/// The queues of one stand-in; clones share them.
#[derive(Clone)]
pub struct Sqs {
    state: Arc<Mutex<State>>,
}

impl Sqs {
    pub(crate) fn open(folder: Option<&Path>, settings: Settings) -> Result<Self, Error> {
        Ok(Self { state: Arc::new(Mutex::new(State::open(folder, settings)?)) })
    }

    /// Receives up to `max` (at most 10) messages, waiting up to `wait` for the first.
    /// The queue is given by name, here and below.
    ///
    /// # Errors
    /// There is no such queue, or the receive cannot be stored.
    pub async fn receive(
        &self, queue: &str, max: usize, wait: Duration,
    ) -> Result<Vec<Received>, AwsError> {
        self.wait_for(queue, max.clamp(1, 10), None, wait).await
    }

    /// Deletes a received message; one that was deleted or received again since is left alone.
    ///
    /// # Errors
    /// There is no such queue, the handle is not one of its own, or the deletion cannot be stored.
    pub fn delete(&self, queue: &str, receipt_handle: &str) -> Result<(), AwsError> {
        self.with(|state| state.delete(queue, receipt_handle))
    }

    /// Makes a received message visible after this time, unless the function that received it has
    /// changed its visibility since, or it is no longer in flight. Returns whether it did.
    ///
    /// # Errors
    /// There is no such queue, or the handle is not one of its own.
    pub fn return_after_unless_changed(
        &self, queue: &str, receipt_handle: &str, after: Duration,
    ) -> Result<bool, AwsError> {
        self.with(|state| {
            let queue = state.queue(queue)?;
            let receipt = message::Receipt::parse(receipt_handle, &queue.name)?;
            let now = now_ms();
            let untouched =
                |message: &message::Message| message.in_flight(now) && !message.visibility_changed;
            let returns = queue.received(&receipt).is_some_and(untouched);
            if returns {
                let after = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                queue.show_at(receipt.sequence, now.saturating_add(after));
            }
            Ok(returns)
        })
    }

    /// Makes a queue do what a standard queue may do: deliver out of order, and more than once.
    /// The same seed makes the same choices; `None` ends it.
    ///
    /// # Errors
    /// There is no such queue.
    pub fn set_disorder(&self, queue: &str, seed: Option<u64>) -> Result<(), AwsError> {
        self.with(|state| {
            state.queue(queue)?.disorder = seed.map(Disorder::new);
            Ok(())
        })
    }

    pub(crate) async fn call(
        &self, operation: &str, body: Value, url: Option<&str>,
    ) -> Result<Value, AwsError> {
        match operation {
            "ReceiveMessage" => self.receive_message(body).await,
            "StartMessageMoveTask" => self.start_move(body),
            _ => self.with(|state| answer(state, operation, body, url)),
        }
    }

    /// Runs one request; its changes are stored before it is answered.
    fn with<T>(&self, run: impl FnOnce(&mut State) -> Result<T, AwsError>) -> Result<T, AwsError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = run(&mut state);
        state.store.commit()?;
        result
    }
}

fn answer(
    state: &mut State, operation: &str, body: Value, url: Option<&str>,
) -> Result<Value, AwsError> {
    match operation {
        "CreateQueue" => manage::create_queue(state, body, url),
        "DeleteQueue" => manage::delete_queue(state, body),
        "GetQueueUrl" => manage::get_queue_url(state, body, url),
        "ListQueues" => manage::list_queues(state, body, url),
        "GetQueueAttributes" => manage::get_queue_attributes(state, body),
        "SetQueueAttributes" => manage::set_queue_attributes(state, body),
        "PurgeQueue" => manage::purge_queue(state, body),
        "ListDeadLetterSourceQueues" => manage::list_dead_letter_source_queues(state, body, url),
        "SendMessage" => exchange::send_message(state, body),
        "SendMessageBatch" => batch::send_message_batch(state, body),
        "DeleteMessage" => exchange::delete_message(state, body),
        "DeleteMessageBatch" => batch::delete_message_batch(state, body),
        "ChangeMessageVisibility" => exchange::change_message_visibility(state, body),
        "ChangeMessageVisibilityBatch" => batch::change_message_visibility_batch(state, body),
        "ListMessageMoveTasks" => moves::list_message_move_tasks(state, body),
        _ => Err(AwsError::unknown_operation(&format!("AmazonSQS.{operation}"))),
    }
}
