//! Logs (one JSON line per happening) and metrics (CloudWatch's embedded metric format, EMF).

use std::io::Write;

use serde_json::{Map, Value, json};

use crate::ports::Metric;

/// The namespace of all metrics.
const NAMESPACE: &str = "TrackLayer";

/// Starts logging: JSON lines on standard output, level from `AWS_LAMBDA_LOG_LEVEL` (default
/// `info`). Libraries speak up only from `warn` on: their request dumps could hold secrets.
pub fn init() {
    let level =
        crate::lambda::config::text("AWS_LAMBDA_LOG_LEVEL").unwrap_or_else(|_| "info".to_owned());
    let level = level.parse().unwrap_or(tracing::Level::INFO);
    let filter = tracing_subscriber::filter::Targets::new()
        .with_default(tracing::Level::WARN)
        .with_targets(OUR_TARGETS.map(|target| (target, level)));
    use tracing_subscriber::{layer::SubscriberExt as _, util::SubscriberInitExt as _};
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_target(false)
        .with_current_span(false);
    tracing_subscriber::registry().with(filter).with(lines).init();
}

const OUR_TARGETS: [&str; 9] = [
    "capture",
    "enqueue",
    "upload",
    "sweep",
    "status",
    "erase",
    "token",
    "goals",
    "tracklayer_edge",
];

/// Writes a log line with members that are JSON themselves, as `tracing` can't.
pub fn line(message: &str, members: Map<String, Value>) {
    let time = clock_text(crate::lambda::clock::now_ms());
    let mut line = Map::new();
    line.insert("timestamp".to_owned(), json!(time));
    line.insert("level".to_owned(), json!("INFO"));
    line.insert("message".to_owned(), json!(message));
    line.extend(members);
    write(&Value::Object(line));
}

fn clock_text(ms: i64) -> String {
    let time = tracklayer_core::time::EventTime::from_epoch(ms / 1_000).to_string();
    format!("{}.{:03}Z", time.trim_end_matches('Z'), ms % 1_000)
}

/// Writes to standard output, where Lambda takes logs and metrics from.
#[derive(Clone, Copy, Debug, Default)]
pub struct StandardOutput;

impl crate::ports::Telemetry for StandardOutput {
    fn line(&self, message: &str, members: Map<String, Value>) {
        line(message, members);
    }

    fn emit(&self, account: &str, metrics: &[Metric]) {
        emit(account, metrics);
    }
}

/// What can't be logged must not stop the work.
fn write(line: &Value) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Writes one line with these metrics of `account`; nothing if there are none.
pub fn emit(account: &str, metrics: &[Metric]) {
    if metrics.is_empty() {
        return;
    }
    write(&emf(account, metrics, crate::lambda::clock::now_ms()));
}

fn emf(account: &str, metrics: &[Metric], at_ms: i64) -> Value {
    let names: Vec<Value> =
        metrics.iter().map(|metric| json!({"Name": metric.name, "Unit": metric.unit})).collect();
    let mut line = Map::new();
    line.insert(
        "_aws".to_owned(),
        json!({"Timestamp": at_ms, "CloudWatchMetrics":
            [{"Namespace": NAMESPACE, "Dimensions": [["account"]], "Metrics": names}]}),
    );
    line.insert("account".to_owned(), json!(account));
    for metric in metrics {
        line.insert(metric.name.to_owned(), json!(metric.value));
    }
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_metrics_is_in_cloudwatchs_form() {
        let line = emf("main", &[Metric::count("Accepted", 3)], 1_700_000_000_000);
        let metrics = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(metrics["Namespace"], "TrackLayer");
        assert_eq!(metrics["Dimensions"], json!([["account"]]));
        assert_eq!(metrics["Metrics"], json!([{"Name": "Accepted", "Unit": "Count"}]));
        assert_eq!((&line["account"], &line["Accepted"]), (&json!("main"), &json!(3.0)));
    }
}
