//! The account item: what all workers must know of an ad account.

use serde::{Deserialize, Serialize};
use tracklayer_core::{id::AccountName, time::EventTime};

use crate::ports::AccountItems;

use super::{Ledger, LedgerError, keyed, number, text, unavailable};

/// The item `account <name>` / `state`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccountItem {
    /// Throttled by Microsoft: no call before this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_until: Option<EventTime>,
    /// The secret version that the identity service refused; it isn't asked again with that one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_secret_version: Option<String>,
    /// A check found fault with the account.
    pub held: bool,
    /// Goals in which a check found fault.
    pub held_goals: Vec<String>,
}

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

impl Ledger {
    async fn set_account(
        &self,
        account: &AccountName,
        name: &str,
        value: aws_sdk_dynamodb::types::AttributeValue,
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
