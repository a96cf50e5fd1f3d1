//! Log lines and metrics.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// Its name, e.g. `Accepted`.
    pub name: &'static str,
    pub value: f64,
    pub unit: &'static str,
}

impl Metric {
    pub fn count(name: &'static str, value: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "counts of a batch are small")]
        let value = value as f64;
        Metric { name, value, unit: "Count" }
    }

    /// How old the version of a secret is: a dead rotation shows in it.
    pub fn secret_age(seconds: i64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "an age in days")]
        let value = seconds.max(0) as f64 / 86_400.0;
        Metric { name: "SecretAgeDays", value, unit: "None" }
    }
}

/// How often what has happened, by account: one line of metrics for each.
#[derive(Debug, Default)]
pub struct Counts(BTreeMap<String, BTreeMap<&'static str, usize>>);

impl Counts {
    /// Adds to a metric; 0 makes it one that is emitted.
    pub fn add(&mut self, account: &str, name: &'static str, many: usize) {
        *self.0.entry(account.to_owned()).or_default().entry(name).or_default() += many;
    }

    /// Adds corrections that can have no effect, and how many of them never met their original: none as
    /// well, because an alarm takes one from the other and has no value where one is missing.
    pub fn lost(&mut self, account: &str, lost: usize, original_never_came: usize) {
        self.add(account, "CorrectionLost", lost);
        self.add(account, "OriginalNeverCame", original_never_came);
    }

    pub fn emit(&self, telemetry: &impl Telemetry) {
        for (account, counts) in &self.0 {
            let metrics = counts.iter().map(|(name, many)| Metric::count(name, *many));
            telemetry.emit(account, &metrics.collect::<Vec<_>>());
        }
    }
}

pub trait Telemetry {
    /// Writes a log line with members that are JSON themselves, as `tracing` can't.
    fn line(&self, message: &str, members: Map<String, Value>);

    /// Writes one line with these metrics of `account`; nothing if there are none.
    fn emit(&self, account: &str, metrics: &[Metric]);

    /// Counts items of the ledger that can't be read: an alarm asks somebody to look at them.
    fn stuck(&self, unreadable: usize) {
        if unreadable > 0 {
            self.emit("none", &[Metric::count("Stuck", unreadable)]);
        }
    }
}
