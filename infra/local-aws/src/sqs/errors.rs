//! SQS's error names: the JSON type, and the older query name that goes into `x-amzn-query-error`.

use crate::error::AwsError;

/// One documented error.
#[derive(Clone, Copy)]
pub(super) struct Code {
    kind: &'static str,
    query: &'static str,
}

macro_rules! codes {
    ($($name:ident = $kind:literal, $query:literal;)*) => {
        $(pub(super) const $name: Code = Code { kind: $kind, query: $query };)*
    };
}

codes! {
    NO_QUEUE = "com.amazonaws.sqs#QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue";
    QUEUE_EXISTS = "com.amazonaws.sqs#QueueNameExists", "QueueAlreadyExists";
    EMPTY_BATCH = "com.amazonaws.sqs#EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest";
    TOO_MANY_ENTRIES = "com.amazonaws.sqs#TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest";
    IDS_NOT_DISTINCT = "com.amazonaws.sqs#BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct";
    INVALID_ENTRY_ID = "com.amazonaws.sqs#InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId";
    BATCH_TOO_LONG = "com.amazonaws.sqs#BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong";
    INVALID_CONTENTS = "com.amazonaws.sqs#InvalidMessageContents", "InvalidMessageContents";
    INVALID_HANDLE = "com.amazonaws.sqs#ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid";
    NOT_IN_FLIGHT = "com.amazonaws.sqs#MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight";
    PURGE_IN_PROGRESS = "com.amazonaws.sqs#PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress";
    NOT_FOUND = "com.amazonaws.sqs#ResourceNotFoundException", "ResourceNotFoundException";
    UNSUPPORTED = "com.amazonaws.sqs#UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation";
    INVALID_ATTRIBUTE_NAME = "com.amazonaws.sqs#InvalidAttributeName", "InvalidAttributeName";
    INVALID_VALUE = "com.amazon.coral.service#InvalidParameterValueException", "InvalidParameterValue";
    MISSING = "com.amazon.coral.service#MissingRequiredParameterException", "MissingParameter";
}

impl Code {
    pub(super) fn says(self, message: impl Into<String>) -> AwsError {
        let mut error = AwsError::new(self.kind, message);
        error.query_code = Some(self.query);
        error
    }
}

pub(super) fn no_queue() -> AwsError {
    NO_QUEUE.says("The specified queue does not exist.")
}

pub(super) fn invalid(value: impl std::fmt::Display, parameter: &str, reason: &str) -> AwsError {
    INVALID_VALUE
        .says(format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}"))
}

/// Checks a number against its documented range.
pub(super) fn within(value: u64, parameter: &str, min: u64, max: u64) -> Result<u64, AwsError> {
    if (min..=max).contains(&value) {
        return Ok(value);
    }
    Err(invalid(value, parameter, &format!("Must be between {min} and {max}, if provided.")))
}
