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
//! | audit | `audit` | `state` |
//! | erasure | `erasure` | `<kind> <value> <key's name>` |

mod account;
mod audit;
mod batch;
mod claims;
mod due;
mod erasures;
mod lookups;
mod orders;
mod orphans;

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use tracklayer_core::id::{RecordId, Source};
use tracklayer_core::ledger::row::{Row, RowKey};
use tracklayer_core::ledger::stored::{BadRow, StoredRow};
use tracklayer_core::ledger::{order, orphan};
use tracklayer_core::time::EventTime;

pub use claims::CLAIM_DAYS;
pub(super) use lookups::table_size;

use self::orphans::orphan_of;
use crate::error_text::text_of;
use crate::ports::{LedgerError, Partition, Rows};

type Item = HashMap<String, AttributeValue>;

#[derive(Clone, Debug)]
pub struct Ledger {
    client: Client,
    table: String,
}

impl Ledger {
    /// The ledger in `table`.
    pub fn new(client: Client, table: String) -> Self {
        Ledger { client, table }
    }

    async fn partition_items(
        &self, source: &Source, event_id: &RecordId,
    ) -> Result<Vec<Item>, LedgerError> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(RowKey::partition(source, event_id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        Ok(answer.items.unwrap_or_default())
    }
}

impl Rows for Ledger {
    async fn insert(&self, row: &Row, now: EventTime) -> Result<Option<Row>, LedgerError> {
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item_of(row)?))
            .condition_expression(NONE_ALIVE)
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", number(now.epoch()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = answer else { return Ok(None) };
        let condition = |error: &PutItemError| match error {
            PutItemError::ConditionalCheckFailedException(failed) => failed.item().cloned(),
            _ => None,
        };
        match old_item(&error, condition) {
            Some(item) => row_of(item).map(Some),
            None => Err(unavailable(&error)),
        }
    }

    async fn change(&self, before: &Row, after: &Row) -> Result<bool, LedgerError> {
        let (expression, names, values) = change_of(before, after)?;
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key_item(&before.key)))
            .update_expression(expression)
            .condition_expression(UNMOVED)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .send()
            .await;
        won(answer, |e| e.is_conditional_check_failed_exception())
    }

    async fn partition(
        &self, source: &Source, event_id: &RecordId, now: EventTime,
    ) -> Result<Partition, LedgerError> {
        let mut partition = Partition::default();
        for item in self.partition_items(source, event_id).await? {
            // As in `NONE_ALIVE`.
            if expires_at(&item).is_some_and(|ttl| ttl <= now) {
                continue;
            }
            match item.get("sk").and_then(|sk| sk.as_s().ok()).map(String::as_str) {
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
}

/// No item is there, or one that only waits to be deleted: DynamoDB deletes expired items days later.
const NONE_ALIVE: &str = "attribute_not_exists(pk) OR #ttl <= :now";

/// Nobody has written since the row was read.
const UNMOVED: &str = "desired = :desired AND observed = :observed";

/// The update expression from `before` to the desired side of `after`, with its names and values.
fn change_of(
    before: &Row, after: &Row,
) -> Result<(String, HashMap<String, String>, Item), LedgerError> {
    let (old, new) = (item_of(before)?, item_of(after)?);
    let mut update = Update::default();
    for (name, value) in &new {
        if !is_observed_side(name) && old.get(name) != Some(value) {
            update.set(name, value.clone());
        }
    }
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        update.remove(name);
    }
    let (names, mut values, expression) = update.finish();
    values.insert(":desired".to_owned(), unsigned(before.desired_revision));
    values.insert(":observed".to_owned(), unsigned(before.observed_revision));
    Ok((expression, names, values))
}

/// Attributes that only upload writes.
fn is_observed_side(name: &str) -> bool {
    matches!(name, "pk" | "sk" | "observed" | "microsoft")
}

/// When DynamoDB may delete the item, if it may.
fn expires_at(item: &Item) -> Option<EventTime> {
    let seconds = item.get("ttl")?.as_n().ok()?.parse().ok()?;
    Some(EventTime::from_epoch(seconds))
}

/// An update expression in the making; every name is aliased, so that no reserved word matters.
#[derive(Default)]
struct Update {
    names: HashMap<String, String>,
    values: Item,
    set: Vec<String>,
    remove: Vec<String>,
}

impl Update {
    fn alias(&mut self, name: &str) -> String {
        let alias = format!("#{name}");
        self.names.insert(alias.clone(), name.to_owned());
        alias
    }

    fn set(&mut self, name: &str, value: AttributeValue) {
        let alias = self.alias(name);
        self.set.push(format!("{alias} = :{name}_"));
        self.values.insert(format!(":{name}_"), value);
    }

    fn remove(&mut self, name: &str) {
        let alias = self.alias(name);
        self.remove.push(alias);
    }

    fn finish(self) -> (HashMap<String, String>, Item, String) {
        let mut expression = String::new();
        if !self.set.is_empty() {
            expression.push_str(&format!("SET {}", self.set.join(", ")));
        }
        if !self.remove.is_empty() {
            expression.push_str(&format!(" REMOVE {}", self.remove.join(", ")));
        }
        (self.names, self.values, expression)
    }
}

fn item_of(row: &Row) -> Result<Item, LedgerError> {
    serde_dynamo::to_item(StoredRow::from(row)).map_err(|e| LedgerError::Unreadable(e.to_string()))
}

fn row_of(item: Item) -> Result<Row, LedgerError> {
    let stored: StoredRow =
        serde_dynamo::from_item(item).map_err(|e| LedgerError::Unreadable(e.to_string()))?;
    stored.try_into().map_err(|e: BadRow| LedgerError::Unreadable(e.to_string()))
}

fn key_item(key: &RowKey) -> Item {
    keyed(&key.pk(), key.sk())
}

fn keyed(pk: &str, sk: &str) -> Item {
    Item::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))])
}

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn unsigned(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn unavailable<E, R>(error: &SdkError<E, R>) -> LedgerError
where
    E: std::error::Error + 'static,
    R: std::fmt::Debug,
{
    LedgerError::Unavailable(text_of(error))
}

/// The item that a failed condition met, if that is what failed.
fn old_item<E, R>(error: &SdkError<E, R>, item: impl Fn(&E) -> Option<Item>) -> Option<Item> {
    error.as_service_error().and_then(item)
}

/// Whether a conditional write went through.
pub(super) fn won<T, E, R>(
    answer: Result<T, SdkError<E, R>>, is_condition: impl Fn(&E) -> bool,
) -> Result<bool, LedgerError>
where
    E: std::error::Error + 'static,
    R: std::fmt::Debug,
{
    match answer {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(is_condition) => Ok(false),
        Err(error) => Err(unavailable(&error)),
    }
}
