//! The index of open rows, for sweep.

use std::collections::HashMap;

use aws_sdk_dynamodb::{operation::update_item::UpdateItemError, types::AttributeValue};
use tracklayer_core::{
    ledger::{index::IndexClass, row::RowKey},
    time::EventTime,
};

use crate::ports::{Cursor, DueEntry, DuePage, Index, LedgerError, Tally};

use super::{Item, Ledger, key_item, keyed, number, text, unavailable, won};

impl Index for Ledger {
    async fn due(
        &self,
        class: &str,
        now: EventTime,
        limit: i32,
        from: Option<Cursor>,
    ) -> Result<DuePage, LedgerError> {
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
            .set_exclusive_start_key(from.map(|from| start_key(from, class)))
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        let next = answer.last_evaluated_key.as_ref().and_then(cursor_of);
        let entries = answer.items.unwrap_or_default();
        Ok(DuePage { entries: entries.iter().filter_map(|item| read(item, class)).collect(), next })
    }

    async fn tally(&self, class: &str, pages: usize) -> Result<Tally, LedgerError> {
        let mut stream = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("open")
            .key_condition_expression("#open = :class")
            .projection_expression("#account")
            .expression_attribute_names("#open", "open")
            .expression_attribute_names("#account", "account")
            .expression_attribute_values(":class", text(class))
            .into_paginator()
            .send();
        let mut tally = Tally::default();
        for _ in 0..pages {
            let Some(page) = stream.next().await else { break };
            let page = page.map_err(|error| unavailable(&error))?;
            tally.complete = page.last_evaluated_key().is_none_or(HashMap::is_empty);
            for item in page.items() {
                let account = item.get("account").and_then(|account| account.as_s().ok());
                *tally.accounts.entry(account.cloned().unwrap_or_else(none)).or_default() += 1;
            }
        }
        Ok(tally)
    }

    async fn postpone(&self, seen: &DueEntry, until: EventTime) -> Result<bool, LedgerError> {
        self.move_entry(seen, &seen.class, until).await
    }

    async fn let_go(&self, seen: &DueEntry, due: EventTime) -> Result<bool, LedgerError> {
        let open = IndexClass::Wait.entry(&seen.key, due, None);
        self.move_entry(seen, &open.class, open.due).await
    }
}

impl Ledger {
    async fn move_entry(
        &self,
        seen: &DueEntry,
        class: &str,
        due: EventTime,
    ) -> Result<bool, LedgerError> {
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key_item(&seen.key)))
            .update_expression("SET #due = :due, #open = :to")
            .condition_expression("#due = :seen AND #open = :class")
            .expression_attribute_names("#due", "due")
            .expression_attribute_names("#open", "open")
            .expression_attribute_values(":due", number(due.epoch()))
            .expression_attribute_values(":to", text(class))
            .expression_attribute_values(":seen", number(seen.due.epoch()))
            .expression_attribute_values(":class", text(&seen.class))
            .send()
            .await;
        won(answer, UpdateItemError::is_conditional_check_failed_exception)
    }
}

fn start_key(from: Cursor, class: &str) -> Item {
    let mut key = keyed(&from.pk, &from.sk);
    key.insert("open".to_owned(), text(class));
    key.insert("due".to_owned(), AttributeValue::N(from.due));
    key
}

fn cursor_of(key: &Item) -> Option<Cursor> {
    let text = |name: &str| key.get(name).and_then(|value| value.as_s().ok()).cloned();
    let due = key.get("due")?.as_n().ok()?.clone();
    Some(Cursor { pk: text("pk")?, sk: text("sk")?, due })
}

fn read(item: &Item, class: &str) -> Option<DueEntry> {
    let entry = entry_of(item, class);
    if entry.is_none() {
        tracing::error!(class, pk = ?item.get("pk"), "entry of the index can't be read");
    }
    entry
}

fn entry_of(item: &Item, class: &str) -> Option<DueEntry> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
    let key = RowKey::parse(text("pk")?, text("sk")?).ok()?;
    let due = item.get("due")?.as_n().ok()?.parse().ok()?;
    let money =
        text("value").zip(text("currency")).map(|(value, currency)| format!("{value} {currency}"));
    Some(DueEntry {
        key,
        class: class.to_owned(),
        account: text("account")?.clone(),
        due: EventTime::from_epoch(due),
        money,
    })
}

/// CloudWatch takes no empty dimension.
fn none() -> String {
    "none".to_owned()
}
