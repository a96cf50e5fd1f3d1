//! Erasures: what was asked for, how far it is, which rows it has found.
//!
//! One item each, under `erasure` / `<kind> <value> <key's name>`. It is what the audit looks rows
//! up by, so it names the person, and in `tiedTo` the visitors who were tied to the person's record,
//! and the cookies of the person's browsers: the ties and clicks themselves are gone by then. The item goes some time after the erasure is done. Until
//! then the audit applies it to rows that come meanwhile and tell of what was before `askedAt`.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnValue},
};
use tracklayer_core::{
    id::RecordId,
    ledger::row::RowKey,
    reconcile::erasure::{Erasure, Person, Scope},
    time::EventTime,
};

use super::{Item, Ledger, audit::page_of, keyed, number, text, unavailable, won};
use crate::ports::{ErasureItem, Erasures, LedgerError, Place, RowPage};

const PK: &str = "erasure";
/// Rows that one erasure names; an item takes 400 KB. More are erased, but not named.
const MAX_LISTED: i64 = 1_000;
/// Operands that `IN` takes
/// (docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html).
const MAX_OPERANDS: usize = 100;
/// The attributes of a row that hold references.
const VISITOR: [&str; 2] = ["sessionId", "clickReference"];

/// For how many periods of the audit a done erasure is applied to rows that come.
const KEPT_PERIODS: i64 = 2;

impl Erasures for Ledger {
    async fn begin_erasure(&self, erasure: &Erasure) -> Result<ErasureItem, LedgerError> {
        // Begun anew with every request, it would never be done.
        if let Some(item) = self.standing(erasure).await? {
            return self.ask_again(item, erasure.asked_at).await;
        }
        let list = |names: &[String]| AttributeValue::L(names.iter().map(text).collect());
        let references: Vec<String> = erasure.references.iter().map(RecordId::to_string).collect();
        // A set can't be empty.
        let add = if references.is_empty() { "" } else { " ADD tiedTo :references" };
        let references = Some(references).filter(|list| !list.is_empty()).map(AttributeValue::Ss);
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key_of(erasure)))
            .update_expression(format!(
                "SET v = :v, requestedAt = :now, askedAt = :now, sources = :sources, accounts = :accounts \
                 REMOVE doneAt, #ttl{add}"
            ))
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":v", number(1))
            .expression_attribute_values(":now", number(erasure.asked_at.epoch()))
            .expression_attribute_values(":sources", list(&erasure.scope.sources))
            .expression_attribute_values(":accounts", list(&erasure.scope.accounts))
            .return_values(ReturnValue::AllNew);
        if let Some(references) = references {
            update = update.expression_attribute_values(":references", references);
        }
        let answer = update.send().await.map_err(|error| unavailable(&error))?;
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
            .update_expression("SET doneAt = if_not_exists(doneAt, :now), #ttl = :until")
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
        let equal = names.iter().map(|name| format!("#{name} = :person"));
        let any: Vec<String> = equal.chain(led_to(erasure.references.len())).collect();
        let mut scan = self
            .client
            .scan()
            .table_name(&self.table)
            .filter_expression(format!("attribute_exists(desired) AND ({})", any.join(" OR ")))
            .expression_attribute_values(":person", text(erasure.person.value()))
            .set_exclusive_start_key(after.map(|place| keyed(&place.pk, &place.sk)))
            // What was acknowledged before the erasure was asked for must be found.
            .consistent_read(true);
        let visitor = VISITOR.iter().filter(|_| !erasure.references.is_empty());
        for name in names.iter().chain(visitor) {
            scan = scan.expression_attribute_names(format!("#{name}"), *name);
        }
        let named = erasure.references.iter().filter(|_| erasure.references.len() <= MAX_OPERANDS);
        for (n, reference) in named.enumerate() {
            scan = scan.expression_attribute_values(format!(":r{n}"), text(reference.to_string()));
        }
        Ok(page_of(scan.send().await.map_err(|error| unavailable(&error))?))
    }
}

impl Ledger {
    /// The same erasure, if it was asked for before in no smaller extent and is not forgotten.
    async fn standing(&self, erasure: &Erasure) -> Result<Option<ErasureItem>, LedgerError> {
        let now = erasure.asked_at;
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key_of(erasure)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        // An expired item may stand for days until DynamoDB deletes it.
        let item = answer.item.filter(|item| time(item, "ttl").is_none_or(|ttl| ttl > now));
        let item = item.as_ref().and_then(item_of);
        Ok(item.filter(|item| item.erasure.includes(erasure)))
    }

    /// `item`, asked for again at `now`: what is from before that is meant, too.
    async fn ask_again(
        &self,
        mut item: ErasureItem,
        now: EventTime,
    ) -> Result<ErasureItem, LedgerError> {
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key_of(&item.erasure)))
            .update_expression("SET askedAt = :now")
            .condition_expression(
                "attribute_exists(requestedAt) AND \
                 (attribute_not_exists(askedAt) OR askedAt < :now)",
            )
            .expression_attribute_values(":now", number(now.epoch()))
            .send()
            .await;
        // Lost to somebody who asked in the same second or later, which is as good.
        won(answer, UpdateItemError::is_conditional_check_failed_exception)?;
        item.erasure.asked_at = item.erasure.asked_at.max(now);
        Ok(item)
    }
}

/// Conditions for rows of any of so many references `:r0`, `:r1`, …; of more than `IN` takes, for
/// rows of any visitor: the caller looks at them anyway.
fn led_to(references: usize) -> Vec<String> {
    let list: Vec<String> = (0..references).map(|n| format!(":r{n}")).collect();
    let condition = |name: &str| match references {
        0 => None,
        1..=MAX_OPERANDS => Some(format!("#{name} IN ({})", list.join(", "))),
        _ => Some(format!("attribute_exists(#{name})")),
    };
    VISITOR.into_iter().filter_map(condition).collect()
}

/// The attributes of a row in which the person may be named.
fn attributes(person: &Person) -> &'static [&'static str] {
    match person {
        Person::Session(_) => &VISITOR,
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
    let mut parts = item.get("sk")?.as_s().ok()?.splitn(3, ' ');
    let person = Person::parse(parts.next()?, parts.next()?)?;
    let scope = Scope { sources: list("sources")?, accounts: list("accounts")? };
    let set = |name: &str| item.get(name).and_then(|set| set.as_ss().ok()).into_iter().flatten();
    let references = set("tiedTo").map(|id| RecordId::parse(id).ok());
    let references = references.collect::<Option<BTreeSet<RecordId>>>()?;
    let requested_at = time(item, "requestedAt")?;
    // Items of earlier versions don't say whether it was asked for again.
    let asked_at = time(item, "askedAt").unwrap_or(requested_at);
    Some(ErasureItem {
        erasure: Erasure { person, scope, by: parts.next()?.to_owned(), asked_at, references },
        requested_at,
        done_at: time(item, "doneAt"),
        rows: set("rows").filter_map(|row| row_key(row)).collect(),
    })
}

fn time(item: &Item, name: &str) -> Option<EventTime> {
    let seconds = item.get(name)?.as_n().ok()?.parse().ok()?;
    Some(EventTime::from_epoch(seconds))
}

fn row_key(row: &str) -> Option<RowKey> {
    let (pk, sk) = row.rsplit_once(' ')?;
    RowKey::parse(pk, sk).ok()
}
