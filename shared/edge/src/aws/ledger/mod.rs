//! The ledger in DynamoDB: one table, items readable in the console.
//!
//! | item | pk | sk |
//! |---|---|---|
//! | row | `event <source> <eventId>` | event name |
//! | orphan | `event <source> <eventId>` | `~orphan` |
//! | correction pointer | `event <source> <correctionId>` | `~correction` |
//! | another notice of an order, in place of a row | `event <source> <eventId>` | event name |
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
use tracklayer_core::ledger::orphan;
use tracklayer_core::ledger::orphan::Orphan;
use tracklayer_core::ledger::row::{PartitionKey, Row, RowKey};
use tracklayer_core::ledger::stored::{BadRow, StoredRow};
use tracklayer_core::time::EventTime;

pub use claims::CLAIM_DAYS;

use self::orphans::orphan_of;
use super::table::{Change, Condition, Item, Table, is_alive, keyed, number, text, text_of, won};
use crate::ports::{LedgerError, Partition, Rows};

#[derive(Clone, Debug)]
pub struct Ledger {
    table: Table,
}

impl Ledger {
    /// The ledger in `table`.
    pub fn new(client: Client, table: String) -> Self {
        Ledger { table: Table::new(client, table) }
    }
}

impl Rows for Ledger {
    async fn insert(&self, row: &Row, now: EventTime) -> Result<Option<Row>, LedgerError> {
        self.put_unless_row(item_of(row)?, now).await?.map(row_of).transpose()
    }

    async fn change(&self, before: &Row, after: &Row) -> Result<bool, LedgerError> {
        let change = change_of(before, after)?;
        let _turn = self.table.turn().await;
        won(self.table.update(key_item(&before.key), change, unmoved(before)).send().await)
    }

    async fn partition(&self, id: &PartitionKey, now: EventTime) -> Result<Partition, LedgerError> {
        let query = self.table.query(Condition::new("pk = :pk", [(":pk", text(id.pk()))]));
        let _turn = self.table.turn().await;
        let items = query.consistent_read(true).send().await?.items.unwrap_or_default();
        partition_of(items, now)
    }

    async fn known(&self, key: &RowKey, now: EventTime) -> Result<Partition, LedgerError> {
        partition_of(self.table.get_together(key_item(key)).await?, now)
    }

    async fn orphan(
        &self, id: &PartitionKey, now: EventTime,
    ) -> Result<Option<Orphan>, LedgerError> {
        let item = self.table.get_together(keyed(id.pk(), orphan::SORT_KEY)).await?;
        item.filter(|item| is_alive(item, now)).map(orphan_of).transpose()
    }
}

impl Ledger {
    /// Writes the item in the place of a row, or answers with the row that is there.
    async fn put_unless_row(
        &self, item: Item, now: EventTime,
    ) -> Result<Option<Item>, LedgerError> {
        let is_taken = |known: &Item| is_alive(known, now) && is_row(known);
        self.table.put_where(item, Condition::no_row(now), is_taken).await
    }
}

fn partition_of(
    items: impl IntoIterator<Item = Item>, now: EventTime,
) -> Result<Partition, LedgerError> {
    let mut partition = Partition::default();
    for item in items.into_iter().filter(|item| is_alive(item, now)) {
        match text_of(&item, "sk") {
            Some(orphan::SORT_KEY) => partition.orphan = Some(orphan_of(item)?),
            // The pointer of a correction.
            Some(sk) if sk.starts_with('~') => {}
            _ if is_row(&item) => partition.rows.push(row_of(item)?),
            _ => partition.same_order.push(orders::pointer_of(item)?),
        }
    }
    Ok(partition)
}

/// By this one attribute rows are told from all other items.
fn is_row(item: &Item) -> bool {
    item.contains_key("desired")
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
