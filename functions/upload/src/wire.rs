//! The event of the SQS event source mapping, and its answer. Only the members used are read: with
//! a thousand messages a batch every other one costs time.

use serde::{Deserialize, Serialize};
use tracklayer_core::time::EventTime;

#[derive(Debug, Deserialize)]
pub struct SqsEvent {
    /// At most as many as the mapping's batch size.
    #[serde(rename = "Records")]
    pub records: Vec<SqsRecord>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SqsRecord {
    pub message_id: String,
    pub receipt_handle: String,
    #[serde(default)]
    pub body: String,
    pub attributes: SqsAttributes,
}

/// What SQS says about a message.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SqsAttributes {
    /// How often it was received, this time included.
    pub approximate_receive_count: String,
    /// When it was sent, in milliseconds since 1970; a redriven message counts anew.
    pub sent_timestamp: String,
}

impl SqsAttributes {
    pub(crate) fn receives(&self) -> u32 {
        self.approximate_receive_count.parse().unwrap_or(1)
    }

    pub(crate) fn sent_at(&self) -> EventTime {
        EventTime::from_epoch(self.sent_timestamp.parse::<i64>().unwrap_or(0) / 1_000)
    }
}

/// The messages that are received again (`ReportBatchItemFailures`).
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SqsBatchResponse {
    pub batch_item_failures: Vec<ItemFailure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemFailure {
    pub item_identifier: String,
}
