//! The alarms of the template, asked whether they would go off on what the functions wrote.

use std::{collections::BTreeMap, sync::PoisonError};

use serde_json::Value;
use yaml_serde::Value as Yaml;

use super::{World, until};

/// A value that was written of a metric.
#[derive(Clone, Debug)]
pub struct Point {
    /// The metric's name.
    pub metric: String,
    /// Its dimension.
    pub account: String,
    /// What was written.
    pub value: f64,
    /// How many seconds ago.
    pub ago: i64,
}

/// An alarm of the template.
pub struct Alarm {
    template: Yaml,
    properties: Yaml,
}

impl Alarm {
    /// The alarm with this name (without `Alarm`).
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let template = template();
        let properties = template["Resources"][format!("{name}Alarm")]["Properties"].clone();
        assert!(!properties.is_null(), "no alarm {name}");
        Alarm { template, properties }
    }

    /// Whether it would go off now: as many of the last `EvaluationPeriods` must be over the threshold
    /// as `DatapointsToAlarm` says, or all of them.
    ///
    /// # Panics
    /// If it is not about the functions' own metrics.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "whole numbers of the template")]
    pub fn goes_off(&self, points: &[Point]) -> bool {
        let period = self.metrics()[0].1["Period"].as_i64().expect("a period");
        let periods = (self.number("EvaluationPeriods") as i64).max(1);
        let is_breached = |n: &i64| {
            let within = n * period..(n + 1) * period;
            let points = points.iter().filter(|point| within.contains(&point.ago));
            self.is_breached(&points.cloned().collect::<Vec<_>>())
        };
        let needed = match &self.properties["DatapointsToAlarm"] {
            Yaml::Null => periods,
            some => some.as_i64().expect("a number"),
        };
        (0..periods).filter(is_breached).count() as i64 >= needed
    }

    /// Whether one period with these points is over the threshold.
    fn is_breached(&self, points: &[Point]) -> bool {
        let Some(value) = self.measured(points) else {
            return self.properties["TreatMissingData"] == "breaching";
        };
        let threshold = self.number("Threshold");
        match self.properties["ComparisonOperator"].as_str() {
            Some("GreaterThanThreshold") => value > threshold,
            Some("GreaterThanOrEqualToThreshold") => value >= threshold,
            Some("LessThanThreshold") => value < threshold,
            other => panic!("compares by {other:?}"),
        }
    }

    fn measured(&self, points: &[Point]) -> Option<f64> {
        let parts = self.properties["Metrics"].as_sequence();
        let expression = parts.and_then(|parts| parts[0]["Expression"].as_str());
        let mut expression = expression.map(str::to_owned);
        let mut values = BTreeMap::new();
        for (id, metric) in self.metrics() {
            // A metric that was never written may have nothing that could be filled: no alarm relies on it.
            expression = expression.map(|it| it.replace(&format!("FILL({id}, 0)"), &id));
            // As CloudWatch has it: an expression has no value where one of its metrics has none.
            values.insert(id, statistic(&metric, points)?);
        }
        let Some(expression) = expression else { return values.into_values().next() };
        Some(fasteval::ez_eval(&expression, &mut values).expect("an expression"))
    }

    /// Its metrics by id, each with name, dimensions, statistic and period.
    fn metrics(&self) -> Vec<(String, Yaml)> {
        let Some(parts) = self.properties["Metrics"].as_sequence() else {
            return vec![(String::new(), self.properties.clone())];
        };
        let stats = parts.iter().filter(|part| !part["MetricStat"].is_null()).map(|part| {
            let mut stat = part["MetricStat"]["Metric"].clone();
            stat["Statistic"] = part["MetricStat"]["Stat"].clone();
            stat["Period"] = part["MetricStat"]["Period"].clone();
            (part["Id"].as_str().expect("an id").to_owned(), stat)
        });
        stats.collect()
    }

    /// A number; of `!If [Condition, a, b]`, the first: parameters are as shipped.
    fn number(&self, property: &str) -> f64 {
        let value = match &self.properties[property] {
            Yaml::Tagged(tagged) => match tagged.value.as_str() {
                Some(parameter) => &self.template["Parameters"][parameter]["Default"],
                None => &tagged.value[1],
            },
            plain => plain,
        };
        value.as_f64().expect("a number")
    }
}

fn statistic(metric: &Yaml, points: &[Point]) -> Option<f64> {
    assert_eq!(metric["Namespace"], "TrackLayer", "{metric:?}");
    let account = metric["Dimensions"][0]["Value"].as_str().expect("an account");
    let name = metric["MetricName"].as_str().expect("a name");
    let own = points.iter().filter(|point| point.metric == name && point.account == account);
    let values: Vec<f64> = own.map(|point| point.value).collect();
    match metric["Statistic"].as_str() {
        _ if values.is_empty() => None,
        Some("Sum") => Some(values.iter().sum()),
        Some("Maximum") => values.into_iter().reduce(f64::max),
        Some("Minimum") => values.into_iter().reduce(f64::min),
        Some("SampleCount") => Some(values.iter().map(|_| 1.0).sum()),
        other => panic!("no statistic {other:?}"),
    }
}

impl World {
    /// Whether the alarm of the template with this name (without `Alarm`) would go off. All that the
    /// functions have written so far counts as one period, and as if it went on for as many periods as
    /// the alarm looks at.
    ///
    /// # Panics
    /// If there is none, or it is not about the functions' own metrics.
    #[must_use]
    pub fn rings(&self, name: &str) -> bool {
        Alarm::of(name).is_breached(&self.points())
    }

    /// The names of all alarms about the functions' own metrics that would go off.
    ///
    /// # Panics
    /// As [`World::rings`].
    #[must_use]
    pub fn ringing(&self) -> Vec<String> {
        own_alarms().into_iter().filter(|name| self.rings(name)).collect()
    }

    /// What the functions wrote of all metrics, as if it were now.
    #[must_use]
    pub fn points(&self) -> Vec<Point> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let metrics = lines.iter().filter(|(_, line)| line.contains("CloudWatchMetrics"));
        let parsed = metrics.filter_map(|(_, line)| serde_json::from_str::<Value>(line).ok());
        parsed.flat_map(|line| points_of(&line)).collect()
    }

    /// Whether a function has written a line that holds all of these texts.
    #[must_use]
    pub fn has_logged(&self, function: &str, texts: &[&str]) -> bool {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut own = lines.iter().filter(|(name, _)| name == function);
        own.any(|(_, line)| texts.iter().all(|text| line.contains(text)))
    }

    /// Waits until an alarm rings: an answer may be here before the metrics of its request.
    pub async fn until_rings(&self, alarm: &str) {
        until(alarm, || async { self.rings(alarm).then_some(()).ok_or("silent") }).await;
    }

    /// Waits for such a line: an answer may be here before the lines of its request.
    pub async fn until_logged(&self, function: &str, texts: &[&str]) {
        let what = format!("{function} logs {texts:?}");
        until(&what, || async { self.has_logged(function, texts).then_some(()).ok_or("no line") })
            .await;
    }
}

fn points_of(line: &Value) -> Vec<Point> {
    let account = line["account"].as_str().unwrap_or_default();
    let names = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array();
    let names = names.into_iter().flatten().filter_map(|metric| metric["Name"].as_str());
    let point = |name: &str| {
        let (metric, account) = (name.to_owned(), account.to_owned());
        Some(Point { metric, account, value: line[name].as_f64()?, ago: 0 })
    };
    names.filter_map(point).collect()
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
    let names = own.filter_map(|(name, _)| name.as_str()?.strip_suffix("Alarm"));
    // Those of a second account are the same.
    names.filter(|name| !name.starts_with("Second")).map(str::to_owned).collect()
}

pub(super) fn template() -> Yaml {
    let (_, text) = local_stack::build::template().expect("the template");
    yaml_serde::from_str(&text).expect("YAML")
}
