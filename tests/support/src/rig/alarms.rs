//! The alarms of the template, asked whether they would go off on what the functions wrote.

use std::sync::PoisonError;

use serde_json::Value;
use yaml_serde::Value as Yaml;

use super::{World, until};
pub use crate::alarms::{Alarm, Point, own_alarms};

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

pub(super) fn template() -> Yaml {
    let (_, text) = local_stack::build::template().expect("the template");
    yaml_serde::from_str(&text).expect("YAML")
}
