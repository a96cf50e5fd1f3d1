//! One table of DynamoDB, and how the adapters read and write it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{Debug, Display};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::builders::DeleteItemFluentBuilder;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put as PutPart, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use std::sync::Arc;
use tokio::sync::{Semaphore, SemaphorePermit};
use tracklayer_core::time::EventTime;

use super::together::{Put, Together};
use crate::error_text;
use crate::ports::{LedgerError, Place};

pub(super) type Item = HashMap<String, AttributeValue>;

/// Requests about single items of a table that are made at the same time: each needs a connection.
const AT_ONCE: usize = 16;

#[derive(Clone, Debug)]
pub(super) struct Table {
    pub client: Client,
    pub name: String,
    pub(super) gets: Together<Item, Option<Item>>,
    pub(super) puts: Together<Item, Put>,
    single: Arc<Semaphore>,
}

/// An expression that must hold, with its values. The alias `#ttl` in it is the attribute `ttl`.
/// None at all always holds.
#[derive(Debug, Default)]
pub(super) struct Condition {
    expression: Option<String>,
    // DynamoDB refuses lists that are empty.
    names: Option<HashMap<String, String>>,
    values: Option<Item>,
}

impl Condition {
    pub fn new<const N: usize>(expression: &str, values: [(&str, AttributeValue); N]) -> Self {
        let words = expression.split(|c: char| c != '#' && !c.is_alphanumeric());
        let alias = |word: &str| Some((word.to_owned(), word.strip_prefix('#')?.to_owned()));
        let names: HashMap<_, _> = words.filter_map(alias).collect();
        Condition {
            expression: Some(expression.to_owned()),
            names: Some(names).filter(|names| !names.is_empty()),
            values: Some(item(values)).filter(|values| !values.is_empty()),
        }
    }

    /// No item is there, or one that only waits to be deleted: DynamoDB deletes expired items days
    /// later.
    pub fn none_alive(now: EventTime) -> Self {
        Condition::new("attribute_not_exists(pk) OR #ttl <= :now", [(":now", time(now))])
    }

    /// No row is there, or one that only waits to be deleted; another item may be.
    pub fn no_row(now: EventTime) -> Self {
        Condition::new("attribute_not_exists(desired) OR #ttl <= :now", [(":now", time(now))])
    }
}

/// An update expression in the making; every name is aliased, so that no reserved word matters.
#[derive(Debug, Default)]
pub(super) struct Change {
    clauses: BTreeMap<&'static str, Vec<String>>,
    names: HashMap<String, String>,
    values: Item,
}

impl Change {
    pub fn set(&mut self, name: &str, value: AttributeValue) {
        self.clause("SET", name, " =", Some(value));
    }

    pub fn remove(&mut self, name: &str) {
        self.clause("REMOVE", name, "", None);
    }

    fn clause(
        &mut self, kind: &'static str, name: &str, sign: &str, value: Option<AttributeValue>,
    ) {
        let mut clause = format!("#{name}");
        self.names.insert(clause.clone(), name.to_owned());
        if let Some(value) = value {
            clause.push_str(&format!("{sign} :{name}_"));
            self.values.insert(format!(":{name}_"), value);
        }
        self.clauses.entry(kind).or_default().push(clause);
    }

    /// The expression, and the condition with the names and values of both.
    fn under(mut self, when: Condition) -> (String, Condition) {
        let clauses = self.clauses.iter().map(|(kind, list)| format!("{kind} {}", list.join(", ")));
        let expression = clauses.collect::<Vec<_>>().join(" ");
        self.names.extend(when.names.unwrap_or_default());
        self.values.extend(when.values.unwrap_or_default());
        let (names, values) = (Some(self.names), Some(self.values));
        (expression, Condition { expression: when.expression, names, values })
    }
}

impl Table {
    pub fn new(client: Client, name: String) -> Self {
        let (gets, puts) = (Together::default(), Together::default());
        Table { client, name, gets, puts, single: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Waits until a request about a single item may be made; it is over once this is dropped.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.single.acquire().await.ok()
    }

    /// The item at `key`, read consistently.
    pub async fn get(&self, key: Item) -> Result<Option<Item>, LedgerError> {
        let get = self.client.get_item().table_name(&self.name).set_key(Some(key));
        Ok(get.consistent_read(true).send().await?.item)
    }

    /// The item at `key`, unless it only waits to be deleted.
    pub async fn get_alive(&self, key: Item, now: EventTime) -> Result<Option<Item>, LedgerError> {
        Ok(self.get(key).await?.filter(|item| is_alive(item, now)))
    }

    pub fn put(&self, item: Item, when: Condition) -> PutItemFluentBuilder {
        let put = self.client.put_item().table_name(&self.name).set_item(Some(item));
        put.set_condition_expression(when.expression)
            .set_expression_attribute_names(when.names)
            .set_expression_attribute_values(when.values)
    }

    /// Writes a new item, or answers with the one that is there.
    pub async fn put_or_known(
        &self, item: Item, now: EventTime,
    ) -> Result<Option<Item>, LedgerError> {
        self.put_where(item, Condition::none_alive(now), |known| is_alive(known, now)).await
    }

    /// Writes the item where its place is `free`, or answers with the one that is there: it `is_taken`
    /// by an item for which `free` does not hold.
    pub async fn put_where(
        &self, item: Item, free: Condition, is_taken: impl Fn(&Item) -> bool,
    ) -> Result<Option<Item>, LedgerError> {
        match self.put_together(&item).await? {
            Put::Done => return Ok(None),
            Put::Refused => {
                let known = self.get_together(key_of(&item)).await?;
                if known.as_ref().is_some_and(is_taken) {
                    return Ok(known);
                }
            }
            Put::NotTried => {}
        }
        let _turn = self.turn().await;
        let put = self.put(item, free);
        let old = ReturnValuesOnConditionCheckFailure::AllOld;
        let answer = put.return_values_on_condition_check_failure(old).send().await;
        let Err(error) = answer else { return Ok(None) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed))
                if failed.item.is_some() =>
            {
                Ok(failed.item.clone())
            }
            _ => Err(error.into()),
        }
    }

    pub fn update(&self, key: Item, change: Change, when: Condition) -> UpdateItemFluentBuilder {
        let (expression, when) = change.under(when);
        let update = self.client.update_item().table_name(&self.name).set_key(Some(key));
        update
            .update_expression(expression)
            .set_condition_expression(when.expression)
            .set_expression_attribute_names(when.names)
            .set_expression_attribute_values(when.values)
    }

    pub fn delete(&self, key: Item, when: Condition) -> DeleteItemFluentBuilder {
        let delete = self.client.delete_item().table_name(&self.name).set_key(Some(key));
        delete
            .set_condition_expression(when.expression)
            .set_expression_attribute_names(when.names)
            .set_expression_attribute_values(when.values)
    }

    /// [`Table::put`] in a transaction.
    pub fn put_part(&self, item: Item, when: Condition) -> Result<TransactWriteItem, LedgerError> {
        let put = PutPart::builder().table_name(&self.name).set_item(Some(item));
        let put = put
            .set_condition_expression(when.expression)
            .set_expression_attribute_names(when.names)
            .set_expression_attribute_values(when.values);
        Ok(TransactWriteItem::builder().put(put.build()?).build())
    }

    /// [`Table::update`] in a transaction.
    pub fn update_part(
        &self, key: Item, change: Change, when: Condition,
    ) -> Result<TransactWriteItem, LedgerError> {
        let (expression, when) = change.under(when);
        let update = Update::builder().table_name(&self.name).set_key(Some(key));
        let update = update
            .update_expression(expression)
            .set_condition_expression(when.expression)
            .set_expression_attribute_names(when.names)
            .set_expression_attribute_values(when.values);
        Ok(TransactWriteItem::builder().update(update.build()?).build())
    }

    /// The items under keys of the table or of an index.
    pub fn query(&self, keys: Condition) -> QueryFluentBuilder {
        let query = self.client.query().table_name(&self.name);
        query
            .set_key_condition_expression(keys.expression)
            .set_expression_attribute_names(keys.names)
            .set_expression_attribute_values(keys.values)
    }
}

/// Whether a conditional write went through. Also of a transaction: it is cancelled if a condition
/// did not hold, or somebody wrote one of its items in the same moment.
pub(super) fn won<T, E, R>(answer: Result<T, SdkError<E, R>>) -> Result<bool, LedgerError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: Debug + 'static,
{
    let Err(error) = answer else { return Ok(true) };
    match error.as_service_error().and_then(ProvideErrorMetadata::code) {
        Some("ConditionalCheckFailedException" | "TransactionCanceledException") => Ok(false),
        _ => Err(error.into()),
    }
}

impl<E, R> From<SdkError<E, R>> for LedgerError
where
    E: std::error::Error + 'static,
    R: Debug + 'static,
{
    fn from(error: SdkError<E, R>) -> Self {
        LedgerError::Unavailable(error_text::text_of(&error))
    }
}

impl From<BuildError> for LedgerError {
    fn from(error: BuildError) -> Self {
        LedgerError::Unavailable(error.to_string())
    }
}

impl From<serde_dynamo::Error> for LedgerError {
    fn from(error: serde_dynamo::Error) -> Self {
        LedgerError::Unreadable(error.to_string())
    }
}

pub(super) fn item<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

pub(super) fn keyed(pk: impl Into<String>, sk: impl Into<String>) -> Item {
    item([("pk", text(pk)), ("sk", text(sk))])
}

pub(super) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn number(number: impl Display) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(super) fn time(time: EventTime) -> AttributeValue {
    number(time.epoch())
}

pub(super) fn text_of<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

pub(super) fn time_of(item: &Item, name: &str) -> Option<EventTime> {
    let seconds = item.get(name)?.as_n().ok()?.parse().ok()?;
    Some(EventTime::from_epoch(seconds))
}

/// The key of an item.
fn key_of(item: &Item) -> Item {
    let is_key = |(name, _): &(&String, _)| matches!(name.as_str(), "pk" | "sk");
    item.iter().filter(is_key).map(|(name, value)| (name.clone(), value.clone())).collect()
}

pub(super) fn place_of(item: &Item) -> Option<Place> {
    Some(Place { pk: text_of(item, "pk")?.to_owned(), sk: text_of(item, "sk")?.to_owned() })
}

/// Whether the item is more than one that waits to be deleted.
pub(super) fn is_alive(item: &Item, now: EventTime) -> bool {
    time_of(item, "ttl").is_none_or(|ttl| ttl > now)
}
