//! What a check logs and counts.

use serde_json::Value;
use tracklayer_core::microsoft::report::{DayOutcome, explain};
use tracklayer_core::microsoft::usual::{newly_dropped, shares};
use tracklayer_edge::ports::{Metric, Outcomes, Telemetry};

use crate::wire::AccountReport;

/// Reasons for which Microsoft drops a correction that it accepted, and their metrics: it counts too
/// much from then on.
const DROPPED: [&str; 2] = ["AdjustmentOriginalNotFound", "HistoricalClickDataExpired"];

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

/// Logs what is unusual about the rows of the last days, and counts it and the share that counts.
pub fn log_unusual(report: &AccountReport, known: &Outcomes, telemetry: &impl Telemetry) {
    let mut metrics: Vec<Metric> = DROPPED
        .iter()
        .map(|reason| Metric::count(reason, log_dropped(report, known, reason)))
        .collect();
    metrics.extend(log_low(report, known).map(|goals| Metric::count("GoalsBelowUsual", goals)));
    let rows = report.outcomes.iter().fold((0, 0), |(counted, all), it| {
        (counted + it.succeeded, all + it.succeeded + it.unattributed)
    });
    let percent = (100 * rows.0).checked_div(rows.1).and_then(|it| usize::try_from(it).ok());
    metrics.extend(percent.map(|percent| Metric::count("CountedPercent", percent)));
    telemetry.emit(report.account.as_str(), &metrics);
}

/// The goals of which less counts than usual, with a line for each; none if nothing is usual yet.
fn log_low(report: &AccountReport, known: &Outcomes) -> Option<usize> {
    let mut low = None;
    for outcome in &report.outcomes {
        let Some(shares) = shares(known_of(known, &outcome.goal), &outcome.days) else { continue };
        *low.get_or_insert(0) += usize::from(shares.is_low);
        if shares.is_low {
            let (account, goal) = (report.account.as_str(), outcome.goal.as_str());
            let [now, usual] = [shares.now, shares.usual].map(|share| (share * 100.0).round());
            let reason = outcome.reasons.first().map_or("-", |reason| &reason.reason);
            tracing::warn!(account, goal, now, usual, reason, "less counts than usual");
        }
    }
    low
}

/// Corrections that Microsoft has dropped for this reason though it usually doesn't, with a line for
/// each goal that has some.
fn log_dropped(report: &AccountReport, known: &Outcomes, reason: &str) -> usize {
    let mut dropped = 0;
    for outcome in &report.outcomes {
        let rows = newly_dropped(known_of(known, &outcome.goal), &outcome.days, reason);
        if rows > 0 {
            let (account, goal) = (report.account.as_str(), outcome.goal.as_str());
            let (cause, cure) = explain(reason);
            tracing::warn!(account, goal, reason, rows, cause, cure, "corrections dropped");
        }
        dropped += usize::try_from(rows).unwrap_or(usize::MAX);
    }
    dropped
}

fn known_of<'a>(known: &'a Outcomes, goal: &str) -> &'a [DayOutcome] {
    known.get(goal).map_or(&[], Vec::as_slice)
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
