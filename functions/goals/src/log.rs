//! What a check logs and counts.

use serde_json::Value;
use tracklayer_edge::ports::{Metric, Telemetry};

use crate::wire::AccountReport;

/// One line per finding, how many there are, and how many goals are held.
pub fn log_findings(report: &AccountReport, telemetry: &impl Telemetry) {
    for finding in &report.findings {
        let account = report.account.as_str();
        let goal = finding.goal.as_deref().unwrap_or("-");
        tracing::warn!(account, goal, problem = finding.problem, cure = finding.cure, "goal check");
    }
    telemetry.emit(report.account.as_str(), &metrics(report));
}

/// One line per goal of which rows were attributed or not.
pub fn log_outcomes(report: &AccountReport, telemetry: &impl Telemetry) {
    for outcome in report.outcomes.iter().filter(|o| (o.succeeded, o.unattributed) != (0, 0)) {
        if let Ok(Value::Object(mut members)) = serde_json::to_value(outcome) {
            members.remove("days");
            members.insert("account".to_owned(), Value::from(report.account.as_str()));
            telemetry.line("outcome of the last 7 days", members);
        }
    }
}

fn metrics(report: &AccountReport) -> Vec<Metric> {
    let mut metrics = Vec::new();
    // While an account is held nobody else calls Microsoft, and the alarm must stay on.
    metrics.extend(report.trouble.map(|name| Metric::count(name, 1)));
    if report.checked || !report.findings.is_empty() {
        metrics.push(Metric::count("GoalFindings", report.findings.len()));
    }
    // What the last check holds stays held while none succeeds. An account holds all of its goals.
    let held = report.held.len().max(usize::from(report.account_held));
    if report.checked || held > 0 {
        metrics.push(Metric::count("HeldGoals", held));
    }
    metrics
}

#[cfg(test)]
mod tests {
    use tracklayer_core::microsoft::goals::{GoalFinding, Gravity};

    use super::*;

    fn counted(
        trouble: Option<&'static str>, findings: usize, held: &[&str],
    ) -> Vec<(&'static str, f64)> {
        let mut report = AccountReport::new("main".parse().expect("an account"));
        let finding = GoalFinding {
            goal: None,
            gravity: Gravity::Warns,
            problem: String::new(),
            cure: String::new(),
        };
        (report.checked, report.trouble) = (trouble.is_none(), trouble);
        report.findings = vec![finding; findings];
        report.held = held.iter().map(ToString::to_string).collect();
        metrics(&report).into_iter().map(|metric| (metric.name, metric.value)).collect()
    }

    #[test]
    fn every_check_counts_what_it_found_grave_or_not() {
        assert_eq!(counted(None, 0, &[]), [("GoalFindings", 0.0), ("HeldGoals", 0.0)]);
        assert_eq!(counted(None, 2, &["Purchase"]), [("GoalFindings", 2.0), ("HeldGoals", 1.0)]);
        assert_eq!(
            counted(Some("AuthFailed"), 1, &[]),
            [("AuthFailed", 1.0), ("GoalFindings", 1.0)]
        );
        let unknown = [("Unknown", 1.0), ("HeldGoals", 1.0)];
        assert_eq!(counted(Some("Unknown"), 0, &["Purchase"]), unknown, "nothing new is known");
    }
}
