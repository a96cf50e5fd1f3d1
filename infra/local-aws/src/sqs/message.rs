//! A message, its attributes and checksums, and the receipt handle.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::errors::{INVALID_CONTENTS, INVALID_HANDLE, INVALID_VALUE, MISSING};
use crate::error::AwsError;

/// Attributes a message may have
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>).
const MAX_ATTRIBUTES: usize = 10;

/// Attributes by name, in the order in which their checksum includes them.
pub type MessageAttributes = BTreeMap<String, MessageAttribute>;

/// A message attribute, which the sender sets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MessageAttribute {
    /// `String`, `Number` or `Binary`, each with an optional `.label`.
    pub data_type: String,
    /// The value of a string or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_value: Option<String>,
    /// The value of a binary, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary_value: Option<String>,
}

/// A stored message; times in milliseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) body: String,
    pub(super) attributes: MessageAttributes,
    /// System attributes: trace header, message group, dead-letter source.
    pub(super) system: BTreeMap<String, String>,
    pub(super) sent_ms: u64,
    pub(super) visible_ms: u64,
    pub(super) first_received_ms: Option<u64>,
    /// How often it was received in all queues, as `ApproximateReceiveCount` counts.
    pub(super) receives: u64,
    /// How often in this queue, as the redrive policy counts.
    pub(super) receives_here: u64,
    #[serde(skip)]
    pub(super) received_ms: u64,
    /// Whether its visibility was changed since the last receive.
    #[serde(skip)]
    pub(super) visibility_changed: bool,
}

impl Message {
    /// The same content as a new message, as a move task sends it.
    pub(super) fn sent_again(mut self, now: u64) -> Self {
        self.system.remove(DEAD_LETTER_SOURCE);
        self.id = Uuid::new_v4().to_string();
        self.sent_ms = now;
        self.visible_ms = now;
        self.first_received_ms = None;
        self.receives = 0;
        self.receives_here = 0;
        self
    }

    pub(super) fn in_flight(&self, now: u64) -> bool {
        self.receives_here > 0 && self.visible_ms > now
    }
}

/// System attribute of a dead-letter message: the ARN of the queue that it came from.
pub(super) const DEAD_LETTER_SOURCE: &str = "DeadLetterQueueSourceArn";

/// Bytes as the limits count them: the body plus names, types and values of the attributes.
pub(super) fn size(body: &str, attributes: &MessageAttributes) -> u64 {
    let attributes = attributes
        .iter()
        .map(|(name, attribute)| name.len() + attribute.data_type.len() + attribute.bytes().len());
    (body.len() + attributes.sum::<usize>()) as u64
}

/// Refuses what SQS does not accept: no body, control characters, attributes without type or value.
pub(super) fn check(body: &str, attributes: &MessageAttributes) -> Result<(), AwsError> {
    if body.is_empty() {
        return Err(MISSING.says("The request must contain the parameter MessageBody."));
    }
    let texts = attributes.values().filter_map(|attribute| attribute.string_value.as_deref());
    if !texts.chain([body]).all(|text| text.chars().all(is_accepted)) {
        return Err(INVALID_CONTENTS.says("Invalid characters found."));
    }
    if attributes.len() > MAX_ATTRIBUTES {
        return Err(INVALID_VALUE.says(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [{MAX_ATTRIBUTES}].",
            attributes.len()
        )));
    }
    attributes.iter().try_for_each(|(name, attribute)| attribute.check(name))
}

/// SQS accepts the characters of XML 1.0.
fn is_accepted(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

pub(super) fn md5_of_body(body: &str) -> String {
    format!("{:x}", md5::compute(body))
}

/// The checksum that SDKs verify
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>);
/// none for no attributes.
pub(super) fn md5_of_attributes(attributes: &MessageAttributes) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut text = Vec::new();
    for (name, attribute) in attributes {
        append(&mut text, name.as_bytes());
        append(&mut text, attribute.data_type.as_bytes());
        text.push(if attribute.is_binary() { 2 } else { 1 });
        append(&mut text, &attribute.bytes());
    }
    Some(format!("{:x}", md5::compute(text)))
}

fn append(text: &mut Vec<u8>, bytes: &[u8]) {
    text.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    text.extend(bytes);
}

impl MessageAttribute {
    fn kind(&self) -> &str {
        self.data_type.split('.').next().unwrap_or_default()
    }

    fn is_binary(&self) -> bool {
        self.kind() == "Binary"
    }

    fn bytes(&self) -> Vec<u8> {
        if self.is_binary() {
            return self
                .binary_value
                .as_ref()
                .and_then(|text| BASE64.decode(text).ok())
                .unwrap_or_default();
        }
        self.string_value.clone().unwrap_or_default().into_bytes()
    }

    fn check(&self, name: &str) -> Result<(), AwsError> {
        if !["String", "Number", "Binary"].contains(&self.kind()) {
            return Err(INVALID_VALUE.says(format!("The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.")));
        }
        if self.bytes().is_empty() {
            return Err(INVALID_VALUE.says(format!(
                "The message attribute '{name}' must contain a non-empty value of type '{}'.",
                self.kind()
            )));
        }
        Ok(())
    }
}

/// The content of a receipt handle, which names one receive of one message.
#[derive(Debug, PartialEq)]
pub(super) struct Receipt {
    pub(super) sequence: u64,
    pub(super) receives: u64,
    pub(super) id: String,
}

impl Receipt {
    pub(super) fn handle(&self, queue: &str) -> String {
        BASE64.encode(format!("{queue} {} {} {}", self.sequence, self.receives, self.id))
    }

    /// Reads a handle that this queue has issued.
    pub(super) fn parse(handle: &str, queue: &str) -> Result<Self, AwsError> {
        Self::read(handle, queue).ok_or_else(|| {
            INVALID_HANDLE.says(format!(
                "The input receipt handle \"{handle}\" is not a valid receipt handle."
            ))
        })
    }

    fn read(handle: &str, queue: &str) -> Option<Self> {
        let text = String::from_utf8(BASE64.decode(handle).ok()?).ok()?;
        let mut parts = text.split(' ');
        if parts.next()? != queue {
            return None;
        }
        let (sequence, receives) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { sequence, receives, id: parts.next()?.to_owned() })
    }
}
