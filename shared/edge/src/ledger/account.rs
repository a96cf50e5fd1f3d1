//! The account item: what all workers must know of an ad account.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::{operation::update_item::UpdateItemError, types::AttributeValue};
use serde::{Deserialize, Serialize};
use tracklayer_core::{id::AccountName, microsoft::goals::GoalFinding, time::EventTime};

use crate::ports::{AccountItems, GoalChecks, Refusals};

use super::{Ledger, LedgerError, keyed, number, text, unavailable, won};

/// The item `account <name>` / `state`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccountItem {
    /// Throttled by Microsoft: no call before this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_until: Option<EventTime>,
    /// When a batch last handed its rows back without a call, for the account's sake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub troubled_at: Option<EventTime>,
    /// The secret version that the identity service refused; it isn't asked again with that one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_secret_version: Option<String>,
    /// Checks in a row could not use the account: its rows wait until one can.
    pub held: bool,
    /// Since when no check could use the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<EventTime>,
    /// Goals in which a check found fault.
    pub held_goals: Vec<String>,
    /// Every goal that was ever held: rows of one that the mapping names no more may still wait.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub once_held: BTreeSet<String>,
    /// Goals that take no hashes, as the last check found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plain_goals: Vec<String>,
    /// Every goal to which no hashes went at some check, for its own or for the mapping's sake.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub once_plain: BTreeSet<String>,
    /// What the last check found, each with its cure: for people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<GoalFinding>,
    /// What keeps checks from using the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_for: Option<GoalFinding>,
    /// How many goals Microsoft named at the last check.
    pub goals_seen: usize,
    /// When a check last found no goal of a name: the only hint at how young a goal is.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub absent_goals: BTreeMap<String, EventTime>,
    /// When the goals were last checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<EventTime>,
}

/// What a check of the goals found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoalCheck {
    /// When.
    pub checked_at: EventTime,
    /// Goals whose rows wait.
    pub held_goals: Vec<String>,
    /// Goals whose rows wait or have waited.
    pub once_held: BTreeSet<String>,
    /// Goals that take no hashes: rows with nothing else wait for a click.
    pub plain_goals: Vec<String>,
    /// Goals to which no hashes go, or went at an earlier check.
    pub once_plain: BTreeSet<String>,
    /// Everything found.
    pub findings: Vec<GoalFinding>,
    /// How many goals Microsoft named.
    pub goals_seen: usize,
    /// Goals that are absent, or were when they were last looked for, and when that was.
    pub absent_goals: BTreeMap<String, EventTime>,
}

/// Partition key of an account item.
pub(super) fn account_pk(account: &str) -> String {
    format!("account {account}")
}

impl AccountItems for Ledger {
    async fn pause(&self, account: &AccountName, until: EventTime) -> Result<(), LedgerError> {
        self.set_account(account, "pausedUntil", number(until.epoch())).await
    }

    async fn trouble(&self, account: &AccountName, at: EventTime) -> Result<(), LedgerError> {
        self.set_account(account, "troubledAt", number(at.epoch())).await
    }

    async fn refuse_secret(&self, account: &AccountName, version: &str) -> Result<(), LedgerError> {
        self.set_account(account, "refusedSecretVersion", text(version)).await
    }
}

impl Refusals for Ledger {
    async fn refused(&self, account: &AccountName) -> Result<Option<String>, LedgerError> {
        Ok(self.account_item(account).await?.refused_secret_version)
    }

    async fn refuse(&self, account: &AccountName, version: &str) -> Result<(), LedgerError> {
        self.refuse_secret(account, version).await
    }
}

impl GoalChecks for Ledger {
    async fn account_item(&self, account: &AccountName) -> Result<AccountItem, LedgerError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(keyed(&account_pk(account.as_str()), "state")))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        let Some(item) = answer.item else { return Ok(AccountItem::default()) };
        serde_dynamo::from_item(item).map_err(|error| LedgerError::Unreadable(error.to_string()))
    }

    async fn save_check(
        &self,
        account: &AccountName,
        check: &GoalCheck,
    ) -> Result<(), LedgerError> {
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keyed(&account_pk(account.as_str()), "state")))
            .update_expression(
                "SET heldGoals = :goals, onceHeld = :once, plainGoals = :plain, \
                 oncePlain = :oncePlain, findings = :findings, goalsSeen = :seen, \
                 absentGoals = :absent, checkedAt = :at, held = :held \
                 REMOVE failingSince, failingFor",
            )
            .condition_expression("attribute_not_exists(checkedAt) OR checkedAt <= :at")
            .expression_attribute_values(":goals", value_of(&check.held_goals)?)
            .expression_attribute_values(":once", value_of(&check.once_held)?)
            .expression_attribute_values(":held", AttributeValue::Bool(false))
            .expression_attribute_values(":plain", value_of(&check.plain_goals)?)
            .expression_attribute_values(":oncePlain", value_of(&check.once_plain)?)
            .expression_attribute_values(":findings", value_of(&check.findings)?)
            .expression_attribute_values(":seen", value_of(&check.goals_seen)?)
            .expression_attribute_values(":absent", value_of(&check.absent_goals)?)
            .expression_attribute_values(":at", number(check.checked_at.epoch()))
            .send()
            .await;
        if !won(answer, UpdateItemError::is_conditional_check_failed_exception)? {
            tracing::info!(account = account.as_str(), "a check that began later was faster");
        }
        Ok(())
    }

    async fn fail_check(
        &self,
        account: &AccountName,
        since: EventTime,
        held: bool,
        finding: &GoalFinding,
    ) -> Result<(), LedgerError> {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keyed(&account_pk(account.as_str()), "state")))
            .update_expression("SET failingSince = :since, held = :held, failingFor = :finding")
            .expression_attribute_values(":finding", value_of(finding)?)
            .expression_attribute_values(":since", number(since.epoch()))
            .expression_attribute_values(":held", AttributeValue::Bool(held))
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        Ok(())
    }
}

fn value_of(value: &impl Serialize) -> Result<AttributeValue, LedgerError> {
    serde_dynamo::to_attribute_value(value)
        .map_err(|error: serde_dynamo::Error| LedgerError::Unreadable(error.to_string()))
}

impl Ledger {
    async fn set_account(
        &self,
        account: &AccountName,
        name: &str,
        value: AttributeValue,
    ) -> Result<(), LedgerError> {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keyed(&account_pk(account.as_str()), "state")))
            .update_expression("SET #name = :value")
            .expression_attribute_names("#name", name)
            .expression_attribute_values(":value", value)
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        Ok(())
    }
}
