//! The port through which the poller uses a queue.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use serde_json::Value as Json;

/// A received message.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// Message id, the same for every receive.
    pub id: String,
    /// Names this receive of the message.
    pub receipt_handle: String,
    /// Body as it was sent.
    pub body: String,
    /// MD5 of the body, in hexadecimal digits.
    pub md5_of_body: String,
    /// System attributes, as `ApproximateReceiveCount`.
    pub attributes: BTreeMap<String, String>,
    /// Message attributes as in the Lambda event, `{name: {dataType, stringValue, …}}`.
    pub message_attributes: Json,
}

/// A queue that the poller reads. A receipt handle names the receive that returned it.
pub trait EventQueue: Send + Sync + 'static {
    /// Receives up to `max` (≤10) messages and waits up to `wait` for the first.
    fn receive(
        &self, max: usize, wait: Duration,
    ) -> impl Future<Output = anyhow::Result<Vec<Message>>> + Send;
    /// Deletes a received message.
    fn delete(&self, receipt_handle: &str) -> impl Future<Output = anyhow::Result<()>> + Send;
    /// Makes a message visible after `delay`, unless its visibility was changed since it was
    /// received.
    fn return_after(
        &self, receipt_handle: &str, delay: Duration,
    ) -> impl Future<Output = anyhow::Result<()>> + Send;
}
