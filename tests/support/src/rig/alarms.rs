//! The alarms of the template, asked whether they would go off on what the functions wrote.
//!
//! All that a test's functions have written so far counts as one period of the alarm.

use std::{collections::BTreeMap, sync::PoisonError};

use serde_json::Value;
use yaml_serde::Value as Yaml;

use super::World;

impl World {
    /// Whether the alarm of the template with this name (without `Alarm`) would go off.
    ///
    /// # Panics
    /// If there is none, or it is not about the functions' own metrics.
    #[must_use]
    pub fn rings(&self, name: &str) -> bool {
        let template = template();
        let alarm = &template["Resources"][format!("{name}Alarm")]["Properties"];
        assert!(!alarm.is_null(), "no alarm {name}");
        let Some(value) = self.measured(alarm) else {
            return alarm["TreatMissingData"] == "breaching";
        };
        let threshold = number(&alarm["Threshold"]);
        match alarm["ComparisonOperator"].as_str() {
            Some("GreaterThanThreshold") => value > threshold,
            Some("GreaterThanOrEqualToThreshold") => value >= threshold,
            Some("LessThanThreshold") => value < threshold,
            other => panic!("{name} compares by {other:?}"),
        }
    }

    /// The names of all alarms about the functions' own metrics that would go off.
    ///
    /// # Panics
    /// As [`World::rings`].
    #[must_use]
    pub fn ringing(&self) -> Vec<String> {
        own_alarms().into_iter().filter(|name| self.rings(name)).collect()
    }

    fn measured(&self, alarm: &Yaml) -> Option<f64> {
        let Some(parts) = alarm["Metrics"].as_sequence() else {
            return self.statistic(alarm, &alarm["Statistic"]);
        };
        let (expressions, metrics): (Vec<_>, Vec<_>) =
            parts.iter().partition(|part| !part["Expression"].is_null());
        let mut expression = expressions.first()?["Expression"].as_str()?.to_owned();
        let mut values = BTreeMap::new();
        for metric in metrics {
            let (id, stat) = (metric["Id"].as_str()?, &metric["MetricStat"]);
            let filled = format!("FILL({id}, 0)");
            let zero = expression.contains(&filled).then_some(0.0);
            expression = expression.replace(&filled, id);
            // As CloudWatch has it: an expression has no value where one of its metrics has none.
            let value = self.statistic(&stat["Metric"], &stat["Stat"]).or(zero)?;
            values.insert(id.to_owned(), value);
        }
        Some(fasteval::ez_eval(&expression, &mut values).expect("an expression"))
    }

    fn statistic(&self, metric: &Yaml, statistic: &Yaml) -> Option<f64> {
        assert_eq!(metric["Namespace"], "TrackLayer", "{metric:?}");
        let account = metric["Dimensions"][0]["Value"].as_str().expect("an account");
        let values = self.values(metric["MetricName"].as_str().expect("a name"), account);
        match statistic.as_str() {
            _ if values.is_empty() => None,
            Some("Sum") => Some(values.iter().sum()),
            Some("Maximum") => values.into_iter().reduce(f64::max),
            Some("Minimum") => values.into_iter().reduce(f64::min),
            Some("SampleCount") => Some(values.iter().map(|_| 1.0).sum()),
            other => panic!("no statistic {other:?}"),
        }
    }

    /// What the functions wrote of a metric.
    fn values(&self, name: &str, account: &str) -> Vec<f64> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let metrics = lines.iter().filter(|(_, line)| line.contains("CloudWatchMetrics"));
        let parsed = metrics.filter_map(|(_, line)| serde_json::from_str::<Value>(line).ok());
        let of_account = parsed.filter(|line| line["account"] == account);
        of_account.filter_map(|line| line[name].as_f64()).collect()
    }

    /// Whether a function has written a line that holds all of these texts.
    #[must_use]
    pub fn has_logged(&self, function: &str, texts: &[&str]) -> bool {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut own = lines.iter().filter(|(name, _)| name == function);
        own.any(|(_, line)| texts.iter().all(|text| line.contains(text)))
    }
}

/// The names (without `Alarm`) of the alarms about the functions' own metrics.
///
/// # Panics
/// If the template can't be read.
#[must_use]
pub fn own_alarms() -> Vec<String> {
    let template = template();
    let resources = template["Resources"].as_mapping().expect("resources");
    let alarms = resources.iter().filter(|(_, it)| it["Type"] == "AWS::CloudWatch::Alarm");
    let own = alarms.filter(|(_, it)| {
        let first = &it["Properties"]["Metrics"][1]["MetricStat"]["Metric"]["Namespace"];
        it["Properties"]["Namespace"] == "TrackLayer" || *first == "TrackLayer"
    });
    own.filter_map(|(name, _)| Some(name.as_str()?.strip_suffix("Alarm")?.to_owned())).collect()
}

fn template() -> Yaml {
    let (_, text) = local_stack::build::template().expect("the template");
    yaml_serde::from_str(&text).expect("YAML")
}

/// A number; of `!If [Condition, a, b]`, the first: parameters are as shipped.
fn number(value: &Yaml) -> f64 {
    match value {
        Yaml::Tagged(tagged) => number(&tagged.value[1]),
        plain => plain.as_f64().expect("a number"),
    }
}
