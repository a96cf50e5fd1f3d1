//! The account item: what all workers must know of an ad account.

use aws_sdk_dynamodb::{operation::update_item::UpdateItemError, types::AttributeValue};
use serde::Serialize;
use tracklayer_core::{id::AccountName, time::EventTime};

use crate::ports::{
    AccountItem, AccountItems, CheckFailure, GoalCheck, GoalChecks, LedgerError, Refusals,
};

use super::{Ledger, keyed, number, text, unavailable, won};

/// Partition key of an account item.
pub(super) fn account_pk(account: &str) -> String {
    format!("account {account}")
}

impl AccountItems for Ledger {
    async fn pause(&self, account: &AccountName, until: EventTime) -> Result<(), LedgerError> {
        self.set_account(account, "pausedUntil", number(until.epoch())).await
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
        &self, account: &AccountName, check: &GoalCheck,
    ) -> Result<(), LedgerError> {
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keyed(&account_pk(account.as_str()), "state")))
            .update_expression(
                "SET heldGoals = :goals, onceHeld = :once, goalsWithoutHashes = :hashless, \
                 findings = :findings, goalsSeen = :seen, absentGoals = :absent, \
                 checkedAt = :at, held = :held \
                 REMOVE failingSince, failingFor",
            )
            .condition_expression("attribute_not_exists(checkedAt) OR checkedAt <= :at")
            .expression_attribute_values(":goals", value_of(&check.held_goals)?)
            .expression_attribute_values(":once", value_of(&check.once_held)?)
            .expression_attribute_values(":held", AttributeValue::Bool(false))
            .expression_attribute_values(":hashless", value_of(&check.goals_without_hashes)?)
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
        &self, account: &AccountName, failure: &CheckFailure,
    ) -> Result<bool, LedgerError> {
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keyed(&account_pk(account.as_str()), "state")))
            .update_expression("SET failingSince = :since, held = :held, failingFor = :finding")
            .condition_expression("attribute_not_exists(checkedAt) OR checkedAt <= :began")
            .expression_attribute_values(":finding", value_of(&failure.finding)?)
            .expression_attribute_values(":since", number(failure.since.epoch()))
            .expression_attribute_values(":held", AttributeValue::Bool(failure.held))
            .expression_attribute_values(":began", number(failure.began.epoch()))
            .send()
            .await;
        won(answer, UpdateItemError::is_conditional_check_failed_exception)
    }
}

fn value_of(value: &impl Serialize) -> Result<AttributeValue, LedgerError> {
    serde_dynamo::to_attribute_value(value)
        .map_err(|error: serde_dynamo::Error| LedgerError::Unreadable(error.to_string()))
}

impl Ledger {
    async fn set_account(
        &self, account: &AccountName, name: &str, value: AttributeValue,
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
