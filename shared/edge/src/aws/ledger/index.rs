use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::orphan;
use tracklayer_core::ledger::row::PartitionKey;
use tracklayer_core::money::Money;
use tracklayer_core::time::EventTime;

use super::Ledger;
use crate::aws::table::{Change, Condition, Item};
use crate::aws::table::{keyed, place_of, text, text_of, time, time_of, won};
use crate::ports::{Counted, Cursor, Index, LedgerError, OpenEntry, OpenPage, Place};

impl Index for Ledger {
    async fn open(
        &self, index_key: &str, until: Option<EventTime>, limit: Option<i32>, from: Option<Cursor>,
    ) -> Result<OpenPage, LedgerError> {
        let class = (":class", text(index_key));
        let open = match until {
            Some(until) => Condition::new(
                "#open = :class AND #due <= :until",
                [class, (":until", time(until))],
            ),
            None => Condition::new("#open = :class", [class]),
        };
        let query = self.table.query(open).index_name("open").set_limit(limit);
        let start = from.map(|from| start_key(from, index_key));
        let answer = query.set_exclusive_start_key(start).send().await?;
        let next = answer.last_evaluated_key.as_ref().and_then(cursor_of);
        let items = answer.items.unwrap_or_default();
        let entries: Vec<_> = items.iter().filter_map(|item| logged(item, index_key)).collect();
        Ok(OpenPage { unreadable: items.len() - entries.len(), entries, next })
    }

    async fn tally(
        &self, index_key: &str, pages: usize,
    ) -> Result<BTreeMap<String, Counted>, LedgerError> {
        let class = Condition::new("#open = :class", [(":class", text(index_key))]);
        let query = self.table.query(class).index_name("open");
        let mut stream = query
            .projection_expression("#account, #since")
            .expression_attribute_names("#account", "account")
            .expression_attribute_names("#since", "since")
            .into_paginator()
            .send();
        let mut tally = BTreeMap::new();
        for read in 1..=pages {
            let Some(page) = stream.next().await else { break };
            let page = page?;
            page.items().iter().for_each(|item| count(&mut tally, item));
            if read == pages && !page.last_evaluated_key().is_none_or(HashMap::is_empty) {
                tracing::warn!(index_key, pages, "more is open than is counted");
            }
        }
        Ok(tally)
    }

    async fn move_entry(&self, seen: &OpenEntry, next: &OpenEntry) -> Result<bool, LedgerError> {
        let pk = seen.partition.pk();
        let mut change = Change::default();
        change.set("due", time(next.due));
        change.set("since", time(next.since));
        change.set("open", text(next.class.index_key(&pk)));
        let same = Condition::new(
            "#due = :seen AND #open = :class",
            [(":seen", time(seen.due)), (":class", text(seen.class.index_key(&pk)))],
        );
        let sk = seen.event.as_ref().map_or(orphan::SORT_KEY, |event| event.as_str());
        won(self.table.update(keyed(pk, sk), change, same).send().await)
    }
}

fn count(tally: &mut BTreeMap<String, Counted>, item: &Item) {
    // An entry without the moment counts, but is not overdue.
    let since = time_of(item, "since").unwrap_or(EventTime::from_epoch(i64::MAX));
    // CloudWatch takes no empty dimension.
    let account = text_of(item, "account").unwrap_or("none").to_owned();
    let counted = tally.entry(account).or_insert(Counted { entries: 0, oldest: since });
    counted.entries += 1;
    counted.oldest = counted.oldest.min(since);
}

fn start_key(from: Cursor, index_key: &str) -> Item {
    let mut key = keyed(&from.pk, &from.sk);
    key.insert("open".to_owned(), text(index_key));
    key.insert("due".to_owned(), AttributeValue::N(from.due));
    key
}

fn cursor_of(key: &Item) -> Option<Cursor> {
    let Place { pk, sk } = place_of(key)?;
    Some(Cursor { pk, sk, due: key.get("due")?.as_n().ok()?.clone() })
}

fn logged(item: &Item, index_key: &str) -> Option<OpenEntry> {
    let entry = entry_of(item, index_key);
    if entry.is_none() {
        tracing::error!(index_key, pk = ?item.get("pk"), "stuck: an entry of the index can't be read");
    }
    entry
}

fn entry_of(item: &Item, index_key: &str) -> Option<OpenEntry> {
    let due = time_of(item, "due")?;
    let sk = text_of(item, "sk")?;
    let event = if sk == orphan::SORT_KEY { None } else { Some(sk.parse().ok()?) };
    let owned = |name: &str| text_of(item, name).map(str::to_owned);
    // As in a row: an unknown reason is read as "other".
    let reason = item.get("reason").cloned().map(serde_dynamo::from_attribute_value);
    Some(OpenEntry {
        partition: PartitionKey::parse(text_of(item, "pk")?).ok()?,
        event,
        class: IndexClass::parse(index_key),
        account: owned("account"),
        goal: owned("goal"),
        money: money_of(item),
        reason: reason.and_then(Result::ok),
        due,
        since: time_of(item, "since").unwrap_or(due),
        conversion_time: time_of(item, "conversionTime"),
    })
}

fn money_of(item: &Item) -> Option<Money> {
    let amount = serde_dynamo::from_attribute_value(item.get("value")?.clone()).ok()?;
    let currency = serde_dynamo::from_attribute_value(item.get("currency")?.clone()).ok()?;
    Some(Money { amount, currency })
}
