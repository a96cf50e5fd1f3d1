//! What an operator asks of the ledger.

use aws_sdk_dynamodb::Client;
use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::order::{OrderClaim, OrderKey, SORT_KEY};
use tracklayer_core::ledger::orphan;
use tracklayer_core::ledger::row::PartitionKey;
use tracklayer_core::money::Money;
use tracklayer_core::time::EventTime;

use crate::ports::{Cursor, LedgerError, LedgerLookups, OpenEntry, OpenPage, TableSize};

use super::due::{cursor_of, logged, start_key, str_of, time_of};
use super::orders::claim_of;
use super::{Item, Ledger, expires_at, keyed, text, unavailable};

impl LedgerLookups for Ledger {
    async fn order_claim(
        &self, order: &OrderKey, now: EventTime,
    ) -> Result<Option<OrderClaim>, LedgerError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(keyed(&order.pk(), SORT_KEY)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        let alive = answer.item.filter(|item| expires_at(item).is_none_or(|ttl| ttl > now));
        alive.as_ref().map(claim_of).transpose()
    }

    async fn open(&self, index_key: &str, from: Option<Cursor>) -> Result<OpenPage, LedgerError> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("open")
            .key_condition_expression("#open = :class")
            .expression_attribute_names("#open", "open")
            .expression_attribute_values(":class", text(index_key))
            .set_exclusive_start_key(from.map(|from| start_key(from, index_key)))
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        let next = answer.last_evaluated_key.as_ref().and_then(cursor_of);
        let items = answer.items.unwrap_or_default();
        let read = |item| logged(entry_of(item, index_key), item, index_key);
        Ok(OpenPage { entries: items.iter().filter_map(read).collect(), next })
    }

    async fn size(&self) -> Result<TableSize, LedgerError> {
        table_size(&self.client, &self.table).await
    }
}

/// How large a table is.
pub(in crate::aws) async fn table_size(
    client: &Client, table: &str,
) -> Result<TableSize, LedgerError> {
    let answer = client.describe_table().table_name(table).send().await;
    let described = answer.map_err(|error| unavailable(&error))?.table;
    let number = |number: Option<i64>| u64::try_from(number.unwrap_or(0)).unwrap_or(0);
    Ok(TableSize {
        items: number(described.as_ref().and_then(|table| table.item_count)),
        bytes: number(described.as_ref().and_then(|table| table.table_size_bytes)),
    })
}

fn entry_of(item: &Item, index_key: &str) -> Option<OpenEntry> {
    let due = time_of(item, "due")?;
    let sk = str_of(item, "sk")?;
    let event = if sk == orphan::SORT_KEY { None } else { Some(sk.parse().ok()?) };
    let owned = |name: &str| str_of(item, name).map(str::to_owned);
    // As in a row: an unknown reason is read as "other".
    let reason = item.get("reason").cloned().map(serde_dynamo::from_attribute_value);
    Some(OpenEntry {
        partition: PartitionKey::parse(str_of(item, "pk")?).ok()?,
        event,
        class: IndexClass::parse(index_key),
        account: owned("account"),
        goal: owned("goal"),
        money: money_of(item),
        reason: reason.and_then(Result::ok),
        due,
        since: time_of(item, "since").unwrap_or(due),
    })
}

fn money_of(item: &Item) -> Option<Money> {
    let amount = serde_dynamo::from_attribute_value(item.get("value")?.clone()).ok()?;
    let currency = serde_dynamo::from_attribute_value(item.get("currency")?.clone()).ok()?;
    Some(Money { amount, currency })
}
