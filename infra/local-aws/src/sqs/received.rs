//! What a receive hands out.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::message::{Message, MessageAttributes, Receipt, md5_of_attributes, md5_of_body};

/// A received message, invisible to others until its visibility timeout ends.
#[derive(Debug, Clone)]
pub struct Received {
    /// The same for every receive of this message.
    pub message_id: String,
    /// Names this receive; needed to delete the message or to change its visibility.
    pub receipt_handle: String,
    /// The body as it was sent.
    pub body: String,
    /// MD5 of the body in hexadecimal.
    pub md5_of_body: String,
    /// `SentTimestamp`, `ApproximateReceiveCount`, `ApproximateFirstReceiveTimestamp`, `SenderId` and,
    /// where they apply, `AWSTraceHeader`, `MessageGroupId`, `DeadLetterQueueSourceArn`; times in milliseconds.
    pub attributes: BTreeMap<String, String>,
    /// The attributes that the sender set.
    pub message_attributes: MessageAttributes,
}

impl Received {
    pub(super) fn of(message: &Message, queue: &str, sequence: u64, sender: &str) -> Self {
        let receipt = Receipt { sequence, receives: message.receives, id: message.id.clone() };
        let mut attributes = message.system.clone();
        let first = message.first_received_ms.unwrap_or_default();
        attributes.extend([
            ("SenderId".to_owned(), sender.to_owned()),
            ("SentTimestamp".to_owned(), message.sent_ms.to_string()),
            ("ApproximateReceiveCount".to_owned(), message.receives.to_string()),
            ("ApproximateFirstReceiveTimestamp".to_owned(), first.to_string()),
        ]);
        Self {
            message_id: message.id.clone(),
            receipt_handle: receipt.handle(queue),
            body: message.body.clone(),
            md5_of_body: md5_of_body(&message.body),
            attributes,
            message_attributes: message.attributes.clone(),
        }
    }

    /// The JSON of `ReceiveMessage`, with the attributes that were asked for.
    pub(super) fn shown(mut self, system: &[String], user: &[String]) -> Value {
        self.attributes
            .retain(|name, _| system.iter().any(|asked| asked == "All" || asked == name));
        self.message_attributes.retain(|name, _| user.iter().any(|asked| selects(asked, name)));
        let mut shown = json!({
            "MessageId": self.message_id,
            "ReceiptHandle": self.receipt_handle,
            "Body": self.body,
            "MD5OfBody": self.md5_of_body,
        });
        if !self.attributes.is_empty() {
            shown["Attributes"] = json!(self.attributes);
        }
        if let Some(md5) = md5_of_attributes(&self.message_attributes) {
            shown["MessageAttributes"] = json!(self.message_attributes);
            shown["MD5OfMessageAttributes"] = json!(md5);
        }
        shown
    }
}

/// `All`, `.*`, `prefix.*` or a name.
fn selects(asked: &str, name: &str) -> bool {
    asked == "All"
        || asked == name
        || asked.strip_suffix(".*").is_some_and(|prefix| name.starts_with(prefix))
}
