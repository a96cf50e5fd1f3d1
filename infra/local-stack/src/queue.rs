//! The port of the poller, implemented by a queue of the local AWS.

use std::time::Duration;

use anyhow::Result;
use local_aws::Aws;
use local_aws::sqs::Received;
use serde_json::{Map, Value as Json, json};

use crate::poller::{EventQueue, Message};

/// One queue of the local AWS.
pub(crate) struct LocalQueue {
    pub(crate) aws: Aws,
    pub(crate) name: String,
}

impl EventQueue for LocalQueue {
    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Message>> {
        let received = self.aws.queues().receive(&self.name, max, wait).await?;
        Ok(received.into_iter().map(message).collect())
    }

    async fn delete(&self, receipt_handle: &str) -> Result<()> {
        Ok(self.aws.queues().delete(&self.name, receipt_handle)?)
    }

    async fn return_after(&self, receipt_handle: &str, delay: Duration) -> Result<()> {
        self.aws.queues().return_after_unless_changed(&self.name, receipt_handle, delay)?;
        Ok(())
    }
}

fn message(received: Received) -> Message {
    let attributes = received.message_attributes.into_iter().map(|(name, attribute)| {
        let mut event = Map::from_iter([
            ("stringListValues".to_owned(), json!([])),
            ("binaryListValues".to_owned(), json!([])),
            ("dataType".to_owned(), json!(attribute.data_type)),
        ]);
        event.extend(
            attribute.string_value.map(|value| ("stringValue".to_owned(), Json::String(value))),
        );
        event.extend(
            attribute.binary_value.map(|value| ("binaryValue".to_owned(), Json::String(value))),
        );
        (name, Json::Object(event))
    });
    Message {
        message_attributes: attributes.collect(),
        id: received.message_id,
        receipt_handle: received.receipt_handle,
        body: received.body,
        md5_of_body: received.md5_of_body,
        attributes: received.attributes,
    }
}
