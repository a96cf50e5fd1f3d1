//! Batches: a malformed batch is refused as a whole, everything else entry by entry.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::attributes::MAX_BYTES;
use super::errors::{
    BATCH_TOO_LONG, EMPTY_BATCH, IDS_NOT_DISTINCT, INVALID_ENTRY_ID, TOO_MANY_ENTRIES,
};
use super::exchange::{Handle, Outgoing};
use super::message;
use super::state::State;
use crate::error::AwsError;
use crate::request;

const MAX_ENTRIES: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<T> {
    #[serde(default)]
    queue_url: String,
    #[serde(default = "Vec::new")]
    entries: Vec<Entry<T>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<T> {
    id: String,
    #[serde(flatten)]
    content: T,
}

pub(super) fn send_message_batch(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let batch: Batch<Outgoing> = request(body)?;
    let size = |entry: &Entry<Outgoing>| {
        message::size(&entry.content.message_body, &entry.content.message_attributes)
    };
    let total: u64 = batch.entries.iter().map(size).sum();
    run(state, batch, total, |state, queue, outgoing| state.send(queue, outgoing))
}

pub(super) fn delete_message_batch(state: &mut State, body: Value) -> Result<Value, AwsError> {
    run(state, request(body)?, 0, |state, queue, entry: Handle| {
        state.delete(queue, &entry.receipt_handle).map(|()| json!({}))
    })
}

pub(super) fn change_message_visibility_batch(
    state: &mut State, body: Value,
) -> Result<Value, AwsError> {
    run(state, request(body)?, 0, |state, queue, entry: Handle| {
        state.change_visibility(queue, &entry).map(|()| json!({}))
    })
}

fn run<T>(
    state: &mut State, batch: Batch<T>, bytes: u64,
    mut one: impl FnMut(&mut State, &str, T) -> Result<Value, AwsError>,
) -> Result<Value, AwsError> {
    state.queue(&batch.queue_url)?;
    check(&batch.entries, bytes)?;
    let mut successful = Vec::new();
    let mut failed = Vec::new();
    for Entry { id, content } in batch.entries {
        match one(state, &batch.queue_url, content) {
            Ok(mut answer) => {
                answer["Id"] = json!(id);
                successful.push(answer);
            }
            Err(error) => failed.push(json!({
                "Id": id,
                "SenderFault": error.status < 500,
                "Code": error.query_code.unwrap_or(error.code()),
                "Message": error.message(),
            })),
        }
    }
    Ok(json!({ "Successful": successful, "Failed": failed }))
}

fn check<T>(entries: &[Entry<T>], bytes: u64) -> Result<(), AwsError> {
    if entries.is_empty() {
        return Err(EMPTY_BATCH.says("There should be at least one entry in the request."));
    }
    if entries.len() > MAX_ENTRIES {
        return Err(TOO_MANY_ENTRIES.says(format!(
            "Maximum number of entries per request are {MAX_ENTRIES}. You have sent {}.",
            entries.len()
        )));
    }
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if entries
        .iter()
        .any(|entry| !(1..=80).contains(&entry.id.len()) || !entry.id.chars().all(valid))
    {
        return Err(INVALID_ENTRY_ID.says("A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long."));
    }
    let mut ids = BTreeSet::new();
    if let Some(repeated) = entries.iter().find(|entry| !ids.insert(&entry.id)) {
        return Err(IDS_NOT_DISTINCT.says(format!("Id {} repeated.", repeated.id)));
    }
    if bytes > MAX_BYTES {
        return Err(BATCH_TOO_LONG.says(format!(
            "Batch requests cannot be longer than {MAX_BYTES} bytes. You have sent {bytes} bytes."
        )));
    }
    Ok(())
}
