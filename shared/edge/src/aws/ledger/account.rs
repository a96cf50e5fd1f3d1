use aws_sdk_dynamodb::types::AttributeValue;
use tracklayer_core::{id::AccountName, time::EventTime};

use crate::ports::{AccountItem, AccountItems, CheckFailure, GoalCheck, GoalChecks, LedgerError};

use super::Ledger;
use crate::aws::table::{Change, Condition, Item, keyed, text, time, won};

pub(super) fn account_key(account: &AccountName) -> Item {
    keyed(format!("account {account}"), "state")
}

impl AccountItems for Ledger {
    async fn account_item(&self, account: &AccountName) -> Result<AccountItem, LedgerError> {
        let Some(item) = self.table.get(account_key(account)).await? else {
            return Ok(AccountItem::default());
        };
        Ok(serde_dynamo::from_item(item)?)
    }

    async fn pause(&self, account: &AccountName, until: EventTime) -> Result<(), LedgerError> {
        self.set_account(account, "pausedUntil", time(until)).await
    }

    async fn refuse_secret(&self, account: &AccountName, version: &str) -> Result<(), LedgerError> {
        self.set_account(account, "refusedSecretVersion", text(version)).await
    }
}

impl GoalChecks for Ledger {
    async fn save_check(
        &self, account: &AccountName, check: &GoalCheck,
    ) -> Result<(), LedgerError> {
        let mut change = Change::default();
        for (name, value) in serde_dynamo::to_item::<_, Item>(check)? {
            change.set(&name, value);
        }
        change.set("held", AttributeValue::Bool(false));
        change.remove("failingSince");
        change.remove("failingFor");
        change.remove("sharedWith");
        let update = self.table.update(account_key(account), change, newest(check.checked_at));
        if !won(update.send().await)? {
            tracing::info!(account = account.as_str(), "a check that began later was faster");
        }
        Ok(())
    }

    async fn fail_check(
        &self, account: &AccountName, failure: &CheckFailure,
    ) -> Result<bool, LedgerError> {
        let mut change = Change::default();
        change.set("failingSince", time(failure.since));
        change.set("failingFor", serde_dynamo::to_attribute_value(&failure.finding)?);
        change.set("held", AttributeValue::Bool(failure.held));
        match &failure.shared_with {
            Some(other) => change.set("sharedWith", text(other.as_str())),
            None => change.remove("sharedWith"),
        }
        won(self.table.update(account_key(account), change, newest(failure.began)).send().await)
    }
}

/// No check that began later is kept.
fn newest(began: EventTime) -> Condition {
    let expression = "attribute_not_exists(checkedAt) OR checkedAt <= :began";
    Condition::new(expression, [(":began", time(began))])
}

impl Ledger {
    async fn set_account(
        &self, account: &AccountName, name: &str, value: AttributeValue,
    ) -> Result<(), LedgerError> {
        let mut change = Change::default();
        change.set(name, value);
        self.table.update(account_key(account), change, Condition::default()).send().await?;
        Ok(())
    }
}
