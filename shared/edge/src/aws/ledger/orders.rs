//! The claims of orders, and the pointers that lead from other notices of an order to its row.

use aws_sdk_dynamodb::{
    operation::put_item::PutItemError, types::ReturnValuesOnConditionCheckFailure,
};
use serde::{Deserialize, Serialize};
use tracklayer_core::id::{EventName, RecordId, Source};
use tracklayer_core::ledger::order::{
    OrderClaim, OrderKey, OrderOwner, POINTER, SORT_KEY, SameOrder,
};
use tracklayer_core::ledger::orphan::kept_until;
use tracklayer_core::ledger::row::{PartitionKey, RowKey};
use tracklayer_core::time::{DAY, EventTime};

use crate::ports::{LedgerError, Orders};

use super::{CLAIM_DAYS, Item, Ledger, keyed, number, old_item, text, unavailable, won};

impl Orders for Ledger {
    async fn claim_order(
        &self, order: &OrderKey, owner: &OrderOwner, now: EventTime,
    ) -> Result<Option<OrderClaim>, LedgerError> {
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(claim_item(order, owner, now)))
            // Expired items are deleted days later; until then they don't count.
            .condition_expression("attribute_not_exists(pk) OR #ttl <= :now")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", number(now.epoch()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = answer else { return Ok(None) };
        let condition = |error: &PutItemError| match error {
            PutItemError::ConditionalCheckFailedException(failed) => failed.item().cloned(),
            _ => None,
        };
        match old_item(&error, condition) {
            Some(item) => claim_of(&item).map(Some),
            None => Err(unavailable(&error)),
        }
    }

    async fn take_over_order(
        &self, order: &OrderKey, from: &OrderClaim, owner: &OrderOwner, now: EventTime,
    ) -> Result<bool, LedgerError> {
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(claim_item(order, owner, now)))
            .condition_expression("#owner = :owner AND claimedAt = :claimed")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", text(from.owner.to_string()))
            .expression_attribute_values(":claimed", number(from.claimed_at.epoch()))
            .send()
            .await;
        won(answer, PutItemError::is_conditional_check_failed_exception)
    }

    async fn point_to_order(
        &self, notice: &PartitionKey, pointer: &SameOrder, now: EventTime,
    ) -> Result<(), LedgerError> {
        let RowKey { source, event_id, event } = pointer.row.clone();
        let stored = StoredPointer {
            original_source: source,
            original_event_id: event_id,
            original_event: event,
            covered: pointer.covered,
            ttl: kept_until(now),
        };
        let mut item: Item = serde_dynamo::to_item(stored)
            .map_err(|error| LedgerError::Unreadable(error.to_string()))?;
        item.extend(keyed(&notice.pk(), &format!("{POINTER}{}", pointer.event)));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map(|_| ()).map_err(|error| unavailable(&error))
    }
}

/// A pointer as it stands in the table. It has no attribute `desired`: by that one rows are told from
/// all other items.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredPointer {
    original_source: Source,
    original_event_id: RecordId,
    original_event: EventName,
    covered: bool,
    ttl: EventTime,
}

/// The pointer in an item whose sort key begins with [`POINTER`].
pub(super) fn pointer_of(item: Item) -> Result<SameOrder, LedgerError> {
    let unreadable = |why: String| LedgerError::Unreadable(why);
    let sk = item.get("sk").and_then(|sk| sk.as_s().ok()).and_then(|sk| sk.strip_prefix(POINTER));
    let event = sk.and_then(|event| event.parse().ok());
    let event = event.ok_or_else(|| unreadable("a pointer has no event".to_owned()))?;
    let pointer: StoredPointer =
        serde_dynamo::from_item(item).map_err(|error| unreadable(error.to_string()))?;
    let row = RowKey {
        source: pointer.original_source,
        event_id: pointer.original_event_id,
        event: pointer.original_event,
    };
    Ok(SameOrder { event, row, covered: pointer.covered })
}

fn claim_item(order: &OrderKey, owner: &OrderOwner, now: EventTime) -> Item {
    let mut item = keyed(&order.pk(), SORT_KEY);
    item.insert("owner".to_owned(), text(owner.to_string()));
    item.insert("claimedAt".to_owned(), number(now.epoch()));
    item.insert("ttl".to_owned(), number(now.plus_seconds(CLAIM_DAYS * DAY).epoch()));
    item
}

pub(super) fn claim_of(item: &Item) -> Result<OrderClaim, LedgerError> {
    let owner = item.get("owner").and_then(|owner| owner.as_s().ok());
    let claimed_at = item.get("claimedAt").and_then(|at| at.as_n().ok()?.parse().ok());
    let (Some(owner), Some(seconds)) = (owner, claimed_at) else {
        return Err(LedgerError::Unreadable("an order's claim lacks an attribute".to_owned()));
    };
    let owner =
        OrderOwner::parse(owner).map_err(|error| LedgerError::Unreadable(error.to_string()))?;
    Ok(OrderClaim { owner, claimed_at: EventTime::from_epoch(seconds) })
}
