//! What the end-to-end tests share: a whole system on free ports, with the real binaries, and the
//! few things a test does to it and asks of it.

pub mod operate;

pub mod door;

pub mod sdk;

use std::{
    future::Future,
    time::{Duration, Instant},
};

use local_stack::{Options, Stack};
use microsoft_simulator::{FaultRule, Simulator};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The click id of the setup guide.
pub const MSCLKID: &str = "dd4afcccb1c9a4cad9544dd7e5006";
/// The key that the local stack knows.
pub const KEY: &str = "local-key";

/// A running system.
pub struct World {
    /// The local stack.
    pub stack: Stack,
    http: reqwest::Client,
}

/// An answer of the HTTP API.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers, by lower-case name.
    pub headers: reqwest::header::HeaderMap,
    /// The body, if it is JSON.
    pub body: Value,
}

impl World {
    /// Starts a system whose waits are short.
    pub async fn start() -> anyhow::Result<World> {
        World::with(|_| {}).await
    }

    /// Starts a system with other options.
    pub async fn with(change: impl FnOnce(&mut Options)) -> anyhow::Result<World> {
        let mut options = Options { port: 0, aws_port: 0, simulator_port: 0, ..Options::default() };
        options.settle_delay = 1;
        options.sweep_every = Duration::from_secs(1);
        options.batch_window = Duration::from_secs(1);
        options.retry_base = Duration::from_secs(1);
        options.hour = 2;
        options.function_timeout = 8;
        change(&mut options);
        let stack = Stack::start(options).await?;
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(World { stack, http: reqwest::Client::new() })
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
        &self,
        method: reqwest::Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
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

    /// A landing, as the page snippet sends it.
    pub async fn capture(&self, body: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        let path = "/api/tracklayer/ms-attribution";
        self.request(reqwest::Method::POST, path, &headers, body.to_string()).await
    }

    /// One event, or an array of them, with the local key.
    pub async fn post(&self, events: &Value) -> Answer {
        let authorization = format!("Bearer {KEY}");
        let headers = [("content-type", "application/json"), ("authorization", &authorization)];
        let path = "/api/tracklayer/events";
        self.request(reqwest::Method::POST, path, &headers, events.to_string()).await
    }

    /// The records under an event id; empty if it is unknown.
    pub async fn records(&self, event_id: &str) -> Vec<Value> {
        let authorization = format!("Bearer {KEY}");
        let path = format!("/api/tracklayer/events/shop/{event_id}");
        let headers = [("authorization", authorization.as_str())];
        let answer = self.request(reqwest::Method::GET, &path, &headers, "").await;
        answer.body["records"].as_array().cloned().unwrap_or_default()
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
        let target = "AmazonSQS.GetQueueAttributes";
        let body = json!({"QueueUrl": queue, "AttributeNames": ["All"]});
        let answer = self.stack.aws().call(target, body).await.expect("queue attributes");
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

/// Asks until the answer is `Ok`.
///
/// # Panics
/// If it isn't after half a minute; shows the last answer.
pub async fn until<T, E, F>(what: &str, ask: impl Fn() -> F) -> T
where
    E: std::fmt::Debug,
    F: Future<Output = Result<T, E>>,
{
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(last) if Instant::now() > end => panic!("not {what} after 30 s: {last:#?}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Now plus some seconds, as RFC 3339.
#[must_use]
pub fn time(offset_seconds: i64) -> String {
    let time = OffsetDateTime::now_utc() + time::Duration::seconds(offset_seconds);
    let time = time.replace_nanosecond(0).expect("zero");
    time.format(&Rfc3339).expect("a time")
}

/// A purchase of `value` USD by click id, a second ago.
#[must_use]
pub fn purchase(event_id: &str, msclkid: &str, value: &Value) -> Value {
    json!({"event": "purchase", "eventId": event_id, "source": "shop", "occurredAt": time(-1),
           "value": value, "currency": "USD", "msclkid": msclkid})
}

/// A refund of `amount` USD; of everything if it is null.
#[must_use]
pub fn refund(event_id: &str, original: &str, amount: &Value) -> Value {
    let mut event = json!({"event": "refund", "eventId": event_id, "source": "shop",
                           "occurredAt": time(0), "original": {"eventId": original}});
    if !amount.is_null() {
        event["amount"] = amount.clone();
        event["currency"] = json!("USD");
    }
    event
}
