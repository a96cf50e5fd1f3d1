//! One item for each erasure, under `erasure` / `<kind> <value> <key's name>`, with what the audit
//! looks rows up by: it names the person, and in `tiedTo` and `cookies` the visitors and browsers
//! whose ties and clicks are gone by then. It expires some time after the erasure is done.

use tracklayer_core::{reconcile::erasure::Erasure, time::EventTime};

use super::Ledger;
use crate::aws::table::{Condition, Item, keyed, number, text, time, won};
use crate::ports::{ErasureItem, Erasures, LedgerError};

const PK: &str = "erasure";

impl Erasures for Ledger {
    async fn erasures(&self, now: EventTime) -> Result<(Vec<ErasureItem>, usize), LedgerError> {
        let all = Condition::new("pk = :pk", [(":pk", text(PK))]);
        let query = self.table.query(all).consistent_read(true);
        let mut pages = query
            .filter_expression("attribute_not_exists(#ttl) OR #ttl > :now")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", time(now))
            .into_paginator()
            .send();
        let (mut erasures, mut unreadable) = (Vec::new(), 0);
        while let Some(page) = pages.next().await {
            for item in page?.items.unwrap_or_default() {
                match serde_dynamo::from_item(item) {
                    Ok(erasure) => erasures.push(erasure),
                    Err(_) => unreadable += 1,
                }
            }
        }
        if unreadable > 0 {
            tracing::error!(unreadable, "stuck: erasures can't be read");
        }
        Ok((erasures, unreadable))
    }

    async fn erasure(
        &self, asked: &Erasure, now: EventTime,
    ) -> Result<Option<ErasureItem>, LedgerError> {
        let item = self.table.get_alive(key_of(asked), now).await?;
        Ok(item.map(serde_dynamo::from_item).transpose()?)
    }

    async fn save_erasure(&self, item: &mut ErasureItem) -> Result<bool, LedgerError> {
        let same = match item.revision {
            0 => Condition::none_alive(item.erasure.asked_at),
            revision => Condition::new("revision = :revision", [(":revision", number(revision))]),
        };
        item.revision += 1;
        let mut stored: Item = serde_dynamo::to_item(&*item)?;
        stored.extend(key_of(&item.erasure));
        stored.insert("v".to_owned(), number(1));
        won(self.table.put(stored, same).send().await)
    }
}

fn key_of(erasure: &Erasure) -> Item {
    keyed(PK, format!("{} {}", erasure.person, erasure.by))
}
