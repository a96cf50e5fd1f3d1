use std::collections::HashMap;

use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::orphan;
use tracklayer_core::ledger::row::{PartitionKey, RowKey};
use tracklayer_core::time::EventTime;

use crate::ports::{Counted, Cursor, DueEntry, DuePage, Index, LedgerError, Place, Tally};

use super::{Ledger, key_item};
use crate::aws::table::{
    Change, Condition, Item, keyed, place_of, text, text_of, time, time_of, won,
};

impl Index for Ledger {
    async fn due(
        &self, index_key: &str, now: EventTime, limit: i32, from: Option<Cursor>,
    ) -> Result<DuePage, LedgerError> {
        let answer = self.due_items(index_key, now, limit, from).await?;
        let next = answer.last_evaluated_key.as_ref().and_then(cursor_of);
        let items = answer.items.unwrap_or_default();
        let read = |item| logged(entry_of(item, index_key), item, index_key);
        let entries: Vec<_> = items.iter().filter_map(read).collect();
        Ok(DuePage { unreadable: items.len() - entries.len(), entries, next })
    }

    async fn due_orphans(
        &self, index_key: &str, now: EventTime, limit: i32,
    ) -> Result<Vec<PartitionKey>, LedgerError> {
        let answer = self.due_items(index_key, now, limit, None).await?;
        let items = answer.items.unwrap_or_default();
        let read = |item| logged(orphan_of(item), item, index_key);
        Ok(items.iter().filter_map(read).collect())
    }

    async fn tally(&self, index_key: &str, pages: usize) -> Result<Tally, LedgerError> {
        let class = Condition::new("#open = :class", [(":class", text(index_key))]);
        let query = self.table.query(class).index_name("open");
        let mut stream = query
            .projection_expression("#account, #since")
            .expression_attribute_names("#account", "account")
            .expression_attribute_names("#since", "since")
            .into_paginator()
            .send();
        let mut tally = Tally::default();
        for _ in 0..pages {
            let Some(page) = stream.next().await else { break };
            let page = page?;
            tally.complete = page.last_evaluated_key().is_none_or(HashMap::is_empty);
            page.items().iter().for_each(|item| count(&mut tally, item));
        }
        Ok(tally)
    }

    async fn postpone(&self, seen: &DueEntry, until: EventTime) -> Result<bool, LedgerError> {
        self.move_entry(seen, &seen.class, until, seen.since).await
    }

    async fn let_go(&self, seen: &DueEntry, due: EventTime) -> Result<bool, LedgerError> {
        self.move_entry(seen, &IndexClass::Wait, due, due).await
    }
}

impl Ledger {
    async fn due_items(
        &self, index_key: &str, now: EventTime, limit: i32, from: Option<Cursor>,
    ) -> Result<QueryOutput, LedgerError> {
        let due = Condition::new(
            "#open = :class AND #due <= :now",
            [(":class", text(index_key)), (":now", time(now))],
        );
        let query = self.table.query(due).index_name("open").limit(limit);
        let start = from.map(|from| start_key(from, index_key));
        Ok(query.set_exclusive_start_key(start).send().await?)
    }

    async fn move_entry(
        &self, seen: &DueEntry, class: &IndexClass, due: EventTime, since: EventTime,
    ) -> Result<bool, LedgerError> {
        let pk = seen.key.pk();
        let mut change = Change::default();
        change.set("due", time(due));
        change.set("since", time(since));
        change.set("open", text(class.index_key(&pk)));
        let same = Condition::new(
            "#due = :seen AND #open = :class",
            [(":seen", time(seen.due)), (":class", text(seen.class.index_key(&pk)))],
        );
        won(self.table.update(key_item(&seen.key), change, same).send().await)
    }
}

fn count(tally: &mut Tally, item: &Item) {
    // An entry without the moment counts, but is not overdue.
    let since = time_of(item, "since").unwrap_or(EventTime::from_epoch(i64::MAX));
    // CloudWatch takes no empty dimension.
    let account = text_of(item, "account").unwrap_or("none").to_owned();
    let counted = tally.accounts.entry(account).or_insert(Counted { entries: 0, oldest: since });
    counted.entries += 1;
    counted.oldest = counted.oldest.min(since);
}

pub(super) fn start_key(from: Cursor, index_key: &str) -> Item {
    let mut key = keyed(&from.pk, &from.sk);
    key.insert("open".to_owned(), text(index_key));
    key.insert("due".to_owned(), AttributeValue::N(from.due));
    key
}

pub(super) fn cursor_of(key: &Item) -> Option<Cursor> {
    let Place { pk, sk } = place_of(key)?;
    Some(Cursor { pk, sk, due: key.get("due")?.as_n().ok()?.clone() })
}

pub(super) fn logged<T>(entry: Option<T>, item: &Item, index_key: &str) -> Option<T> {
    if entry.is_none() {
        tracing::error!(index_key, pk = ?item.get("pk"), "stuck: an entry of the index can't be read");
    }
    entry
}

fn entry_of(item: &Item, index_key: &str) -> Option<DueEntry> {
    let due = time_of(item, "due")?;
    let money = text_of(item, "value").zip(text_of(item, "currency"));
    Some(DueEntry {
        key: RowKey::parse(text_of(item, "pk")?, text_of(item, "sk")?).ok()?,
        class: IndexClass::parse(index_key),
        account: text_of(item, "account")?.to_owned(),
        due,
        since: time_of(item, "since").unwrap_or(due),
        conversion_time: time_of(item, "conversionTime")?,
        money: money.map(|(value, currency)| format!("{value} {currency}")),
    })
}

fn orphan_of(item: &Item) -> Option<PartitionKey> {
    orphan::parse_key(text_of(item, "pk")?, text_of(item, "sk")?).ok()
}
