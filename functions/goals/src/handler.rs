//! One run: ask Microsoft, compare, keep the result where all workers see it, report. What became
//! of the rows is asked last: a report that fails or takes its time must not hold up a check.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tracklayer_core::{
    id::AccountName,
    mapping::{Account, Mapping},
    microsoft::{
        goals::{AccountGoal, GoalFinding, Gravity, check_goal},
        report::ReportAnswer,
    },
    reconcile::decide::Policy,
    time::EventTime,
};
use tracklayer_edge::{
    live::Live,
    ports::{
        AccountItem, CheckFailure, Clock as _, GoalCheck, GoalChecks, LedgerError, Metric, Ports,
        Telemetry as _,
    },
};

use crate::{
    ask::{Answers, AskError, Session, Standing},
    deadline::Deadline,
    wire::{AccountReport, Report},
};

/// What the function needs.
pub struct Goals<P: Ports = Live> {
    /// What is checked.
    pub mapping: Mapping,
    /// How long an hour lasts.
    pub policy: Policy,
    /// Where the result is kept.
    pub ledger: P::Ledger,
    /// Credentials.
    pub secrets: P::Secrets,
    /// Access tokens.
    pub auth: P::Auth,
    /// Who is asked.
    pub microsoft: P::Microsoft,
    /// The clock.
    pub clock: P::Clock,
    /// Where metrics go.
    pub telemetry: P::Telemetry,
}

/// What a check leaves for the report.
struct Checked {
    session: Session,
    goal_ids: Vec<String>,
}

/// Why an account was not checked.
#[derive(Debug, thiserror::Error)]
enum CheckError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl<P: Ports> Goals<P>
where
    P::Ledger: GoalChecks,
{
    /// Checks every account of the mapping. One that can't be asked about just now leaves its last
    /// result in force: only a check holds rows, and only a check lets them go.
    pub async fn handle(&self, deadline: &Deadline) -> Report {
        let mut report = Report::default();
        let mut checked = Vec::new();
        for account in self.mapping.accounts() {
            let mut entry = AccountReport::new(account.name().clone());
            match self.check(account, &mut entry, deadline).await {
                Ok(done) => checked.push((report.accounts.len(), done)),
                Err(error) => {
                    tracing::error!(account = account.name().as_str(), %error, "goals not checked");
                    entry.error = Some(error.to_string());
                }
            }
            self.tell(&entry);
            report.accounts.push(entry);
        }
        for (position, mut done) in checked {
            self.add_outcomes(&mut done, &mut report.accounts[position], deadline).await;
        }
        report
    }

    async fn check(
        &self,
        account: &Account,
        entry: &mut AccountReport,
        deadline: &Deadline,
    ) -> Result<Checked, CheckError> {
        let name = account.name();
        let before = self.ledger.account_item(name).await?;
        let asked_at = self.clock.now();
        let (session, answers) = match self.question(name, &before, deadline).await {
            Ok(asked) => asked,
            Err(error) => {
                entry.trouble = error.metric();
                self.fail(&before, error.lasting(), entry).await?;
                return Err(error.into());
            }
        };
        let now = self.clock.now();
        let mut check = self.compare(account, &answers, &before, now);
        check.checked_at = asked_at;
        self.ledger.save_check(name, &check).await?;
        (entry.checked, entry.findings, entry.held) = (true, check.findings, check.held_goals);
        Ok(Checked { session, goal_ids: ids(account, &answers) })
    }

    /// Signs in and asks, unless the account is paused.
    async fn question(
        &self,
        account: &AccountName,
        before: &AccountItem,
        deadline: &Deadline,
    ) -> Result<(Session, Answers), AskError> {
        if let Some(until) = before.paused_until.filter(|until| *until > self.clock.now()) {
            return Err(AskError::Paused(until));
        }
        let standing = Standing {
            refused_secret: before.refused_secret_version.as_deref(),
            had_goals: before.goals_seen > 0,
        };
        let mut session = self.sign_in(account, &standing, deadline).await?;
        let answers = self.ask(&mut session, &standing, deadline).await?;
        Ok((session, answers))
    }

    /// An account that can't be used until a person repairs something. One failed check may be a
    /// moment's trouble; from the second in a row on the account's rows wait, instead of wearing
    /// their messages out on the way to the dead letters.
    async fn fail(
        &self,
        before: &AccountItem,
        lasting: Option<GoalFinding>,
        entry: &mut AccountReport,
    ) -> Result<(), CheckError> {
        entry.held.clone_from(&before.held_goals);
        entry.account_held = before.held;
        let Some(finding) = lasting else {
            // What kept the account before keeps it still.
            entry.findings.extend(before.failing_for.clone());
            return Ok(());
        };
        let since = before.failing_since.unwrap_or_else(|| self.clock.now());
        let failure = CheckFailure { since, held: before.failing_since.is_some(), finding };
        self.ledger.fail_check(&entry.account, &failure).await?;
        (entry.account_held, entry.findings) = (failure.held, vec![failure.finding]);
        Ok(())
    }

    /// Adds what became of the rows, and logs it; why it can't is noted and nothing more.
    async fn add_outcomes(
        &self,
        checked: &mut Checked,
        entry: &mut AccountReport,
        deadline: &Deadline,
    ) {
        let goal_ids: Vec<&str> = checked.goal_ids.iter().map(String::as_str).collect();
        let name = entry.account.as_str();
        let now = self.clock.now();
        let asked = self.ask_outcome(&mut checked.session, &goal_ids, now, deadline).await;
        let problem = match asked {
            Ok(answers) => {
                entry.outcomes = answers.iter().flat_map(ReportAnswer::outcomes).collect();
                let errors: Vec<String> = answers.iter().flat_map(ReportAnswer::errors).collect();
                errors.join(", ")
            }
            Err(error) => error.to_string(),
        };
        if !problem.is_empty() {
            tracing::warn!(account = name, error = problem, "outcome not reported");
            entry.outcomes_error = Some(problem);
        }
        for outcome in entry.outcomes.iter().filter(|o| (o.succeeded, o.unattributed) != (0, 0)) {
            if let Ok(Value::Object(mut members)) = serde_json::to_value(outcome) {
                members.insert("account".to_owned(), Value::from(name));
                self.telemetry.line("outcome of the last 7 days", members);
            }
        }
    }

    fn compare(
        &self,
        account: &Account,
        answers: &Answers,
        before: &AccountItem,
        now: EventTime,
    ) -> GoalCheck {
        let mut check = GoalCheck {
            checked_at: now,
            findings: untagged(answers).into_iter().collect(),
            goals_seen: answers.goals.len(),
            ..GoalCheck::default()
        };
        let goals: BTreeMap<&str, _> =
            account.goals().map(|(_, goal)| (goal.name.as_str(), goal)).collect();
        for (name, goal) in goals {
            let absent = before.absent_goals.get(name).copied();
            let found = check_goal(goal, &answers.goals, absent, now, self.policy.hour);
            if found.iter().any(|finding| finding.gravity == Gravity::Holds) {
                check.held_goals.push(name.to_owned());
            }
            if takes_no_hashes(name, &answers.goals) {
                check.plain_goals.push(name.to_owned());
            }
            let is_there = answers.goals.iter().any(|goal| goal.name.as_deref() == Some(name));
            let absent = if is_there { absent } else { Some(now) };
            check.absent_goals.extend(absent.map(|at| (name.to_owned(), at)));
            check.findings.extend(found);
        }
        let waited = before.once_held.iter().chain(&before.held_goals);
        check.once_held = waited.chain(&check.held_goals).cloned().collect();
        let plain = before.once_plain.iter().chain(&before.plain_goals).chain(&check.plain_goals);
        check.once_plain = plain.cloned().collect();
        // Nobody looks any more whether a goal that the mapping has dropped takes hashes now.
        let dropped =
            |name: &&String| account.goals().all(|(_, goal)| goal.name.as_str() != **name);
        check.plain_goals.extend(check.once_plain.iter().filter(dropped).cloned());
        check.once_plain.extend(account.plain_goals().map(ToString::to_string));
        check
    }

    /// One line per finding, how many there are, and how many goals are held.
    fn tell(&self, report: &AccountReport) {
        for finding in &report.findings {
            let account: &AccountName = &report.account;
            let goal = finding.goal.as_deref().unwrap_or("-");
            tracing::warn!(
                account = account.as_str(),
                goal,
                problem = finding.problem,
                cure = finding.cure,
                "goal check"
            );
        }
        self.telemetry.emit(report.account.as_str(), &metrics(report));
    }
}

fn metrics(report: &AccountReport) -> Vec<Metric> {
    let mut metrics = Vec::new();
    // While an account is held nobody else calls Microsoft, and it must go on ringing.
    metrics.extend(report.trouble.map(|name| Metric::count(name, 1)));
    if report.checked || !report.findings.is_empty() {
        metrics.push(Metric::count("GoalFindings", report.findings.len()));
    }
    // What the last check holds stays held while none succeeds.
    if report.checked || !report.held.is_empty() {
        metrics.push(Metric::count("HeldGoals", report.held.len()));
    }
    metrics
}

/// The numbers of the mapping's goals, as far as the account has them.
fn ids(account: &Account, answers: &Answers) -> Vec<String> {
    let wanted: BTreeSet<&str> = account.goals().map(|(_, goal)| goal.name.as_str()).collect();
    let is_wanted =
        |goal: &&AccountGoal| goal.name.as_deref().is_some_and(|name| wanted.contains(name));
    answers.goals.iter().filter(is_wanted).filter_map(|goal| goal.id.clone()).collect()
}

fn takes_no_hashes(name: &str, goals: &[AccountGoal]) -> bool {
    let plain = |goal: &AccountGoal| goal.is_enhanced_conversions_enabled == Some(false);
    goals.iter().any(|goal| goal.name.as_deref() == Some(name) && plain(goal))
}

/// Without auto-tagging no landing page ever sees a click id.
fn untagged(answers: &Answers) -> Option<GoalFinding> {
    let problem = match &answers.auto_tagging {
        Ok(true) => return None,
        Ok(false) => "auto-tagging of the click id is off: no landing page gets one".to_owned(),
        Err(why) => format!("auto-tagging of the click id could not be checked: {why}"),
    };
    Some(GoalFinding {
        goal: None,
        gravity: Gravity::Warns,
        problem,
        cure: "Auto-tagging (msclkid) must be on in the account's settings at Microsoft."
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(
        trouble: Option<&'static str>,
        findings: usize,
        held: &[&str],
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
        assert_eq!(told(None, 0, &[]), [("GoalFindings", 0.0), ("HeldGoals", 0.0)]);
        assert_eq!(told(None, 2, &["Purchase"]), [("GoalFindings", 2.0), ("HeldGoals", 1.0)]);
        assert_eq!(told(Some("AuthFailed"), 1, &[]), [("AuthFailed", 1.0), ("GoalFindings", 1.0)]);
        let unknown = [("Unknown", 1.0), ("HeldGoals", 1.0)];
        assert_eq!(told(Some("Unknown"), 0, &["Purchase"]), unknown, "nothing new is known");
    }
}
