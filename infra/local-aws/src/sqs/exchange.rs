//! Sending, receiving, deleting, and changing visibility.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::Sqs;
use super::attributes::{MAX_DELAY, MAX_VISIBILITY};
use super::errors::{INVALID_VALUE, MISSING, within};
use super::message::{
    self, Message, MessageAttribute, MessageAttributes, Receipt, md5_of_attributes, md5_of_body,
};
use super::received::Received;
use super::state::State;
use crate::error::AwsError;
use crate::{now_ms, request};

/// A message to send, alone or in a batch.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Outgoing {
    #[serde(default)]
    pub(super) message_body: String,
    #[serde(default)]
    pub(super) message_attributes: MessageAttributes,
    #[serde(default)]
    message_system_attributes: BTreeMap<String, MessageAttribute>,
    message_group_id: Option<String>,
    delay_seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OnQueue<T> {
    #[serde(default)]
    queue_url: String,
    #[serde(flatten)]
    rest: T,
}

pub(super) fn send_message(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let asked: OnQueue<Outgoing> = request(body)?;
    state.send(&asked.queue_url, asked.rest)
}

impl State {
    /// Checks a message, stores it, and answers with its id and checksums.
    pub(super) fn send(&mut self, address: &str, outgoing: Outgoing) -> Result<Value, AwsError> {
        let queue = self.queue(address)?;
        message::check(&outgoing.message_body, &outgoing.message_attributes)?;
        let limit = queue.attributes.max_bytes;
        if message::size(&outgoing.message_body, &outgoing.message_attributes) > limit {
            return Err(INVALID_VALUE.says(format!("One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes.")));
        }
        let delay = outgoing.delay_seconds.unwrap_or(queue.attributes.delay);
        within(delay, "DelaySeconds", 0, MAX_DELAY)?;
        let name = queue.name.clone();
        let message = outgoing.into_message(now_ms(), delay);
        let answer = send_result(&message);
        self.add(&name, message);
        Ok(answer)
    }
}

impl Outgoing {
    fn into_message(self, now: u64, delay: u64) -> Message {
        let attribute =
            |(name, attribute): (String, MessageAttribute)| Some((name, attribute.string_value?));
        let mut system: BTreeMap<_, _> =
            self.message_system_attributes.into_iter().filter_map(attribute).collect();
        system.extend(self.message_group_id.map(|group| ("MessageGroupId".to_owned(), group)));
        Message {
            id: Uuid::new_v4().to_string(),
            body: self.message_body,
            attributes: self.message_attributes,
            system,
            sent_ms: now,
            visible_ms: now + delay * 1000,
            first_received_ms: None,
            receives: 0,
            receives_here: 0,
            received_ms: 0,
            visibility_changed: false,
        }
    }
}

fn send_result(message: &Message) -> Value {
    let mut answer =
        json!({ "MessageId": message.id, "MD5OfMessageBody": md5_of_body(&message.body) });
    if let Some(md5) = md5_of_attributes(&message.attributes) {
        answer["MD5OfMessageAttributes"] = json!(md5);
    }
    answer
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReceiveMessage {
    #[serde(default)]
    queue_url: String,
    max_number_of_messages: Option<u64>,
    wait_time_seconds: Option<u64>,
    visibility_timeout: Option<u64>,
    /// The older name of `MessageSystemAttributeNames`.
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
}

impl Sqs {
    pub(super) async fn receive_message(&self, body: Value) -> Result<Value, AwsError> {
        let mut asked: ReceiveMessage = request(body)?;
        let max = within(asked.max_number_of_messages.unwrap_or(1), "MaxNumberOfMessages", 1, 10)?;
        within(asked.visibility_timeout.unwrap_or(0), "VisibilityTimeout", 0, MAX_VISIBILITY)?;
        let of_queue = self.with(|state| Ok(state.queue(&asked.queue_url)?.attributes.wait))?;
        let wait = within(asked.wait_time_seconds.unwrap_or(of_queue), "WaitTimeSeconds", 0, 20)?;
        let max = usize::try_from(max).unwrap_or(1);
        let received = self
            .wait_for(&asked.queue_url, max, asked.visibility_timeout, Duration::from_secs(wait))
            .await?;
        asked.message_system_attribute_names.append(&mut asked.attribute_names);
        let show = |message: Received| {
            message.shown(&asked.message_system_attribute_names, &asked.message_attribute_names)
        };
        let messages: Vec<Value> = received.into_iter().map(show).collect();
        Ok(if messages.is_empty() { json!({}) } else { json!({ "Messages": messages }) })
    }

    /// Long polling: returns as soon as there are messages, or none when the time is over.
    pub(super) async fn wait_for(
        &self, queue: &str, max: usize, visibility: Option<u64>, wait: Duration,
    ) -> Result<Vec<Received>, AwsError> {
        let deadline = Instant::now() + wait;
        let arrival = self.with(|state| Ok(state.queue(queue)?.arrival.clone()))?;
        loop {
            let mut arrived = std::pin::pin!(arrival.notified());
            // Registered before the receive, so that an arrival in between is not missed. The time
            // is read before it as well: a message that becomes visible meanwhile is waited for.
            arrived.as_mut().enable();
            let now = now_ms();
            let received = self.with(|state| state.receive(queue, max, visibility))?;
            if !received.is_empty() || Instant::now() >= deadline {
                return Ok(received);
            }
            let next = self.with(|state| Ok(state.queue(queue)?.next_visible_at(now)))?;
            let until =
                next.map(|at| Instant::now() + Duration::from_millis(at.saturating_sub(now)));
            let woken = timeout_at(until.unwrap_or(deadline).min(deadline), arrived).await;
            drop(woken);
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Handle {
    #[serde(default)]
    pub(super) receipt_handle: String,
    pub(super) visibility_timeout: Option<u64>,
}

pub(super) fn delete_message(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let asked: OnQueue<Handle> = request(body)?;
    state.delete(&asked.queue_url, &asked.rest.receipt_handle)?;
    Ok(json!({}))
}

pub(super) fn change_message_visibility(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let asked: OnQueue<Handle> = request(body)?;
    state.change_visibility(&asked.queue_url, &asked.rest)?;
    Ok(json!({}))
}

impl State {
    pub(super) fn change_visibility(
        &mut self, address: &str, asked: &Handle,
    ) -> Result<(), AwsError> {
        let queue = self.queue(address)?;
        let receipt = Receipt::parse(&asked.receipt_handle, &queue.name)?;
        let seconds = asked.visibility_timeout.ok_or_else(|| {
            MISSING.says("The request must contain the parameter VisibilityTimeout.")
        })?;
        queue.change_visibility(&receipt, seconds, now_ms())
    }
}
