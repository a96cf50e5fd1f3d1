//! One run: ask Microsoft, compare, keep the result where all workers see it, report. What became
//! of the rows is asked last: a report that fails or takes its time must not hold up a check.

use std::time::Duration;

use tracklayer_core::{
    id::AccountName, mapping::Account, microsoft::report::ReportAnswer, time::EventTime,
};
use tracklayer_edge::flows::sign_in::{Session, SignInError};
use tracklayer_edge::lambda::deadline::Deadline;
use tracklayer_edge::ports::{
    AccountItem, AccountItems as _, CheckFailure, Clock as _, GoalChecks, Metric, OutcomeHistory,
    Ports, Telemetry as _,
};

use crate::ask::Answers;
use crate::compare::{compare, ids};
use crate::context::Goals;
use crate::error::AskError;
use crate::log::{log_findings, log_outcomes};
use crate::sharing::Sharing;
use crate::wire::{AccountReport, Report};

/// Kept free for writing what a check found.
const WRITE_TIME: Duration = Duration::from_secs(5);

/// What a check leaves for the report.
struct Checked {
    session: Session,
    goal_ids: Vec<String>,
}

impl<P: Ports> Goals<P>
where
    P::Ledger: GoalChecks + OutcomeHistory,
{
    /// Checks every account of the mapping. One that can't be asked about just now leaves its last
    /// result in force: only a check holds rows, and only a check lets them go.
    pub async fn handle(&self, deadline: Deadline) -> Report {
        let deadline = deadline.earlier(WRITE_TIME);
        let mut report = Report::default();
        let mut checked = Vec::new();
        let sharing = Sharing::read(&self.mapping, &self.secrets).await;
        for account in self.mapping.accounts() {
            let mut entry = AccountReport::new(account.name().clone());
            match self.check(account, &sharing, &mut entry, deadline).await {
                Ok(done) => checked.push((report.accounts.len(), done)),
                Err(error) => {
                    tracing::error!(account = account.name().as_str(), %error, "goals not checked");
                    entry.error = Some(error.to_string());
                }
            }
            log_findings(&entry, &self.telemetry);
            report.accounts.push(entry);
        }
        for (position, mut done) in checked {
            self.add_outcomes(&mut done, &mut report.accounts[position], deadline).await;
        }
        report
    }

    async fn check(
        &self, account: &Account, sharing: &Sharing, entry: &mut AccountReport, deadline: Deadline,
    ) -> Result<Checked, AskError> {
        let name = account.name();
        let before = self.ledger.account_item(name).await?;
        let asked_at = self.clock.now();
        let asked = match sharing.with(name, &before) {
            Some(other) => Err(AskError::Shared(other.clone())),
            None => self.question(name, &before, deadline).await,
        };
        let (session, answers) = match asked {
            Ok(asked) => asked,
            Err(error) => {
                entry.trouble = error.metric();
                self.fail(&before, &error, asked_at, entry).await?;
                return Err(error);
            }
        };
        let now = self.clock.now();
        let mut check = compare(account, &answers, &before, now, self.policy.hour);
        check.checked_at = asked_at;
        self.ledger.save_check(name, &check).await?;
        (entry.checked, entry.findings, entry.held) = (true, check.findings, check.held_goals);
        Ok(Checked { session, goal_ids: ids(account, &answers) })
    }

    /// Signs in and asks, unless the account is paused.
    async fn question(
        &self, account: &AccountName, before: &AccountItem, deadline: Deadline,
    ) -> Result<(Session, Answers), AskError> {
        if let Some(until) = before.paused_until.filter(|until| *until > self.clock.now()) {
            return Err(AskError::Paused(until));
        }
        let (sign_in, refused) = (self.sign_in(deadline), before.refused_secret_version.as_deref());
        let secret = sign_in.secret(account, refused).await.map_err(SignInError::from)?;
        // An account that sells nothing for days still needs its rotation.
        if let Some(created) = secret.created {
            let age = Metric::secret_age(self.clock.now().epoch() - created);
            self.telemetry.emit(account.as_str(), &[age]);
        }
        let mut session = sign_in.sign_in(account, secret, refused).await?;
        let answers = self.ask(&mut session, before, deadline).await?;
        Ok((session, answers))
    }

    /// An account that can't be used until a person repairs something. One failed check may be a
    /// moment's trouble; from the second in a row on the account's rows wait, instead of wearing
    /// their messages out on the way to the dead-letter queue. An ad account that two accounts share
    /// is no moment's trouble.
    async fn fail(
        &self, before: &AccountItem, error: &AskError, began: EventTime, entry: &mut AccountReport,
    ) -> Result<(), AskError> {
        entry.held.clone_from(&before.held_goals);
        entry.account_held = before.held;
        let Some(finding) = error.lasting() else {
            // What kept the account before keeps it still.
            entry.findings.extend(before.failing_for.clone());
            return Ok(());
        };
        let since = before.failing_since.unwrap_or(began);
        let shared_with = match error {
            AskError::Shared(other) => Some(other.clone()),
            _ => None,
        };
        let held = before.failing_since.is_some() || shared_with.is_some();
        let failure = CheckFailure { began, since, held, finding, shared_with };
        let noted = self.ledger.fail_check(&entry.account, &failure).await?;
        (entry.account_held, entry.findings) = (failure.held && noted, vec![failure.finding]);
        Ok(())
    }

    /// Adds what became of the rows, keeps and logs it; why it can't is noted and nothing more.
    async fn add_outcomes(
        &self, checked: &mut Checked, entry: &mut AccountReport, deadline: Deadline,
    ) {
        let goal_ids: Vec<&str> = checked.goal_ids.iter().map(String::as_str).collect();
        let now = self.clock.now();
        let asked = self.ask_outcome(&mut checked.session, &goal_ids, now, deadline).await;
        let problem = match asked {
            Ok(answers) => {
                entry.outcomes = answers.iter().flat_map(ReportAnswer::outcomes).collect();
                entry.outcomes.iter_mut().for_each(|outcome| outcome.add_empty_days(now));
                let errors: Vec<String> = answers.iter().flat_map(ReportAnswer::errors).collect();
                errors.join(", ")
            }
            Err(error) => error.to_string(),
        };
        if !problem.is_empty() {
            let name = entry.account.as_str();
            tracing::warn!(account = name, error = problem, "outcome not reported");
            entry.outcomes_error = Some(problem);
        }
        log_outcomes(entry, &self.telemetry);
        if let Err(error) = self.keep_outcomes(entry).await {
            tracing::error!(account = entry.account.as_str(), %error, "outcome not kept");
        }
    }
}
