//! A whole system on free ports, with the real binaries, and the few things a test does to it and
//! asks of it.

pub mod alarms;
pub mod api;
pub mod operator;
mod places;
pub mod queries;

use std::future::Future;
use std::time::{Duration, Instant};

use local_stack::{Options, Stack, runtime::Lines};
use microsoft_simulator::{FaultRule, Simulator};
pub use places::Place;
use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};

/// The key that the local stack knows.
pub const KEY: &str = "local-key";

/// The mapping of every system that a test starts, unless it names another.
const SAMPLE_MAPPING: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/core/tests/fixtures/mapping.json");

/// A running system.
pub struct World {
    /// The local stack.
    pub stack: Stack,
    http: reqwest::Client,
    lines: Lines,
    _place: Place,
}

/// An answer of the HTTP API.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers, by lower-case name.
    pub headers: HeaderMap,
    /// The body, if it is JSON.
    pub body: Value,
}

impl World {
    /// Starts a system whose waits are short.
    ///
    /// # Panics
    /// As all of these: if it does not start.
    pub async fn start() -> World {
        World::with(|_| {}).await
    }

    /// Starts a system with other options.
    pub async fn with(change: impl FnOnce(&mut Options)) -> World {
        World::at(Place::take().await, change).await
    }

    /// The same with the shortest waits that there may be: see [`operator::quick`].
    pub async fn quick(change: impl FnOnce(&mut Options)) -> World {
        let both = |options: &mut Options| {
            operator::quick(options);
            change(options);
        };
        World::with(both).await
    }

    /// Starts a system at a place that the test took itself.
    pub async fn at(place: Place, change: impl FnOnce(&mut Options)) -> World {
        let mut options = Options::on_free_ports();
        options.settle_delay = 1;
        options.sweep_every = Duration::from_secs(1);
        options.batch_window = Duration::from_secs(1);
        options.retry_base = Duration::from_secs(1);
        options.hour = 2;
        options.function_timeout = 8;
        options.mapping = Some(SAMPLE_MAPPING.into());
        let lines = Lines::default();
        options.lines = Some(lines.clone());
        change(&mut options);
        let stack = Stack::start(options).await.expect("a system");
        World { stack, http: http(), lines, _place: place }
    }

    /// The simulated Microsoft.
    #[must_use]
    pub fn microsoft(&self) -> &Simulator {
        self.stack.simulator().expect("the built-in simulator")
    }

    /// Makes Microsoft misbehave.
    pub fn faults(&self, rules: Vec<FaultRule>) {
        self.microsoft().update_settings(|settings| settings.faults = rules);
    }

    /// Sends any request to the API.
    pub async fn request(
        &self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>,
    ) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.stack.api_url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.body(body).send().await.expect("the API answers");
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.unwrap_or_default();
        Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null) }
    }

    /// The one record under an event id.
    pub async fn record(&self, event_id: &str) -> Value {
        let mut records = self.records(event_id).await;
        assert!(records.len() <= 1, "{records:#?}");
        records.pop().unwrap_or(Value::Null)
    }

    /// What the simulator shows, as anybody sees it.
    pub async fn conversions(&self) -> Vec<Value> {
        let url = format!("{}/simulator/conversions", self.stack.simulator_url());
        let answer = self.http.get(url).send().await.expect("the simulator answers");
        let text = answer.text().await.expect("text");
        let body: Value = serde_json::from_str(&text).expect("JSON");
        body["conversions"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until the record is in `state`.
    ///
    /// # Panics
    /// If it isn't after half a minute.
    pub async fn until_state(&self, event_id: &str, state: &str) -> Value {
        until(&format!("{event_id} {state}"), || async {
            let record = self.record(event_id).await;
            if record["state"] == state { Ok(record) } else { Err(record) }
        })
        .await
    }

    /// The number of messages in a queue: visible, in flight, delayed.
    pub async fn messages(&self, queue: &str) -> u64 {
        let request = json!({"QueueUrl": queue, "AttributeNames": ["All"]});
        let answer = self.aws("AmazonSQS.GetQueueAttributes", request).await;
        let count = |name: &str| {
            answer["Attributes"][name].as_str().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0)
        };
        count("ApproximateNumberOfMessages")
            + count("ApproximateNumberOfMessagesNotVisible")
            + count("ApproximateNumberOfMessagesDelayed")
    }

    /// Waits until no message is left in the queue.
    pub async fn until_drained(&self) {
        until("queue drained", || async {
            let left = self.messages("uploads").await;
            if left == 0 { Ok(()) } else { Err(left) }
        })
        .await;
    }

    /// Ends it.
    pub async fn stop(self) {
        self.stack.stop().await;
    }
}

/// A client for HTTP.
#[must_use]
pub fn http() -> reqwest::Client {
    // Another test of the same process may have done it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// Asks until the answer is `Ok`.
///
/// # Panics
/// If it isn't after half a minute; shows the last answer.
pub async fn until<T, E, F>(what: &str, ask: impl Fn() -> F) -> T
where
    E: std::fmt::Debug,
    F: Future<Output = Result<T, E>>,
{
    let end = Instant::now() + Duration::from_secs(90);
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(last) if Instant::now() > end => panic!("not {what} after 90 s: {last:#?}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
