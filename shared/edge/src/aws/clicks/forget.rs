//! Clicks that have to go because consent is withdrawn.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};
use tracklayer_core::id::RecordId;

use super::{Clicks, Item, MAX_REFERENCES, Tie, keyed, session_pk, tie_of, tie_pk, unavailable};
use crate::ports::{Forgets, LedgerError, TieKind};

/// Deletions per `BatchWriteItem`
/// (docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html).
const DELETIONS: usize = 25;
/// How often unprocessed deletions are asked for again.
const ROUNDS: u32 = 5;

impl Forgets for Clicks {
    async fn forget_clicks(
        &self,
        reference: &str,
        cookie: Option<&str>,
    ) -> Result<usize, LedgerError> {
        let mut clicks = self.all(&session_pk(reference)).await?;
        clicks.retain(|item| cookie.is_none_or(|cookie| came_with(item, cookie)));
        self.delete(&clicks).await?;
        Ok(clicks.len())
    }

    async fn references_of(
        &self,
        kind: TieKind,
        id: &RecordId,
        browser_order_ties: bool,
    ) -> Result<BTreeSet<RecordId>, LedgerError> {
        let ties: Vec<Tie> = self.all(&tie_pk(kind, id)).await?.iter().filter_map(tie_of).collect();
        let own = own_references(&ties, kind != TieKind::Order || browser_order_ties);
        Ok(own.into_iter().filter_map(|reference| RecordId::parse(reference).ok()).collect())
    }
}

/// The references that are the record's own. As with credit, of those that browsers tied none is
/// unless `browser`, or if they are too many: most of them belong to somebody else.
fn own_references(ties: &[Tie], browser: bool) -> BTreeSet<&str> {
    let of = |keyed: bool| -> BTreeSet<&str> {
        ties.iter().filter(|tie| tie.keyed == keyed).map(|tie| tie.reference.as_str()).collect()
    };
    let mut references = of(false);
    if !browser || references.len() > MAX_REFERENCES {
        references.clear();
    }
    references.extend(of(true));
    references
}

impl Clicks {
    /// Whether any click of `reference` came with `cookie`.
    ///
    /// # Errors
    /// If DynamoDB is unavailable.
    pub async fn has_clicks(&self, reference: &str, cookie: &str) -> Result<bool, LedgerError> {
        let clicks = self.all(&session_pk(reference)).await?;
        Ok(clicks.iter().any(|item| came_with(item, cookie)))
    }

    /// All items of a partition: their keys, and the cookies of clicks.
    pub(super) async fn all(&self, pk: &str) -> Result<Vec<Item>, LedgerError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .projection_expression("pk, sk, cookie")
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

pub(super) fn came_with(click: &Item, cookie: &str) -> bool {
    click.get("cookie").and_then(|value| value.as_s().ok()).is_some_and(|value| value == cookie)
}

fn deletion(item: &Item) -> Result<WriteRequest, LedgerError> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
    let (Some(pk), Some(sk)) = (text("pk"), text("sk")) else {
        return Err(LedgerError::Unreadable("an item without key".to_owned()));
    };
    let request = DeleteRequest::builder().set_key(Some(keyed(&pk, &sk))).build();
    let request = request.map_err(|error| LedgerError::Unavailable(error.to_string()))?;
    Ok(WriteRequest::builder().delete_request(request).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_of_a_key_are_the_records_own_where_browsers_tied_many_or_must_not() {
        let tie = |reference: &str, keyed| Tie { reference: reference.to_owned(), keyed };
        let mut ties = vec![tie("a", false), tie("b", false), tie("c", false), tie("a", true)];
        assert_eq!(own_references(&ties, true), BTreeSet::from(["a", "b", "c"]));
        assert_eq!(own_references(&ties, false), BTreeSet::from(["a"]));
        ties.push(tie("d", false));
        assert_eq!(own_references(&ties, true), BTreeSet::from(["a"]));
    }
}
