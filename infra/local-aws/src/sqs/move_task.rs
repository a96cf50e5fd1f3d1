//! One message move task and how far it is.

use serde_json::{Value, json};

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Status {
    Running,
    Completed,
    Failed,
}

/// A task; ARNs name its queues.
pub(super) struct MoveTask {
    pub(super) handle: String,
    pub(super) source: String,
    /// `None` moves each message to the queue that it came from.
    pub(super) destination: Option<String>,
    /// Messages per second; `None` moves them as fast as possible.
    pub(super) rate: Option<u64>,
    pub(super) status: Status,
    pub(super) failure: Option<&'static str>,
    pub(super) moved: u64,
    /// Messages that were visible in the source at the start.
    pub(super) to_move: usize,
    pub(super) started_ms: u64,
}

impl MoveTask {
    pub(super) fn is_running(&self) -> bool {
        self.status == Status::Running
    }

    /// The JSON of `ListMessageMoveTasks`. Only a running task shows its handle.
    pub(super) fn shown(&self) -> Value {
        let status = match self.status {
            Status::Running => "RUNNING",
            Status::Completed => "COMPLETED",
            Status::Failed => "FAILED",
        };
        let mut shown = json!({
            "Status": status,
            "SourceArn": self.source,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.to_move,
            "StartedTimestamp": self.started_ms,
        });
        let optional = [
            ("TaskHandle", self.is_running().then(|| json!(self.handle))),
            ("DestinationArn", self.destination.as_ref().map(|arn| json!(arn))),
            ("MaxNumberOfMessagesPerSecond", self.rate.map(|rate| json!(rate))),
            ("FailureReason", self.failure.map(|reason| json!(reason))),
        ];
        for (key, value) in optional {
            if let Some(value) = value {
                shown[key] = value;
            }
        }
        shown
    }
}
