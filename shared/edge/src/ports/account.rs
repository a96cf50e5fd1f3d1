use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tracklayer_core::{
    id::AccountName, microsoft::goals::GoalFinding, reconcile::decide::AccountView, time::EventTime,
};

use super::rows::LedgerError;

/// The item `account <name>` / `state`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccountItem {
    /// Throttled by Microsoft: no call before this.
    pub paused_until: Option<EventTime>,
    /// The secret version that the identity service refused; it isn't asked again with that one.
    pub refused_secret_version: Option<String>,
    /// Checks in a row could not use the account: its rows wait until one can.
    pub held: bool,
    /// Since when no check could use the account.
    pub failing_since: Option<EventTime>,
    /// Goals in which a check found fault.
    pub held_goals: Vec<String>,
    /// When each goal was last held: rows of one that the mapping names no more may still wait.
    pub once_held: BTreeMap<String, EventTime>,
    /// Goals that take no hashes, as the last check found.
    pub goals_without_hashes: Vec<String>,
    /// What the last check found, each with its cure: for people.
    pub findings: Vec<GoalFinding>,
    /// What keeps checks from using the account.
    pub failing_for: Option<GoalFinding>,
    /// The account of the mapping that has the same ad account, if that is what keeps them.
    pub shared_with: Option<AccountName>,
    /// How many goals Microsoft named at the last check.
    pub goals_seen: usize,
    /// When a check last found no goal of a name: the only hint at how young a goal is.
    pub absent_goals: BTreeMap<String, EventTime>,
    pub checked_at: Option<EventTime>,
}

impl AccountItem {
    /// What decisions must know of the account; where it uploads to is only in its secret.
    pub fn view(&self) -> AccountView {
        let names = |names: &[String]| names.iter().filter_map(|name| name.parse().ok()).collect();
        AccountView {
            destination: None,
            held: self.held,
            held_goals: names(&self.held_goals),
            goals_without_hashes: names(&self.goals_without_hashes),
        }
    }
}

/// What a check of the goals found, by the names of [`AccountItem`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GoalCheck {
    pub checked_at: EventTime,
    /// Goals whose rows wait.
    pub held_goals: Vec<String>,
    /// When goals were last held whose rows wait or may still wait.
    pub once_held: BTreeMap<String, EventTime>,
    /// Goals that take no hashes: rows with nothing else wait for a click.
    pub goals_without_hashes: Vec<String>,
    pub findings: Vec<GoalFinding>,
    pub goals_seen: usize,
    /// Goals that are absent, or were when they were last looked for, and when that was.
    pub absent_goals: BTreeMap<String, EventTime>,
}

/// Why no check could use an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckFailure {
    pub began: EventTime,
    /// Since when no check could.
    pub since: EventTime,
    /// Whether the account's rows wait until a check can use it.
    pub held: bool,
    pub finding: GoalFinding,
    /// The account of the mapping that has the same ad account, if that is why.
    pub shared_with: Option<AccountName>,
}

/// What all workers must know of an ad account.
///
/// Every method fails if the ledger is unavailable.
pub trait AccountItems {
    /// What is known of an account.
    async fn account_item(&self, account: &AccountName) -> Result<AccountItem, LedgerError>;

    /// Makes all workers pause calls for `account` until then.
    async fn pause(&self, account: &AccountName, until: EventTime) -> Result<(), LedgerError>;

    /// Notes that the identity service refused this version of the account's secret.
    async fn refuse_secret(&self, account: &AccountName, version: &str) -> Result<(), LedgerError>;
}

/// What the check of the goals leaves for all workers.
///
/// Every method fails if the ledger is unavailable.
pub trait GoalChecks: AccountItems {
    /// Keeps the result of a check, which also ends a hold of the account; not if one that began
    /// later is kept already.
    async fn save_check(&self, account: &AccountName, check: &GoalCheck)
    -> Result<(), LedgerError>;

    /// Notes since when no check could use the account and for what, and whether its rows wait for
    /// that; not if one that began later has succeeded: it released them. What was found of its goals
    /// before stays. Answers whether it was noted.
    async fn fail_check(
        &self, account: &AccountName, failure: &CheckFailure,
    ) -> Result<bool, LedgerError>;
}
