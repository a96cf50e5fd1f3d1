//! The alarms of the template, asked whether they would go off on values of their metrics.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use yaml_serde::Value as Yaml;

static TEMPLATE: LazyLock<Yaml> = LazyLock::new(|| {
    yaml_serde::from_str(include_str!("../../../infra/template.yaml")).expect("YAML")
});

/// A value that was written of a metric.
#[derive(Clone, Debug)]
pub struct Point {
    /// The metric's name.
    pub metric: String,
    /// Its dimension: an account, or a queue by its name in the template.
    pub account: String,
    /// What was written.
    pub value: f64,
    /// How many seconds ago.
    pub ago: i64,
}

/// An alarm of the template.
pub struct Alarm {
    properties: &'static Yaml,
}

impl Alarm {
    /// The alarm with this name (without `Alarm`).
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let properties = &TEMPLATE["Resources"][format!("{name}Alarm")]["Properties"];
        assert!(!properties.is_null(), "no alarm {name}");
        Alarm { properties }
    }

    /// Whether it would go off now: as many of the last `EvaluationPeriods` must be over the threshold
    /// as `DatapointsToAlarm` says, or all of them.
    ///
    /// # Panics
    /// If it can't be read.
    #[must_use]
    pub fn goes_off(&self, points: &[Point]) -> bool {
        let (period, periods) = (self.period(), self.periods());
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

    /// The first moment until `end` at which it would go off, of those at which one of its periods ends;
    /// what was written, each with when, begins at `start`.
    ///
    /// # Panics
    /// As [`Alarm::goes_off`].
    #[must_use]
    pub fn first_rings(&self, written: &[(i64, Point)], start: i64, end: i64) -> Option<i64> {
        let (period, names) = (self.period(), self.names());
        let mut own: Vec<_> =
            written.iter().filter(|(_, point)| names.contains(&point.metric)).collect();
        own.sort_by_key(|(at, _)| *at);
        let span = period * self.periods();
        let first = (start + span + period - 1).div_euclid(period) * period;
        let goes_off = |now: &i64| {
            let from = own.partition_point(|(at, _)| *at < now - span);
            let until = own.partition_point(|(at, _)| at < now);
            let ago = |(at, point): &&(i64, Point)| Point { ago: now - 1 - at, ..point.clone() };
            self.goes_off(&own[from..until].iter().map(ago).collect::<Vec<_>>())
        };
        (first..=end).step_by(usize::try_from(period).expect("seconds")).find(goes_off)
    }

    fn period(&self) -> i64 {
        self.metrics()[0].1["Period"].as_i64().expect("a period")
    }

    #[expect(clippy::cast_possible_truncation, reason = "whole numbers of the template")]
    fn periods(&self) -> i64 {
        (self.number("EvaluationPeriods") as i64).max(1)
    }

    /// The names of its metrics.
    fn names(&self) -> Vec<String> {
        let metrics = self.metrics().into_iter();
        metrics.map(|(_, metric)| text(&metric["MetricName"]).to_owned()).collect()
    }

    /// Whether one period with these points is over the threshold.
    pub(crate) fn is_breached(&self, points: &[Point]) -> bool {
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
                Some(parameter) => &TEMPLATE["Parameters"][parameter]["Default"],
                None => &tagged.value[1],
            },
            plain => plain,
        };
        value.as_f64().expect("a number")
    }
}

fn statistic(metric: &Yaml, points: &[Point]) -> Option<f64> {
    let account = text(&metric["Dimensions"][0]["Value"]);
    let name = text(&metric["MetricName"]);
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

/// A text, also one of `!Sub` or `!GetAtt`.
fn text(value: &Yaml) -> &str {
    let plain = match value {
        Yaml::Tagged(tagged) => &tagged.value,
        plain => plain,
    };
    plain.as_str().expect("a text")
}

/// The names (without `Alarm`) of the alarms about the functions' own metrics.
///
/// # Panics
/// If the template can't be read.
#[must_use]
pub fn own_alarms() -> Vec<String> {
    let resources = TEMPLATE["Resources"].as_mapping().expect("resources");
    let alarms = resources.iter().filter(|(_, it)| it["Type"] == "AWS::CloudWatch::Alarm");
    let own = alarms.filter(|(_, it)| {
        let properties = &it["Properties"];
        let first = match &properties["Namespace"] {
            Yaml::Null => &properties["Metrics"][1]["MetricStat"]["Metric"]["Namespace"],
            some => some,
        };
        text(first) == "TrackLayer${NameSuffix}"
    });
    let names = own.filter_map(|(name, _)| name.as_str()?.strip_suffix("Alarm"));
    // Those of a second account are the same.
    names.filter(|name| !name.starts_with("Second")).map(str::to_owned).collect()
}
