//! The index of open rows, for sweep.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use tracklayer_core::{record::RowKey, time::EventTime};

use super::{Item, Ledger, LedgerError, key_item, number, text, unavailable, won};

/// One entry of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueEntry {
    /// The row.
    pub key: RowKey,
    /// Its account.
    pub account: String,
    /// The `due` it had when it was read.
    pub due: EventTime,
    /// For people: value and currency.
    pub money: Option<String>,
}

impl Ledger {
    /// The entries of one index key that are due, oldest first; at most one page of `limit`.
    ///
    /// # Errors
    /// If DynamoDB is unavailable.
    pub async fn due(
        &self,
        class: &str,
        now: EventTime,
        limit: i32,
    ) -> Result<Vec<DueEntry>, LedgerError> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("open")
            .key_condition_expression("#open = :class AND #due <= :now")
            .expression_attribute_names("#open", "open")
            .expression_attribute_names("#due", "due")
            .expression_attribute_values(":class", text(class))
            .expression_attribute_values(":now", number(now.epoch()))
            .limit(limit)
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        Ok(answer.items.unwrap_or_default().iter().filter_map(entry_of).collect())
    }

    /// How many entries an index key has.
    ///
    /// # Errors
    /// If DynamoDB is unavailable.
    pub async fn count(&self, class: &str) -> Result<usize, LedgerError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("open")
            .key_condition_expression("#open = :class")
            .expression_attribute_names("#open", "open")
            .expression_attribute_values(":class", text(class))
            .select(aws_sdk_dynamodb::types::Select::Count)
            .into_paginator()
            .send();
        let mut count = 0;
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| unavailable(&error))?;
            count += usize::try_from(page.count()).unwrap_or(0);
        }
        Ok(count)
    }

    /// Moves `due` of a row on condition that nobody moved it before; answers whether it did.
    /// Raises no revision: nothing about the row has changed.
    ///
    /// # Errors
    /// If DynamoDB is unavailable.
    pub async fn postpone(
        &self,
        key: &RowKey,
        seen: EventTime,
        until: EventTime,
    ) -> Result<bool, LedgerError> {
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key_item(key)))
            .update_expression("SET #due = :until")
            .condition_expression("#due = :seen")
            .expression_attribute_names("#due", "due")
            .expression_attribute_values(":until", number(until.epoch()))
            .expression_attribute_values(":seen", number(seen.epoch()))
            .send()
            .await;
        won(answer, UpdateItemError::is_conditional_check_failed_exception)
    }
}

fn entry_of(item: &Item) -> Option<DueEntry> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
    let key = RowKey::parse(text("pk")?, text("sk")?).ok()?;
    let due = item.get("due")?.as_n().ok()?.parse().ok()?;
    let money =
        text("value").zip(text("currency")).map(|(value, currency)| format!("{value} {currency}"));
    Some(DueEntry {
        key,
        account: text("account")?.clone(),
        due: EventTime::from_epoch(due),
        money,
    })
}
