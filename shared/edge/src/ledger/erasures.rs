//! Erasures: what was asked for, how far it is, which rows it has found.
//!
//! One item each, under `erasure` / `<kind> <value> <key's name>`. It is what the audit looks rows
//! up by, so it names the person; it goes some time after the erasure is done. Until then the audit
//! applies it to rows that were written meanwhile, too.

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnValue},
};
use tracklayer_core::{
    erasure::{Erasure, Person, Scope},
    record::RowKey,
    time::EventTime,
};

use super::{
    Item, Ledger, LedgerError, Place, RowPage, audit::page_of, keyed, number, text, unavailable,
    won,
};
use crate::ports::Erasures;

const PK: &str = "erasure";
/// Rows that one erasure names; an item takes 400 KB. More are erased, but not named.
const MAX_LISTED: i64 = 1_000;

/// For how many periods of the audit a done erasure is applied to rows that come.
const KEPT_PERIODS: i64 = 2;

/// An erasure, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ErasureItem {
    /// Who, and by whom it is asked for.
    pub erasure: Erasure,
    /// When it was last asked for.
    pub requested_at: EventTime,
    /// When all rows had been looked at since.
    pub done_at: Option<EventTime>,
    /// The rows it was found in. They don't tell the person's name any more.
    pub rows: Vec<RowKey>,
}

impl Erasures for Ledger {
    async fn begin_erasure(
        &self,
        erasure: &Erasure,
        now: EventTime,
    ) -> Result<ErasureItem, LedgerError> {
        let list = |names: &[String]| AttributeValue::L(names.iter().map(text).collect());
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key_of(erasure)))
            .update_expression(
                "SET v = :v, requestedAt = :now, sources = :sources, accounts = :accounts \
                 REMOVE doneAt, #ttl",
            )
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":v", number(1))
            .expression_attribute_values(":now", number(now.epoch()))
            .expression_attribute_values(":sources", list(&erasure.scope.sources))
            .expression_attribute_values(":accounts", list(&erasure.scope.accounts))
            .return_values(ReturnValue::AllNew)
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        let unreadable = || LedgerError::Unreadable("an erasure".to_owned());
        answer.attributes.as_ref().and_then(item_of).ok_or_else(unreadable)
    }

    async fn erasures(&self, now: EventTime) -> Result<Vec<ErasureItem>, LedgerError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .filter_expression("attribute_not_exists(#ttl) OR #ttl > :now")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":pk", text(PK))
            .expression_attribute_values(":now", number(now.epoch()))
            .consistent_read(true)
            .into_paginator()
            .send();
        let mut erasures = Vec::new();
        while let Some(page) = pages.next().await {
            let items = page.map_err(|error| unavailable(&error))?.items.unwrap_or_default();
            for item in &items {
                match item_of(item) {
                    Some(erasure) => erasures.push(erasure),
                    None => tracing::error!("an erasure can't be read"),
                }
            }
        }
        Ok(erasures)
    }

    async fn note_found(&self, erasure: &Erasure, row: &RowKey) -> Result<(), LedgerError> {
        let name = format!("{} {}", row.pk(), row.sk());
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key_of(erasure)))
            .update_expression("ADD #rows :row")
            .expression_attribute_names("#rows", "rows")
            .expression_attribute_values(":row", AttributeValue::Ss(vec![name]))
            .condition_expression(
                "attribute_exists(requestedAt) AND \
                 (attribute_not_exists(#rows) OR size(#rows) < :most)",
            )
            .expression_attribute_values(":most", number(MAX_LISTED))
            .send()
            .await;
        won(answer, UpdateItemError::is_conditional_check_failed_exception).map(|_| ())
    }

    async fn erasure_done(
        &self,
        item: &ErasureItem,
        now: EventTime,
        audit_period: i64,
    ) -> Result<bool, LedgerError> {
        let until = now.plus_seconds(KEPT_PERIODS * audit_period);
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key_of(&item.erasure)))
            .update_expression("SET doneAt = :now, #ttl = :until")
            .condition_expression("requestedAt = :requested")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", number(now.epoch()))
            .expression_attribute_values(":until", number(until.epoch()))
            .expression_attribute_values(":requested", number(item.requested_at.epoch()))
            .send()
            .await;
        won(answer, UpdateItemError::is_conditional_check_failed_exception)
    }

    async fn rows_of(
        &self,
        erasure: &Erasure,
        after: Option<&Place>,
    ) -> Result<RowPage, LedgerError> {
        let names = attributes(&erasure.person);
        let equal = |name: &&str| format!("#{name} = :person");
        let any: Vec<String> = names.iter().map(equal).collect();
        let mut scan = self
            .client
            .scan()
            .table_name(&self.table)
            .filter_expression(format!("attribute_exists(desired) AND ({})", any.join(" OR ")))
            .expression_attribute_values(":person", text(erasure.person.value()))
            .set_exclusive_start_key(after.map(|place| keyed(&place.pk, &place.sk)))
            // What was acknowledged before the erasure was asked for must be found.
            .consistent_read(true);
        for name in names {
            scan = scan.expression_attribute_names(format!("#{name}"), *name);
        }
        Ok(page_of(scan.send().await.map_err(|error| unavailable(&error))?))
    }
}

/// The attributes of a row in which the person may be named.
fn attributes(person: &Person) -> &'static [&'static str] {
    match person {
        Person::Session(_) => &["sessionId", "clickReference"],
        Person::Lead(_) => &["leadId"],
        Person::Cart(_) => &["cartId"],
        Person::Order(_) => &["orderId"],
        Person::Email(_) => &["hashedEmail"],
    }
}

fn key_of(erasure: &Erasure) -> Item {
    let Erasure { person, by, .. } = erasure;
    keyed(PK, &format!("{} {} {by}", person.kind(), person.value()))
}

fn item_of(item: &Item) -> Option<ErasureItem> {
    let list = |name: &str| -> Option<Vec<String>> {
        let names = item.get(name)?.as_l().ok()?.iter();
        names.map(|name| name.as_s().ok().cloned()).collect()
    };
    let time = |name: &str| {
        let seconds = item.get(name)?.as_n().ok()?.parse().ok()?;
        Some(EventTime::from_epoch(seconds))
    };
    let mut parts = item.get("sk")?.as_s().ok()?.splitn(3, ' ');
    let person = Person::parse(parts.next()?, parts.next()?)?;
    let scope = Scope { sources: list("sources")?, accounts: list("accounts")? };
    let rows = item.get("rows").and_then(|rows| rows.as_ss().ok());
    Some(ErasureItem {
        erasure: Erasure { person, scope, by: parts.next()?.to_owned() },
        requested_at: time("requestedAt")?,
        done_at: time("doneAt"),
        rows: rows.into_iter().flatten().filter_map(|row| row_key(row)).collect(),
    })
}

fn row_key(row: &str) -> Option<RowKey> {
    let (pk, sk) = row.rsplit_once(' ')?;
    RowKey::parse(pk, sk).ok()
}
