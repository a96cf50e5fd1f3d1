//! Erasures: what was asked for, how far it is, which rows it has found.
//!
//! One item each, under `erasure` / `<kind> <value> <key's name>`. It is what the audit looks rows
//! up by, so it names the person, and in `tiedTo` the visitors who were tied to the person's record,
//! and the cookies of the person's browsers: the ties and clicks themselves are gone by then.
//! `traces` are the clicks and ties that still have to go. The item expires some time after the
//! erasure is done. Until then the audit applies it to rows that come meanwhile and are about what was before
//! `askedAt`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use tracklayer_core::id::RecordId;
use tracklayer_core::ledger::row::RowKey;
use tracklayer_core::reconcile::erasure::{Erasure, Person, Scope, Trace};
use tracklayer_core::time::EventTime;

use super::{Item, Ledger, keyed, number, text, unavailable, won};
use crate::ports::{ErasureItem, Erasures, LedgerError, Progress};

const PK: &str = "erasure";
/// Rows that one erasure names; an item takes 400 KB. More are erased, but not named.
const MAX_LISTED: i64 = 1_000;

/// It is not forgotten.
const KNOWN: &str = "attribute_exists(askedAt)";
/// For how many periods of the audit a done erasure is applied to rows that come.
const KEPT_PERIODS: i64 = 2;

impl Erasures for Ledger {
    async fn begin_erasure(&self, erasure: &Erasure) -> Result<ErasureItem, LedgerError> {
        let known = self.known(erasure).await?;
        let list = |names: &[String]| AttributeValue::L(names.iter().map(text).collect());
        let before = known.as_ref().map(|item| item.erasure.asked_at);
        let asked_at = erasure.asked_at.max(before.unwrap_or(erasure.asked_at));
        let mut change = Change::new();
        change.set("askedAt", number(asked_at.epoch()));
        change.set("sources", list(&erasure.scope.sources));
        change.set("accounts", list(&erasure.scope.accounts));
        // Begun anew with every request, it would never be done.
        if known.as_ref().is_none_or(|item| !item.covers(erasure)) {
            change.begin_anew(erasure.asked_at);
        }
        let own = || Trace::of(erasure.person.clone()).into_iter().collect();
        let traces = known.as_ref().map_or_else(own, ErasureItem::all_traces);
        change.add_all("traces", &traces);
        current(self.update(erasure, change, None)).await
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

    async fn note_progress(
        &self, erasure: &Erasure, progress: &Progress,
    ) -> Result<ErasureItem, LedgerError> {
        let mut change = Change::new();
        if let Some(at) = progress.pass_after {
            change.begin_anew(at);
        }
        change.add_all("traces", &progress.found);
        change.add_all("tiedTo", &progress.references);
        change.add_all("cookies", &progress.cookies);
        change.add_count("cookiesLeft", progress.cookies_left);
        change.add_count("clicks", progress.clicks);
        change.add_count("ties", progress.ties);
        let Some(trace) = &progress.of else {
            return current(self.update(erasure, change, Some(KNOWN))).await;
        };
        let update = self
            .update(erasure, change, Some("contains(traces, :trace)"))
            .expression_attribute_values(":trace", text(trace.to_string()));
        current(update).await
    }

    async fn trace_is_gone(
        &self, erasure: &Erasure, trace: &Trace,
    ) -> Result<ErasureItem, LedgerError> {
        let mut change = Change::new();
        let text = AttributeValue::Ss(vec![trace.to_string()]);
        change.clause("DELETE", "traces", Some(("", text)));
        current(self.update(erasure, change, Some(KNOWN))).await
    }

    async fn note_row(
        &self, erasure: &Erasure, row: &RowKey, traces: &BTreeSet<Trace>,
    ) -> Result<(), LedgerError> {
        let mut change = Change::new();
        change.add_all("traces", traces);
        let name = format!("{} {}", row.pk(), row.sk());
        change.add("rows", AttributeValue::Ss(vec![name]));
        let room = "attribute_exists(askedAt) AND \
                    (attribute_not_exists(#rows) OR size(#rows) < :most)";
        let update = self.update(erasure, change, Some(room));
        let answer = update.expression_attribute_values(":most", number(MAX_LISTED)).send().await;
        if won(answer, UpdateItemError::is_conditional_check_failed_exception)? {
            return Ok(());
        }
        tracing::warn!(most = MAX_LISTED, "more rows of one person than an erasure names");
        let found = Progress { found: traces.clone(), ..Progress::default() };
        self.note_progress(erasure, &found).await.map(|_| ())
    }

    async fn erasure_done(
        &self, item: &ErasureItem, now: EventTime, audit_period: i64,
    ) -> Result<bool, LedgerError> {
        let until = now.plus_seconds(KEPT_PERIODS * audit_period);
        let mut change = Change::new();
        change.set("doneAt", number(now.epoch()));
        change.set("ttl", number(until.epoch()));
        let update = self
            .update(&item.erasure, change, Some("passAfter = :after"))
            .expression_attribute_values(":after", number(item.pass_after.epoch()));
        let answer = update.send().await;
        won(answer, UpdateItemError::is_conditional_check_failed_exception)
    }
}

impl Ledger {
    /// The same erasure, if it was asked for before and is not forgotten.
    async fn known(&self, erasure: &Erasure) -> Result<Option<ErasureItem>, LedgerError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key_of(erasure)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        // An expired item may stay for days until DynamoDB deletes it.
        let is_alive = |item: &Item| time(item, "ttl").is_none_or(|ttl| ttl > erasure.asked_at);
        Ok(answer.item.filter(is_alive).as_ref().and_then(item_of))
    }

    fn update(
        &self, erasure: &Erasure, change: Change, condition: Option<&str>,
    ) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key_of(erasure)))
            .update_expression(change.expression())
            .set_expression_attribute_names(Some(change.names))
            .set_expression_attribute_values(Some(change.values))
            .set_condition_expression(condition.map(str::to_owned))
    }
}

/// The erasure as it is after `update`, or without it if its condition didn't hold: somebody else
/// was faster.
async fn current(update: UpdateItemFluentBuilder) -> Result<ErasureItem, LedgerError> {
    let answer = update
        .return_values(ReturnValue::AllNew)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    let error = match answer {
        Ok(answer) => return read(answer.attributes.as_ref()),
        Err(error) => error,
    };
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => read(failed.item()),
        _ => Err(unavailable(&error)),
    }
}

fn read(item: Option<&Item>) -> Result<ErasureItem, LedgerError> {
    item.and_then(item_of).ok_or_else(|| LedgerError::Unreadable("an erasure".to_owned()))
}

/// An update expression in the making; every name is aliased, so that no reserved word matters.
struct Change {
    names: HashMap<String, String>,
    values: Item,
    clauses: BTreeMap<&'static str, Vec<String>>,
}

impl Change {
    fn new() -> Self {
        let (names, values, clauses) = (HashMap::new(), Item::new(), BTreeMap::new());
        let mut change = Change { names, values, clauses };
        change.set("v", number(1));
        change
    }

    fn set(&mut self, name: &str, value: AttributeValue) {
        self.clause("SET", name, Some((" =", value)));
    }

    fn add(&mut self, name: &str, value: AttributeValue) {
        self.clause("ADD", name, Some(("", value)));
    }

    fn add_all<T: Display>(&mut self, name: &str, texts: &BTreeSet<T>) {
        if !texts.is_empty() {
            self.add(name, AttributeValue::Ss(texts.iter().map(T::to_string).collect()));
        }
    }

    fn add_count(&mut self, name: &str, count: usize) {
        if count > 0 {
            self.add(name, AttributeValue::N(count.to_string()));
        }
    }

    /// All rows have to be looked at, by a pass that begins later than `at`.
    fn begin_anew(&mut self, at: EventTime) {
        self.set("passAfter", number(at.epoch()));
        self.clause("REMOVE", "doneAt", None);
        self.clause("REMOVE", "ttl", None);
    }

    fn clause(&mut self, kind: &'static str, name: &str, value: Option<(&str, AttributeValue)>) {
        let mut clause = format!("#{name}");
        self.names.insert(clause.clone(), name.to_owned());
        if let Some((sign, value)) = value {
            self.values.insert(format!(":{name}_"), value);
            clause.push_str(&format!("{sign} :{name}_"));
        }
        self.clauses.entry(kind).or_default().push(clause);
    }

    fn expression(&self) -> String {
        let clause =
            |(kind, clauses): (&&str, &Vec<String>)| format!("{kind} {}", clauses.join(", "));
        self.clauses.iter().map(clause).collect::<Vec<_>>().join(" ")
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
    let erasure = Erasure {
        person,
        scope,
        by: parts.next()?.to_owned(),
        asked_at: time(item, "askedAt")?,
        references: texts(item, "tiedTo", |id| RecordId::parse(id).ok())?,
    };
    Some(ErasureItem {
        erasure,
        pass_after: time(item, "passAfter")?,
        done_at: time(item, "doneAt"),
        traces: texts(item, "traces", Trace::parse)?,
        cookies: texts(item, "cookies", |id| RecordId::parse(id).ok())?,
        cookies_left: count(item, "cookiesLeft"),
        clicks: count(item, "clicks"),
        ties: count(item, "ties"),
        rows: texts(item, "rows", row_key)?,
    })
}

/// The set `name`; `None` if one of its texts can't be read.
fn texts<T: Ord>(
    item: &Item, name: &str, parse: impl Fn(&str) -> Option<T>,
) -> Option<BTreeSet<T>> {
    let set = item.get(name).and_then(|set| set.as_ss().ok());
    set.into_iter().flatten().map(|text| parse(text)).collect()
}

fn time(item: &Item, name: &str) -> Option<EventTime> {
    let seconds = item.get(name)?.as_n().ok()?.parse().ok()?;
    Some(EventTime::from_epoch(seconds))
}

fn count(item: &Item, name: &str) -> usize {
    let number = item.get(name).and_then(|number| number.as_n().ok());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn row_key(row: &str) -> Option<RowKey> {
    let (pk, sk) = row.rsplit_once(' ')?;
    RowKey::parse(pk, sk).ok()
}
