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

/// How the poller works.
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
    /// When a message comes again that failed and got no visibility from the function, counted from
    /// its batch's end.
    pub retry_base: Duration,
    /// ARN of the queue.
    pub arn: String,
    /// Region.
    pub region: String,
}

/// Waits this long after an error of the queue.
const ERROR_PAUSE: Duration = Duration::from_secs(1);

/// Polls for ever; abort its task to end it.
pub async fn run<Q: EventQueue>(queue: Q, function: Function, settings: Settings) {
    let queue = Arc::new(queue);
    let permits = Arc::new(Semaphore::new(settings.concurrency));
    let mut collector = Collector::new(settings.clone());
    // A batch is only received when a run is free for it; the semaphore is never closed.
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

/// Invokes the function with a batch, deletes what it has done and hands the rest back.
async fn settle<Q: EventQueue>(
    queue: &Q,
    function: &Function,
    settings: &Settings,
    batch: Vec<Message>,
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
        let result = match failed.contains(&message.id) {
            true => queue.return_after(&message.receipt_handle, settings.retry_base).await,
            false => queue.delete(&message.receipt_handle).await,
        };
        if let Err(error) = result {
            say(format!("poller: message {}: {error:#}", message.id));
        }
    }
}
