//! The attributes of a queue: defaults, ranges, redrive policies.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de};

use super::errors::{INVALID_ATTRIBUTE_NAME, INVALID_VALUE, UNSUPPORTED, invalid, within};
use crate::error::AwsError;

/// 1 MiB, the most a message or a batch may have
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>).
pub(super) const MAX_BYTES: u64 = 1_048_576;
/// 12 hours, the longest visibility timeout.
pub(super) const MAX_VISIBILITY: u64 = 43_200;
/// 15 minutes, the longest delay.
pub(super) const MAX_DELAY: u64 = 900;
/// 14 days, the longest retention.
const MAX_RETENTION: u64 = 1_209_600;

/// Attributes that are stored and shown but have no effect here.
const WITHOUT_EFFECT: [&str; 4] =
    ["Policy", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled"];
const FIFO: [&str; 4] =
    ["FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"];

/// A queue's settings; times in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Attributes {
    pub(super) visibility: u64,
    pub(super) retention: u64,
    pub(super) delay: u64,
    pub(super) wait: u64,
    pub(super) max_bytes: u64,
    pub(super) redrive: Option<Redrive>,
    pub(super) allow: Option<RedriveAllow>,
    pub(super) without_effect: BTreeMap<String, String>,
}

/// The dead-letter queue of messages that were received too often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Redrive {
    pub(super) dead_letter_target_arn: String,
    #[serde(deserialize_with = "number_or_text")]
    pub(super) max_receive_count: u64,
}

/// Which queues may name this one as their dead-letter queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RedriveAllow {
    redrive_permission: Permission,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    source_queue_arns: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Permission {
    AllowAll,
    DenyAll,
    ByQueue,
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            visibility: 30,
            retention: 345_600,
            delay: 0,
            wait: 0,
            max_bytes: MAX_BYTES,
            redrive: None,
            allow: None,
            without_effect: BTreeMap::new(),
        }
    }
}

impl Attributes {
    /// Sets attributes by name, refusing unknown names, values out of range, and FIFO.
    pub(super) fn set(&mut self, given: &BTreeMap<String, String>) -> Result<(), AwsError> {
        given.iter().try_for_each(|(name, value)| self.set_one(name, value))
    }

    fn set_one(&mut self, name: &str, value: &str) -> Result<(), AwsError> {
        match name {
            "VisibilityTimeout" => self.visibility = number(name, value, 0, MAX_VISIBILITY)?,
            "MessageRetentionPeriod" => self.retention = number(name, value, 60, MAX_RETENTION)?,
            "DelaySeconds" => self.delay = number(name, value, 0, MAX_DELAY)?,
            "ReceiveMessageWaitTimeSeconds" => self.wait = number(name, value, 0, 20)?,
            "MaximumMessageSize" => self.max_bytes = number(name, value, 1024, MAX_BYTES)?,
            "RedrivePolicy" => self.redrive = policy(name, value)?,
            "RedriveAllowPolicy" => self.allow = policy(name, value)?,
            _ if WITHOUT_EFFECT.contains(&name) => {
                self.without_effect.insert(name.to_owned(), value.to_owned());
            }
            _ if FIFO.contains(&name) => return Err(no_fifo()),
            _ => return Err(INVALID_ATTRIBUTE_NAME.says(format!("Unknown Attribute {name}."))),
        }
        let count = self.redrive.as_ref().map_or(1, |redrive| redrive.max_receive_count);
        within(count, "maxReceiveCount", 1, 1000).map(drop)
    }

    /// The attributes as `GetQueueAttributes` shows them.
    pub(super) fn shown(&self) -> BTreeMap<String, String> {
        let mut shown = self.without_effect.clone();
        let numbers = [
            ("VisibilityTimeout", self.visibility),
            ("MessageRetentionPeriod", self.retention),
            ("DelaySeconds", self.delay),
            ("ReceiveMessageWaitTimeSeconds", self.wait),
            ("MaximumMessageSize", self.max_bytes),
        ];
        shown.extend(numbers.map(|(name, value)| (name.to_owned(), value.to_string())));
        let redrive = self.redrive.as_ref().and_then(|policy| serde_json::to_string(policy).ok());
        let allow = self.allow.as_ref().and_then(|policy| serde_json::to_string(policy).ok());
        shown.extend(redrive.map(|text| ("RedrivePolicy".to_owned(), text)));
        shown.extend(allow.map(|text| ("RedriveAllowPolicy".to_owned(), text)));
        shown
    }

    /// Whether the queue with this ARN may use this one as its dead-letter queue.
    pub(super) fn accepts_dead_letters_of(&self, source: &str) -> bool {
        self.allow.as_ref().is_none_or(|allow| match allow.redrive_permission {
            Permission::AllowAll => true,
            Permission::DenyAll => false,
            Permission::ByQueue => allow.source_queue_arns.iter().any(|arn| arn == source),
        })
    }
}

/// The error for everything about FIFO queues.
pub(super) fn no_fifo() -> AwsError {
    UNSUPPORTED.says("FIFO queues are not supported by this local stand-in for AWS")
}

fn number(name: &str, value: &str, min: u64, max: u64) -> Result<u64, AwsError> {
    let parsed = value.parse().ok().filter(|number| (min..=max).contains(number));
    parsed.ok_or_else(|| INVALID_VALUE.says(format!("Invalid value for the parameter {name}.")))
}

/// An empty text removes the policy.
fn policy<T: de::DeserializeOwned>(name: &str, value: &str) -> Result<Option<T>, AwsError> {
    if value.is_empty() {
        return Ok(None);
    }
    serde_json::from_str(value).map(Some).map_err(|error| invalid(value, name, &error.to_string()))
}

fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Number(number) => number.as_u64(),
        serde_json::Value::String(text) => text.parse().ok(),
        _ => None,
    }
    .ok_or_else(|| de::Error::custom("maxReceiveCount must be a whole number"))
}
