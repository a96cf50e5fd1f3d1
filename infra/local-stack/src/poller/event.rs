//! The event with which a function receives a batch.

use serde_json::{Value as Json, json};

use super::{Message, Settings};

pub(super) fn event(batch: &[Message], settings: &Settings) -> Vec<u8> {
    let records: Vec<Json> = batch.iter().map(|message| record(message, settings)).collect();
    json!({ "Records": records }).to_string().into_bytes()
}

/// Bytes of one record in the event, JSON escaping included.
pub(super) fn record_size(message: &Message, settings: &Settings) -> usize {
    record(message, settings).to_string().len()
}

fn record(message: &Message, settings: &Settings) -> Json {
    let attributes = if message.message_attributes.is_object() {
        message.message_attributes.clone()
    } else {
        json!({})
    };
    json!({
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": message.attributes,
        "messageAttributes": attributes,
        "md5OfBody": message.md5_of_body,
        "eventSource": "aws:sqs",
        "eventSourceARN": settings.arn,
        "awsRegion": settings.region,
    })
}
