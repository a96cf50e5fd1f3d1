//! The ledger in DynamoDB: one table, items readable in the console.
//!
//! | item | pk | sk |
//! |---|---|---|
//! | row | `event <source> <eventId>` | event name |
//! | orphan | `event <source> <eventId>` | `~orphan` |
//! | correction pointer | `event <source> <correctionId>` | `~correction` |
//! | another notice of an order | `event <source> <eventId>` | `~same-order <event>` |
//! | key claim | `key <hash>` | `key` |
//! | order claim | `order <hash>` | `order` |
//! | account | `account <name>` | `state` |
//! | what Microsoft counts | `account <name>` | `outcome <day> <goal>` |
//! | audit | `audit` | `state` |
//! | erasure | `erasure` | `<kind> <value> <key's name>` |

mod account;
mod audit;
mod batch;
mod claims;
mod erasures;
mod index;
mod orders;
mod orphans;
mod outcomes;

use aws_sdk_dynamodb::Client;
use tracklayer_core::ledger::orphan::Orphan;
use tracklayer_core::ledger::row::{PartitionKey, Row, RowKey};
use tracklayer_core::ledger::stored::{BadRow, StoredRow};
use tracklayer_core::ledger::{order, orphan};
use tracklayer_core::time::EventTime;

pub use claims::CLAIM_DAYS;

use self::orphans::orphan_of;
use super::table::{Change, Condition, Item, Table, is_alive, keyed, number, text, text_of, won};
use super::together::Together;
use crate::ports::{LedgerError, Partition, Rows};

#[derive(Clone, Debug)]
pub struct Ledger {
    table: Table,
    /// Rows that are about to be read.
    known: Together<RowKey, Partition>,
}

impl Ledger {
    /// The ledger in `table`.
    pub fn new(client: Client, table: String) -> Self {
        Ledger { table: Table::new(client, table), known: Together::default() }
    }
}

impl Rows for Ledger {
    async fn insert(&self, row: &Row, now: EventTime) -> Result<Option<Row>, LedgerError> {
        self.table.put_or_known(item_of(row)?, now).await?.map(row_of).transpose()
    }

    async fn change(&self, before: &Row, after: &Row) -> Result<bool, LedgerError> {
        let change = change_of(before, after)?;
        won(self.table.update(key_item(&before.key), change, unmoved(before)).send().await)
    }

    async fn partition(&self, id: &PartitionKey, now: EventTime) -> Result<Partition, LedgerError> {
        let query = self.table.query(Condition::new("pk = :pk", [(":pk", text(id.pk()))]));
        let items = query.consistent_read(true).send().await?.items.unwrap_or_default();
        partition_of(items, now)
    }

    async fn known(&self, key: &RowKey, now: EventTime) -> Result<Partition, LedgerError> {
        let read_all = async |keys: Vec<RowKey>| match keys.as_slice() {
            // One read unit instead of two.
            [key] => vec![self.partition(&key.partition_key(), now).await],
            keys => self.known_of(keys, now).await,
        };
        self.known.ask(key.clone(), read_all).await
    }

    async fn orphan(
        &self, id: &PartitionKey, now: EventTime,
    ) -> Result<Option<Orphan>, LedgerError> {
        let item = self.table.get_together(keyed(id.pk(), orphan::SORT_KEY)).await?;
        item.filter(|item| is_alive(item, now)).map(orphan_of).transpose()
    }
}

impl Ledger {
    async fn known_of(
        &self, keys: &[RowKey], now: EventTime,
    ) -> Vec<Result<Partition, LedgerError>> {
        let items_of = |key: &RowKey| [key_item(key), orders::pointer_key(key.pk(), &key.event)];
        match self.table.get_all(keys.iter().flat_map(items_of)).await {
            Ok(items) => {
                let known = |key| {
                    let [row, pointer] = items_of(key);
                    let found = [items.get(&row)?, items.get(&pointer)?];
                    partition_of(found.into_iter().flatten().cloned(), now)
                };
                keys.iter().map(known).collect()
            }
            Err(error) => vec![Err(error); keys.len()],
        }
    }
}

fn partition_of(
    items: impl IntoIterator<Item = Item>, now: EventTime,
) -> Result<Partition, LedgerError> {
    let mut partition = Partition::default();
    for item in items.into_iter().filter(|item| is_alive(item, now)) {
        match text_of(&item, "sk") {
            Some(orphan::SORT_KEY) => partition.orphan = Some(orphan_of(item)?),
            Some(sk) if sk.starts_with(order::POINTER) => {
                partition.same_order.push(orders::pointer_of(item)?);
            }
            _ if item.contains_key("desired") => partition.rows.push(row_of(item)?),
            _ => {}
        }
    }
    Ok(partition)
}

/// Nobody has written since `row` was read.
fn unmoved(row: &Row) -> Condition {
    let desired = (":desired", number(row.desired_revision));
    let observed = (":observed", number(row.observed_revision));
    Condition::new("desired = :desired AND observed = :observed", [desired, observed])
}

/// What leads from `before` to the desired side of `after`.
fn change_of(before: &Row, after: &Row) -> Result<Change, LedgerError> {
    let (old, new) = (item_of(before)?, item_of(after)?);
    let mut change = Change::default();
    for (name, value) in &new {
        if !is_observed_side(name) && old.get(name) != Some(value) {
            change.set(name, value.clone());
        }
    }
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        change.remove(name);
    }
    Ok(change)
}

/// Attributes that only upload writes.
fn is_observed_side(name: &str) -> bool {
    matches!(name, "pk" | "sk" | "observed" | "microsoft")
}

fn item_of(row: &Row) -> Result<Item, LedgerError> {
    Ok(serde_dynamo::to_item(StoredRow::from(row))?)
}

fn row_of(item: Item) -> Result<Row, LedgerError> {
    let stored: StoredRow = serde_dynamo::from_item(item)?;
    Ok(stored.try_into()?)
}

impl From<BadRow> for LedgerError {
    fn from(error: BadRow) -> Self {
        LedgerError::Unreadable(error.to_string())
    }
}

fn key_item(key: &RowKey) -> Item {
    keyed(key.pk(), key.sk())
}
