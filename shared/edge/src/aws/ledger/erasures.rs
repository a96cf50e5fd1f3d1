//! One item for each erasure, under `erasure` / `<kind> <value> <key's name>`, with what the audit
//! looks rows up by: it names the person, and in `tiedTo` and `cookies` the visitors and browsers
//! whose ties and clicks are gone by then. It expires some time after the erasure is done.

use std::collections::BTreeSet;
use std::fmt::Display;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use tracklayer_core::id::RecordId;
use tracklayer_core::ledger::row::RowKey;
use tracklayer_core::reconcile::erasure::{Erasure, Person, Scope, Trace};
use tracklayer_core::time::EventTime;

use super::Ledger;
use crate::aws::table::{Change, Condition, Item};
use crate::aws::table::{keyed, number, text, text_of, time, time_of, won};
use crate::ports::{ErasureItem, Erasures, LedgerError, Progress};

const PK: &str = "erasure";
/// Rows that one erasure names; an item takes 400 KB. More are erased, but not named.
const MAX_LISTED: usize = 1_000;

/// For how many periods of the audit a done erasure is applied to rows that come.
const KEPT_PERIODS: i64 = 2;

impl Erasures for Ledger {
    async fn begin_erasure(&self, erasure: &Erasure) -> Result<ErasureItem, LedgerError> {
        let known = self.known(erasure).await?;
        let list = |names: &[String]| AttributeValue::L(names.iter().map(text).collect());
        let before = known.as_ref().map(|item| item.erasure.asked_at);
        let asked_at = erasure.asked_at.max(before.unwrap_or(erasure.asked_at));
        let mut change = change();
        change.set("askedAt", time(asked_at));
        change.set("sources", list(&erasure.scope.sources));
        change.set("accounts", list(&erasure.scope.accounts));
        // Begun anew with every request, it would never be done.
        if known.as_ref().is_none_or(|item| !item.covers(erasure)) {
            begin_anew(&mut change, erasure.asked_at);
        }
        let own = || Trace::of(erasure.person.clone()).into_iter().collect();
        let traces = known.as_ref().map_or_else(own, ErasureItem::all_traces);
        add_all(&mut change, "traces", &traces);
        current(self.table.update(key_of(erasure), change, Condition::default())).await
    }

    async fn erasures(&self, now: EventTime) -> Result<Vec<ErasureItem>, LedgerError> {
        let all = Condition::new("pk = :pk", [(":pk", text(PK))]);
        let query = self.table.query(all).consistent_read(true);
        let mut pages = query
            .filter_expression("attribute_not_exists(#ttl) OR #ttl > :now")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", time(now))
            .into_paginator()
            .send();
        let mut erasures = Vec::new();
        while let Some(page) = pages.next().await {
            for item in page?.items() {
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
        let mut change = change();
        if let Some(at) = progress.pass_after {
            begin_anew(&mut change, at);
        }
        add_all(&mut change, "traces", &progress.found);
        add_all(&mut change, "tiedTo", &progress.references);
        add_all(&mut change, "cookies", &progress.cookies);
        add_count(&mut change, "cookiesLeft", progress.cookies_left);
        add_count(&mut change, "clicks", progress.clicks);
        add_count(&mut change, "ties", progress.ties);
        let is_there = |trace: &Trace| {
            Condition::new("contains(traces, :trace)", [(":trace", text(trace.to_string()))])
        };
        let when = progress.of.as_ref().map_or_else(is_known, is_there);
        current(self.table.update(key_of(erasure), change, when)).await
    }

    async fn trace_is_gone(
        &self, erasure: &Erasure, trace: &Trace,
    ) -> Result<ErasureItem, LedgerError> {
        let mut change = change();
        change.delete("traces", AttributeValue::Ss(vec![trace.to_string()]));
        current(self.table.update(key_of(erasure), change, is_known())).await
    }

    async fn note_row(
        &self, erasure: &Erasure, row: &RowKey, traces: &BTreeSet<Trace>,
    ) -> Result<(), LedgerError> {
        let mut change = change();
        add_all(&mut change, "traces", traces);
        change.add("rows", AttributeValue::Ss(vec![format!("{} {}", row.pk(), row.sk())]));
        let room = "attribute_exists(askedAt) AND \
                    (attribute_not_exists(#rows) OR size(#rows) < :most)";
        let room = Condition::new(room, [(":most", number(MAX_LISTED))]);
        if won(self.table.update(key_of(erasure), change, room).send().await)? {
            return Ok(());
        }
        tracing::warn!(most = MAX_LISTED, "more rows of one person than an erasure names");
        let found = Progress { found: traces.clone(), ..Progress::default() };
        self.note_progress(erasure, &found).await.map(|_| ())
    }

    async fn erasure_done(
        &self, item: &ErasureItem, now: EventTime, audit_period: i64,
    ) -> Result<bool, LedgerError> {
        let mut change = change();
        change.set("doneAt", time(now));
        change.set("ttl", time(now.plus_seconds(KEPT_PERIODS * audit_period)));
        let same = Condition::new("passAfter = :after", [(":after", time(item.pass_after))]);
        won(self.table.update(key_of(&item.erasure), change, same).send().await)
    }
}

impl Ledger {
    /// The same erasure, if it was asked for before and is not forgotten.
    async fn known(&self, erasure: &Erasure) -> Result<Option<ErasureItem>, LedgerError> {
        let item = self.table.get_alive(key_of(erasure), erasure.asked_at).await?;
        Ok(item.as_ref().and_then(item_of))
    }
}

/// It is not forgotten.
fn is_known() -> Condition {
    Condition::new("attribute_exists(askedAt)", [])
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
        _ => Err(error.into()),
    }
}

fn read(item: Option<&Item>) -> Result<ErasureItem, LedgerError> {
    item.and_then(item_of).ok_or_else(|| LedgerError::Unreadable("an erasure".to_owned()))
}

/// A change that marks the item with the version of its form.
fn change() -> Change {
    let mut change = Change::default();
    change.set("v", number(1));
    change
}

fn add_all<T: Display>(change: &mut Change, name: &str, texts: &BTreeSet<T>) {
    if !texts.is_empty() {
        change.add(name, AttributeValue::Ss(texts.iter().map(T::to_string).collect()));
    }
}

fn add_count(change: &mut Change, name: &str, count: usize) {
    if count > 0 {
        change.add(name, number(count));
    }
}

/// All rows have to be looked at, by a pass that begins later than `at`.
fn begin_anew(change: &mut Change, at: EventTime) {
    change.set("passAfter", time(at));
    change.remove("doneAt");
    change.remove("ttl");
}

fn key_of(erasure: &Erasure) -> Item {
    let Erasure { person, by, .. } = erasure;
    keyed(PK, format!("{} {} {by}", person.kind(), person.value()))
}

fn item_of(item: &Item) -> Option<ErasureItem> {
    let list = |name: &str| -> Option<Vec<String>> {
        let names = item.get(name)?.as_l().ok()?.iter();
        names.map(|name| name.as_s().ok().cloned()).collect()
    };
    let mut parts = text_of(item, "sk")?.splitn(3, ' ');
    let person = Person::parse(parts.next()?, parts.next()?)?;
    let scope = Scope { sources: list("sources")?, accounts: list("accounts")? };
    let erasure = Erasure {
        person,
        scope,
        by: parts.next()?.to_owned(),
        asked_at: time_of(item, "askedAt")?,
        references: texts(item, "tiedTo", |id| RecordId::parse(id).ok())?,
    };
    Some(ErasureItem {
        erasure,
        pass_after: time_of(item, "passAfter")?,
        done_at: time_of(item, "doneAt"),
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

fn count(item: &Item, name: &str) -> usize {
    let number = item.get(name).and_then(|number| number.as_n().ok());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn row_key(row: &str) -> Option<RowKey> {
    let (pk, sk) = row.rsplit_once(' ')?;
    RowKey::parse(pk, sk).ok()
}
