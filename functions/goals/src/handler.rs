//! One run: ask Microsoft, compare, keep the result where all workers see it, report.

use std::collections::BTreeMap;

use tracklayer_core::{
    decide::Policy,
    goals::{GoalFinding, Gravity, check_goal},
    id::AccountName,
    mapping::{Account, Mapping},
    time::EventTime,
};
use tracklayer_edge::{
    ledger::{AccountItem, GoalCheck, LedgerError},
    ports::{Clock as _, GoalChecks, Live, Ports, Telemetry as _},
    telemetry::Metric,
};

use crate::{
    ask::{Answers, AskError},
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
    pub async fn handle(&self) -> Report {
        let mut report = Report::default();
        for account in self.mapping.accounts() {
            let name = account.name().clone();
            let entry = match self.check(account).await {
                Ok(entry) => entry,
                Err(error) => {
                    tracing::error!(account = name.as_str(), %error, "goals not checked");
                    AccountReport {
                        account: name,
                        checked: false,
                        held: Vec::new(),
                        account_held: false,
                        findings: Vec::new(),
                        error: Some(error.to_string()),
                    }
                }
            };
            self.tell(&entry);
            report.accounts.push(entry);
        }
        report
    }

    async fn check(&self, account: &Account) -> Result<AccountReport, CheckError> {
        let name = account.name();
        let before = self.ledger.account_item(name).await?;
        let answers = match self.ask(name, before.refused_secret_version.as_deref()).await {
            Ok(answers) => answers,
            Err(error) => match error.lasting() {
                Some(finding) => return self.fail(name, before, finding, &error).await,
                None => return Err(error.into()),
            },
        };
        let now = self.clock.now();
        let (findings, check) = self.compare(account, &answers, &before, now);
        self.ledger.save_check(name, &check).await?;
        let held = check.held_goals;
        Ok(AccountReport {
            account: name.clone(),
            checked: true,
            held,
            account_held: false,
            findings,
            error: None,
        })
    }

    /// An account that can't be used until a person repairs something. One failed check may be a
    /// moment's trouble; from the second in a row on the account's rows wait, instead of wearing
    /// their messages out on the way to the dead letters.
    async fn fail(
        &self,
        name: &AccountName,
        before: AccountItem,
        finding: GoalFinding,
        error: &AskError,
    ) -> Result<AccountReport, CheckError> {
        let held = before.failing_since.is_some();
        let since = before.failing_since.unwrap_or_else(|| self.clock.now());
        self.ledger.fail_check(name, since, held).await?;
        Ok(AccountReport {
            account: name.clone(),
            checked: false,
            held: before.held_goals,
            account_held: held,
            findings: vec![finding],
            error: Some(error.to_string()),
        })
    }

    fn compare(
        &self,
        account: &Account,
        answers: &Answers,
        before: &AccountItem,
        now: EventTime,
    ) -> (Vec<GoalFinding>, GoalCheck) {
        let mut findings: Vec<GoalFinding> = untagged(answers).into_iter().collect();
        let mut check = GoalCheck { checked_at: now, ..GoalCheck::default() };
        let goals: BTreeMap<&str, _> =
            account.goals().map(|(_, goal)| (goal.name.as_str(), goal)).collect();
        for (name, goal) in goals {
            let absent = before.absent_goals.get(name).copied();
            let found = check_goal(goal, &answers.goals, absent, now, self.policy.hour);
            if found.iter().any(|finding| finding.gravity == Gravity::Holds) {
                check.held_goals.push(name.to_owned());
            }
            let is_there = answers.goals.iter().any(|goal| goal.name.as_deref() == Some(name));
            let absent = if is_there { absent } else { Some(now) };
            check.absent_goals.extend(absent.map(|at| (name.to_owned(), at)));
            findings.extend(found);
        }
        let waited = before.once_held.iter().chain(&before.held_goals);
        check.once_held = waited.chain(&check.held_goals).cloned().collect();
        (findings, check)
    }

    /// One line per finding, and how many goals are held.
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
        if report.checked {
            let held = Metric::count("HeldGoals", report.held.len());
            self.telemetry.emit(report.account.as_str(), &[held]);
        }
    }
}

/// Without auto-tagging no landing page ever sees a click id.
fn untagged(answers: &Answers) -> Option<GoalFinding> {
    (answers.auto_tagging == Some(false)).then(|| GoalFinding {
        goal: None,
        gravity: Gravity::Warns,
        problem: "auto-tagging of the click id is off: no landing page gets one".to_owned(),
        cure: "Turn on auto-tagging (msclkid) in the account's settings at Microsoft.".to_owned(),
    })
}
