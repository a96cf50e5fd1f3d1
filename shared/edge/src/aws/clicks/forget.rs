//! Clicks and ties that have to go: a person is erased.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};
use tracklayer_core::{
    id::RecordId,
    reconcile::attribution::{Tie, TieKind, visitors},
    time::EventTime,
};

use super::{COOKIE, Clicks, Item, keyed, session_pk, text, tie_in, tie_pk, unavailable};
use crate::ports::{Forgets, LedgerError, Removed};

/// Deletions per `BatchWriteItem`
/// (docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html).
const DELETIONS: usize = 25;
/// How often unprocessed deletions are asked for again.
const ROUNDS: u32 = 5;

impl Forgets for Clicks {
    async fn forget_visitor(
        &self,
        reference: &str,
        until: EventTime,
    ) -> Result<usize, LedgerError> {
        let mut clicks = self.all(&session_pk(reference)).await?;
        clicks.retain(|click| is_of_before(click, until));
        let mut removed = clicks.len();
        // The visitor's own go last: without them nobody would find the cookies' again.
        for cookie in cookies_in(&clicks, reference) {
            let mut others = self.all(&session_pk(&cookie)).await?;
            others.retain(|click| came_with(click, &cookie) && is_of_before(click, until));
            self.delete(&others).await?;
            removed += others.len();
        }
        self.delete(&clicks).await?;
        Ok(removed)
    }

    async fn cookies_of(&self, reference: &str) -> Result<BTreeSet<RecordId>, LedgerError> {
        let mut own = BTreeSet::new();
        for cookie in cookies_in(&self.all(&session_pk(reference)).await?, reference) {
            let clicks = self.all(&session_pk(&cookie)).await?;
            if !clicks.is_empty() && clicks.iter().all(|click| came_with(click, &cookie)) {
                own.extend(RecordId::parse(&cookie));
            }
        }
        Ok(own)
    }

    async fn references_of(
        &self,
        kind: TieKind,
        id: &RecordId,
        browser_order_ties: bool,
    ) -> Result<BTreeSet<RecordId>, LedgerError> {
        let ties = ties_in(kind, &self.all(&tie_pk(kind, id)).await?);
        Ok(visitors(kind, &ties, browser_order_ties).into_iter().cloned().collect())
    }

    async fn forget_record(
        &self,
        kind: TieKind,
        id: &RecordId,
        browser_order_ties: bool,
        until: EventTime,
    ) -> Result<Removed, LedgerError> {
        let items = self.all(&tie_pk(kind, id)).await?;
        let ties = ties_in(kind, &items);
        let mut removed = Removed { ties: items.len(), ..Removed::default() };
        // The ties go last: without them nobody would find the clicks again.
        for reference in visitors(kind, &ties, browser_order_ties) {
            removed.clicks += self.forget_visitor(reference.as_str(), until).await?;
        }
        self.delete(&items).await?;
        Ok(removed)
    }
}

fn ties_in(kind: TieKind, items: &[Item]) -> Vec<Tie> {
    items.iter().filter_map(|item| tie_in(item, kind)).collect()
}

impl Clicks {
    /// All items of a partition: their keys, and the cookies of clicks.
    async fn all(&self, pk: &str) -> Result<Vec<Item>, LedgerError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .projection_expression("pk, sk, cookie, tiedAt")
            .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
            .consistent_read(true)
            .into_paginator()
            .send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            items.extend(page.map_err(unavailable)?.items.unwrap_or_default());
        }
        Ok(items)
    }

    pub(super) async fn delete(&self, items: &[Item]) -> Result<(), LedgerError> {
        for chunk in items.chunks(DELETIONS) {
            let mut left = chunk.iter().map(deletion).collect::<Result<Vec<_>, _>>()?;
            for round in 0..ROUNDS {
                if round > 0 {
                    tokio::time::sleep(std::time::Duration::from_millis(50 << round)).await;
                }
                let write = self.client.batch_write_item().request_items(&self.table, left);
                let answer = write.send().await.map_err(unavailable)?;
                let rest = answer.unprocessed_items.and_then(|mut rest| rest.remove(&self.table));
                left = rest.unwrap_or_default();
                if left.is_empty() {
                    break;
                }
            }
            if !left.is_empty() {
                return Err(LedgerError::Unavailable("not all clicks were deleted".to_owned()));
            }
        }
        Ok(())
    }
}

/// The cookies that `clicks` of `reference` came with.
fn cookies_in(clicks: &[Item], reference: &str) -> BTreeSet<String> {
    let cookie = |item: &Item| text(item, COOKIE).map(str::to_owned);
    clicks.iter().filter_map(cookie).filter(|cookie| cookie != reference).collect()
}

/// Whether a click was made until then; its key begins with its milliseconds since 1970.
fn is_of_before(click: &Item, until: EventTime) -> bool {
    let made_at = text(click, "sk").and_then(|key| key.split(' ').next()?.parse::<i64>().ok());
    made_at.is_none_or(|at| at.div_euclid(1_000) <= until.epoch())
}

fn came_with(click: &Item, cookie: &str) -> bool {
    text(click, COOKIE) == Some(cookie)
}

fn deletion(item: &Item) -> Result<WriteRequest, LedgerError> {
    let (Some(pk), Some(sk)) = (text(item, "pk"), text(item, "sk")) else {
        return Err(LedgerError::Unreadable("an item without key".to_owned()));
    };
    let request = DeleteRequest::builder().set_key(Some(keyed(pk, sk))).build();
    let request = request.map_err(|error| LedgerError::Unavailable(error.to_string()))?;
    Ok(WriteRequest::builder().delete_request(request).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_made_later_is_none_of_before() {
        let click = |sk: &str| Item::from([("sk".to_owned(), AttributeValue::S(sk.to_owned()))]);
        let until = EventTime::from_epoch(1_800_000_000);
        assert!(is_of_before(&click("1800000000999 abc"), until));
        assert!(!is_of_before(&click("1800000001000 abc"), until));
        assert!(is_of_before(&click("unreadable"), until), "in doubt it goes");
    }
}
