//! Logs (one JSON line per happening) and metrics (CloudWatch's embedded metric format, EMF).

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use tracing::Level;
use tracing_subscriber::{
    filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};
use tracklayer_core::{event::EventError, time::EventTime};

use super::{clock::SystemClock, config};
use crate::ports::{Clock as _, Metric, Telemetry};

/// The namespace of the metrics, `TRACKLAYER_METRICS`: of each stack its own, or one for trying things
/// out would feed the alarms of another.
static NAMESPACE: LazyLock<String> = LazyLock::new(|| {
    config::text("TRACKLAYER_METRICS").unwrap_or_else(|_| "TrackLayer".to_owned())
});

/// What the targets of libraries that log begin with. They log only from `warn` on: their request
/// dumps could hold secrets.
const LIBRARIES: [&str; 5] = ["aws_", "h2", "hyper", "lambda_runtime", "reqwest"];

/// Starts logging: JSON lines on standard output, level from `AWS_LAMBDA_LOG_LEVEL` (default
/// `info`).
pub fn init() {
    let level = config::text("AWS_LAMBDA_LOG_LEVEL").ok().and_then(|level| level.parse().ok());
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_target(false)
        .with_current_span(false);
    let filter = filter(level.unwrap_or(Level::INFO));
    tracing_subscriber::registry().with(filter).with(lines).init();
}

fn filter(level: Level) -> Targets {
    let libraries = LIBRARIES.map(|target| (target, level.min(Level::WARN)));
    Targets::new().with_default(level).with_targets(libraries)
}

/// Logs which fields of an account's events, or of a landing, were left out, and why, each with how
/// often.
pub fn log_ignored<'a>(warnings: impl IntoIterator<Item = (&'a str, &'a EventError)>) {
    let mut counts: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for (account, warning) in warnings.into_iter().filter(|(_, warning)| warning.is_left_out()) {
        let field = warning.field.unwrap_or_default();
        *counts.entry((account, field, warning.code.as_str())).or_default() += 1;
    }
    for ((account, field, code), count) in counts {
        tracing::info!(account, field, code, count, "field left out");
    }
}

fn clock_text(ms: i64) -> String {
    let time = EventTime::from_epoch(ms / 1_000).to_string();
    format!("{}.{:03}Z", time.trim_end_matches('Z'), ms % 1_000)
}

/// Writes to standard output, where Lambda takes logs and metrics from.
#[derive(Clone, Copy, Debug, Default)]
pub struct StandardOutput;

impl Telemetry for StandardOutput {
    fn line(&self, message: &str, mut members: Map<String, Value>) {
        members.insert("timestamp".to_owned(), json!(clock_text(now_ms())));
        members.insert("level".to_owned(), json!("INFO"));
        members.insert("message".to_owned(), json!(message));
        write(&Value::Object(members));
    }

    fn emit(&self, account: &str, metrics: &[Metric]) {
        if !metrics.is_empty() {
            write(&emf(account, metrics, now_ms()));
        }
    }
}

fn now_ms() -> i64 {
    SystemClock::default().now_ms()
}

/// What can't be logged must not stop the work.
fn write(line: &Value) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn emf(account: &str, metrics: &[Metric], at_ms: i64) -> Value {
    let names: Vec<Value> =
        metrics.iter().map(|metric| json!({"Name": metric.name, "Unit": metric.unit})).collect();
    let mut line = json!({
        "_aws": {"Timestamp": at_ms, "CloudWatchMetrics":
            [{"Namespace": *NAMESPACE, "Dimensions": [["account"]], "Metrics": names}]},
        "account": account,
    });
    for metric in metrics {
        line[metric.name] = json!(metric.value);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_that_of_our_own_code_and_libraries_only_warn() {
        let filter = filter(Level::DEBUG);
        assert!(filter.would_enable("a_new_function::handler", &Level::DEBUG));
        assert!(!filter.would_enable("aws_smithy_runtime::client", &Level::INFO));
        assert!(filter.would_enable("hyper_util::client", &Level::WARN));
    }

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
