//! The queue of signals.

use tracklayer_core::{ledger::signal::Signal, time::EventTime};

/// The queue did not take a message.
#[derive(Debug, thiserror::Error)]
#[error("the queue is unavailable: {0}")]
pub struct QueueError(pub String);

/// A message to be hidden for some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hide {
    /// As received.
    pub receipt_handle: String,
    /// For how many seconds; 0 shows it at once.
    pub seconds: i64,
}

/// The queue of signals.
pub trait Signals {
    /// Sends `signals`; one result each, in order. `jitter` delays messages by up to that many
    /// seconds, spread evenly.
    async fn send(
        &self,
        signals: &[Signal],
        now: EventTime,
        jitter: i64,
    ) -> Vec<Result<(), QueueError>>;

    /// Changes when messages are seen again. What fails is only logged: the message then comes
    /// after the queue's own visibility timeout.
    async fn hide(&self, messages: &[Hide]);
}
