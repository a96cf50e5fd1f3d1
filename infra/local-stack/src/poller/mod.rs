//! The event source mapping: SQS → function, as Lambda's poller does it. One collector fills a
//! batch from several receives, up to MaximumConcurrency batches run at the same time.
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>

mod batch;
mod event;
mod queue;
mod reply;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::sleep;

pub use queue::{EventQueue, Message};

use crate::console::say;
use crate::runtime::Function;
use batch::Collector;

/// Settings of an event source mapping.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Most messages of a batch.
    pub batch_size: usize,
    /// How long a batch may be filled after its first message.
    pub window: Duration,
    /// `ReportBatchItemFailures`.
    pub reports_failures: bool,
    /// Most batches at the same time.
    pub concurrency: usize,
    /// How long after the end of its batch a failed message becomes visible again, if the function
    /// did not change its visibility.
    pub retry_base: Duration,
    /// ARN of the queue.
    pub arn: String,
    /// Region, as records name it.
    pub region: String,
}

/// Pause after an error of the queue.
const ERROR_PAUSE: Duration = Duration::from_secs(1);

/// Polls for ever; abort its task to end it.
pub async fn run<Q: EventQueue>(queue: Q, function: Function, settings: Settings) {
    let queue = Arc::new(queue);
    let permits = Arc::new(Semaphore::new(settings.concurrency));
    let mut collector = Collector::new(settings.clone());
    // A batch is only received once it can run at once. The semaphore is never closed.
    while let Ok(permit) = permits.clone().acquire_owned().await {
        match collector.collect(&*queue).await {
            Ok(batch) => {
                let (queue, function, settings) =
                    (queue.clone(), function.clone(), settings.clone());
                tokio::spawn(async move {
                    settle(&*queue, &function, &settings, batch).await;
                    drop(permit);
                });
            }
            Err(error) => {
                say(format!("poller: {error:#}"));
                sleep(ERROR_PAUSE).await;
            }
        }
    }
}

/// Invokes the function with a batch, deletes the messages that succeeded and returns the others to
/// the queue.
async fn settle<Q: EventQueue>(
    queue: &Q, function: &Function, settings: &Settings, batch: Vec<Message>,
) {
    let ids: Vec<&str> = batch.iter().map(|message| message.id.as_str()).collect();
    let failed = match function.invoke(event::event(&batch, settings)).await {
        Ok(reply) if settings.reports_failures => reply::failed(&reply, &ids),
        Ok(_) => Ok(HashSet::new()),
        Err(failure) => Err(failure.to_string()),
    };
    let failed = failed.unwrap_or_else(|why| {
        say(format!("{}: all {} messages of a batch failed: {why}", function.name(), batch.len()));
        ids.iter().map(|id| (*id).to_owned()).collect()
    });
    for message in &batch {
        let result = if failed.contains(&message.id) {
            queue.return_after(&message.receipt_handle, settings.retry_base).await
        } else {
            queue.delete(&message.receipt_handle).await
        };
        if let Err(error) = result {
            say(format!("poller: message {}: {error:#}", message.id));
        }
    }
}
