//! The poller between the real local queue and a real function.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{echo, echo_with_timeout};
use anyhow::Result;
use local_stack::poller::{EventQueue, Message, Settings, run};
use local_stack::runtime::Function;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

/// A queue in memory that notes what becomes of its messages.
#[derive(Clone, Default)]
struct Queue {
    waiting: Arc<Mutex<Vec<Message>>>,
    notes: Arc<Mutex<Vec<String>>>,
}

impl EventQueue for Queue {
    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Message>> {
        let end = Instant::now() + wait;
        loop {
            let received: Vec<_> = {
                let mut waiting = self.waiting.lock().expect("not poisoned");
                let count = waiting.len().min(max);
                waiting.drain(..count).collect()
            };
            if !received.is_empty() || Instant::now() >= end {
                return Ok(received);
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn delete(&self, receipt_handle: &str) -> Result<()> {
        self.note(format!("deleted {receipt_handle}"));
        Ok(())
    }

    async fn return_after(&self, receipt_handle: &str, delay: Duration) -> Result<()> {
        self.note(format!("returned {receipt_handle} after {}", delay.as_secs()));
        Ok(())
    }
}

impl Queue {
    fn note(&self, note: String) {
        self.notes.lock().expect("not poisoned").push(note);
    }

    fn send(&self, bodies: impl IntoIterator<Item = String>) {
        let messages = bodies.into_iter().enumerate().map(|(index, body)| Message {
            id: format!("id-{index}"),
            receipt_handle: index.to_string(),
            body,
            ..Message::default()
        });
        self.waiting.lock().expect("not poisoned").extend(messages);
    }

    /// Runs the poller until so many messages are settled; sorted notes.
    async fn settled(&self, function: Function, settings: Settings, count: usize) -> Vec<String> {
        let poller = tokio::spawn(run(self.clone(), function, settings));
        let all = async {
            while self.notes.lock().expect("not poisoned").len() < count {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(30), all).await.expect("settled");
        poller.abort();
        let mut notes = self.notes.lock().expect("not poisoned").clone();
        notes.sort();
        notes
    }
}

fn settings() -> Settings {
    Settings {
        batch_size: 100,
        window: Duration::from_millis(300),
        reports_failures: true,
        concurrency: 2,
        retry_base: Duration::from_secs(5),
        arn: "arn:aws:sqs:eu-west-1:000000000000:uploads".to_owned(),
        region: "eu-west-1".to_owned(),
    }
}

async fn notes_of(bodies: &[serde_json::Value], function: Function) -> Vec<String> {
    let queue = Queue::default();
    queue.send(bodies.iter().map(ToString::to_string));
    queue.settled(function, settings(), bodies.len()).await
}

#[tokio::test]
async fn partial_failures_come_again_the_rest_is_deleted() {
    let bodies = [json!({"do": "fail"}), json!({"fail": true}), json!({})];
    assert_eq!(notes_of(&bodies, echo()).await, ["deleted 0", "deleted 2", "returned 1 after 5"]);
}

#[tokio::test]
async fn errors_crashes_and_malformed_replies_fail_everything() {
    let everything = ["returned 0 after 5", "returned 1 after 5"];
    let unknown = json!({"batchItemFailures": [{"itemIdentifier": "nobody"}]});
    let orders = [
        json!({"do": "error"}),
        json!({"do": "exit"}),
        json!({"do": "reply", "reply": "text"}),
        json!({"do": "reply", "reply": unknown}),
    ];
    let function = echo();
    for order in orders {
        assert_eq!(
            notes_of(&[order.clone(), json!({})], function.clone()).await,
            everything,
            "{order}"
        );
    }
    let slow = echo_with_timeout(Duration::from_secs(1));
    assert_eq!(notes_of(&[json!({"do": "hang"}), json!({})], slow).await, everything);
}

#[tokio::test]
async fn null_and_empty_replies_are_success() {
    let function = echo();
    for reply in [json!(null), json!({}), json!({"batchItemFailures": []})] {
        let notes =
            notes_of(&[json!({"do": "reply", "reply": reply}), json!({})], function.clone()).await;
        assert_eq!(notes, ["deleted 0", "deleted 1"]);
    }
}

#[tokio::test]
async fn several_receives_make_one_batch() {
    let queue = Queue::default();
    // The first message decides for its whole batch: had the batch been cut at ten, the others
    // would be deleted.
    queue.send(
        [json!({"do": "error"}).to_string()].into_iter().chain((1..25).map(|_| "{}".to_owned())),
    );
    let notes = queue.settled(echo(), settings(), 25).await;
    assert!(notes.iter().all(|note| note.starts_with("returned")), "{notes:?}");
}

#[tokio::test]
async fn a_batch_ends_at_6_mb() {
    let queue = Queue::default();
    let large = json!({"do": "reply", "reply": null, "filler": "x".repeat(1_000_000)}).to_string();
    queue.send((0..8).map(|_| large.clone()));
    let notes = queue.settled(echo(), settings(), 8).await;
    assert!(
        notes.iter().all(|note| note.starts_with("deleted")),
        "no batch was too large: {notes:?}"
    );
}
