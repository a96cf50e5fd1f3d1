//! Operations on queues.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::attributes::{Attributes, no_fifo};
use super::errors::{
    INVALID_ATTRIBUTE_NAME, INVALID_VALUE, PURGE_IN_PROGRESS, QUEUE_EXISTS, invalid, no_queue,
};
use super::queue::Queue;
use super::state::State;
use crate::error::AwsError;
use crate::{now_ms, request};

/// Time between two purges of a queue, 60 s on AWS.
const PURGE_PAUSE_MS: u64 = 60_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueueName {
    queue_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

/// A queue with the same name and attributes is returned as it is, one with other attributes refuses.
pub(super) fn create_queue(
    state: &mut State, body: Value, url: Option<&str>,
) -> Result<Value, AwsError> {
    let QueueName { queue_name: name, attributes: given } = request(body)?;
    check_name(&name)?;
    if let Some(queue) = state.queues.get(&name) {
        let mut wanted = queue.attributes.clone();
        wanted.set(&given)?;
        if wanted != queue.attributes {
            return Err(QUEUE_EXISTS.says(format!("A queue already exists with the same name and a different value for an attribute: {name}")));
        }
        return Ok(json!({ "QueueUrl": address(state, url, &name) }));
    }
    let mut attributes = Attributes::default();
    attributes.set(&given)?;
    check_redrive(state, &name, &attributes)?;
    let queue = Queue::new(name.clone(), attributes, now_ms());
    state.save_queue(&queue);
    state.queues.insert(name.clone(), queue);
    Ok(json!({ "QueueUrl": address(state, url, &name) }))
}

fn check_name(name: &str) -> Result<(), AwsError> {
    if name.ends_with(".fifo") {
        return Err(no_fifo());
    }
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if (1..=80).contains(&name.len()) && name.chars().all(valid) {
        return Ok(());
    }
    Err(INVALID_VALUE.says(
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
    ))
}

/// A dead-letter queue must exist and allow this queue as its source.
fn check_redrive(state: &State, name: &str, attributes: &Attributes) -> Result<(), AwsError> {
    let Some(redrive) = &attributes.redrive else {
        return Ok(());
    };
    let target = &redrive.dead_letter_target_arn;
    let refused = |reason| {
        Err(invalid(format!("{{\"deadLetterTargetArn\":\"{target}\"}}"), "RedrivePolicy", reason))
    };
    match state.by_arn(target) {
        None => refused("Dead letter target does not exist."),
        Some(queue) if !queue.attributes.accepts_dead_letters_of(&state.arn(name)) => refused(
            "Queue does not have permission to use the dead-letter queue: its RedriveAllowPolicy denies it.",
        ),
        Some(_) => Ok(()),
    }
}

fn address(state: &State, url: Option<&str>, name: &str) -> String {
    let base = url.unwrap_or(&state.settings.url).trim_end_matches('/');
    format!("{base}/{}/{name}", state.settings.account)
}

pub(super) fn get_queue_url(
    state: &State, body: Value, url: Option<&str>,
) -> Result<Value, AwsError> {
    let QueueName { queue_name: name, .. } = request(body)?;
    if !state.queues.contains_key(&name) {
        return Err(no_queue());
    }
    Ok(json!({ "QueueUrl": address(state, url, &name) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListQueues {
    #[serde(default)]
    queue_name_prefix: String,
}

/// All queues whose name begins with the prefix, in one page.
pub(super) fn list_queues(
    state: &State, body: Value, url: Option<&str>,
) -> Result<Value, AwsError> {
    let asked: ListQueues = request(body)?;
    let names = state.queues.keys().filter(|name| name.starts_with(&asked.queue_name_prefix));
    let urls: Vec<String> = names.map(|name| address(state, url, name)).collect();
    Ok(json!({ "QueueUrls": urls }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OnQueue {
    #[serde(default)]
    queue_url: String,
}

/// The queues that use this one as their dead-letter queue, in one page.
pub(super) fn list_dead_letter_source_queues(
    state: &mut State, body: Value, url: Option<&str>,
) -> Result<Value, AwsError> {
    let asked: OnQueue = request(body)?;
    let name = state.queue(&asked.queue_url)?.name.clone();
    let sources = state.sources_of(&state.arn(&name));
    let urls: Vec<String> = sources.iter().map(|name| address(state, url, name)).collect();
    Ok(json!({ "queueUrls": urls }))
}

impl State {
    /// Names of the queues that use this ARN as their dead-letter queue.
    pub(super) fn sources_of(&self, target: &str) -> Vec<String> {
        let sends_to = |queue: &&Queue| {
            queue
                .attributes
                .redrive
                .as_ref()
                .is_some_and(|redrive| redrive.dead_letter_target_arn == target)
        };
        self.queues.values().filter(sends_to).map(|queue| queue.name.clone()).collect()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetQueueAttributes {
    #[serde(default)]
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
}

pub(super) fn get_queue_attributes(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let asked: GetQueueAttributes = request(body)?;
    let name = state.queue(&asked.queue_url)?.name.clone();
    state.expire(&name)?;
    let mut shown = all_attributes(state, &name)?;
    let known = |name: &String| {
        name == "All" || shown.contains_key(name) || OPTIONAL.contains(&name.as_str())
    };
    if let Some(unknown) = asked.attribute_names.iter().find(|name| !known(name)) {
        return Err(INVALID_ATTRIBUTE_NAME.says(format!("Unknown Attribute {unknown}.")));
    }
    if !asked.attribute_names.iter().any(|name| name == "All") {
        shown.retain(|name, _| asked.attribute_names.contains(name));
    }
    Ok(json!({ "Attributes": shown }))
}

/// Attributes that a queue may lack.
const OPTIONAL: [&str; 7] = [
    "RedrivePolicy",
    "RedriveAllowPolicy",
    "Policy",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled",
    "FifoQueue",
];

fn all_attributes(state: &mut State, name: &str) -> Result<BTreeMap<String, String>, AwsError> {
    let arn = state.arn(name);
    let queue = state.queue(name)?;
    let counts = queue.counts(now_ms());
    let mut shown = queue.attributes.shown();
    let own = [
        ("QueueArn", arn),
        ("CreatedTimestamp", (queue.created_ms / 1000).to_string()),
        ("LastModifiedTimestamp", (queue.modified_ms / 1000).to_string()),
        ("ApproximateNumberOfMessages", counts.visible.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
        ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
    ];
    shown.extend(own.map(|(name, value)| (name.to_owned(), value)));
    Ok(shown)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SetQueueAttributes {
    #[serde(default)]
    queue_url: String,
    attributes: BTreeMap<String, String>,
}

pub(super) fn set_queue_attributes(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let asked: SetQueueAttributes = request(body)?;
    let queue = state.queue(&asked.queue_url)?;
    let name = queue.name.clone();
    let mut attributes = queue.attributes.clone();
    attributes.set(&asked.attributes)?;
    check_redrive(state, &name, &attributes)?;
    let Some(mut queue) = state.queues.remove(&name) else {
        return Err(no_queue());
    };
    queue.attributes = attributes;
    queue.modified_ms = now_ms();
    state.save_queue(&queue);
    state.queues.insert(name, queue);
    Ok(json!({}))
}

pub(super) fn purge_queue(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let asked: OnQueue = request(body)?;
    let queue = state.queue(&asked.queue_url)?;
    let name = queue.name.clone();
    let now = now_ms();
    if queue.purged_ms.is_some_and(|at| now < at + PURGE_PAUSE_MS) {
        return Err(PURGE_IN_PROGRESS.says(format!(
            "Only one PurgeQueue operation on {name} is allowed every 60 seconds."
        )));
    }
    queue.purged_ms = Some(now);
    state.purge(&name)?;
    Ok(json!({}))
}

pub(super) fn delete_queue(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let asked: OnQueue = request(body)?;
    state.drop_queue(&asked.queue_url)?;
    Ok(json!({}))
}
