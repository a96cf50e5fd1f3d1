use tracklayer_core::{ledger::signal::Signal, time::EventTime};

#[derive(Clone, Debug, thiserror::Error)]
#[error("the queue is unavailable: {0}")]
pub struct QueueError(pub String);

/// A message that is to be received again only after some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferral {
    pub receipt_handle: String,
    /// In how many seconds; 0: at once.
    pub seconds: i64,
}

pub trait Signals {
    /// Sends `signals`; one result each, in order. `jitter` delays messages by up to that many
    /// seconds, spread evenly.
    async fn send(
        &self, signals: &[Signal], now: EventTime, jitter: i64,
    ) -> Vec<Result<(), QueueError>>;

    /// Changes the visibility of messages. A failure is only logged: the message is received after
    /// the queue's own visibility timeout then.
    async fn defer(&self, messages: &[Deferral]);
}
