//! The claims of orders, and the pointers that lead from other notices of an order to its row.

use serde::{Deserialize, Serialize};
use tracklayer_core::id::{EventName, RecordId, Source};
use tracklayer_core::ledger::order::{OrderClaim, OrderKey, OrderOwner, SORT_KEY, SameOrder};
use tracklayer_core::ledger::orphan::kept_until;
use tracklayer_core::ledger::row::{PartitionKey, RowKey};
use tracklayer_core::time::{DAY, EventTime};

use crate::ports::{LedgerError, Orders};

use super::{CLAIM_DAYS, Ledger};
use crate::aws::table::{Condition, Item, keyed, text, text_of, time, won};

impl Orders for Ledger {
    async fn claim_order(
        &self, order: &OrderKey, owner: &OrderOwner, now: EventTime,
    ) -> Result<Option<OrderClaim>, LedgerError> {
        let known = self.table.put_or_known(claim_item(order, owner, now)?, now).await?;
        Ok(known.map(serde_dynamo::from_item).transpose()?)
    }

    async fn take_over_order(
        &self, order: &OrderKey, from: &OrderClaim, owner: &OrderOwner, now: EventTime,
    ) -> Result<bool, LedgerError> {
        let same = Condition::new(
            "#owner = :owner AND claimedAt = :claimed",
            [(":owner", text(from.owner.to_string())), (":claimed", time(from.claimed_at))],
        );
        let _turn = self.table.turn().await;
        won(self.table.put(claim_item(order, owner, now)?, same).send().await)
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
        let mut item: Item = serde_dynamo::to_item(stored)?;
        item.extend(keyed(notice.pk(), pointer.event.as_str()));
        match self.put_unless_row(item, now).await? {
            None => Ok(()),
            Some(_) => Err(LedgerError::Conflict),
        }
    }
}

impl Ledger {
    /// Who claimed an order; none if nobody did, or so long ago that the claim has expired.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    pub async fn order_claim(
        &self, order: &OrderKey, now: EventTime,
    ) -> Result<Option<OrderClaim>, LedgerError> {
        let claim = self.table.get_alive(keyed(order.pk(), SORT_KEY), now).await?;
        Ok(claim.map(serde_dynamo::from_item).transpose()?)
    }
}

/// A pointer as it is in the table.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredPointer {
    original_source: Source,
    original_event_id: RecordId,
    original_event: EventName,
    covered: bool,
    ttl: EventTime,
}

/// The pointer in an item that is in the place of a row.
pub(super) fn pointer_of(item: Item) -> Result<SameOrder, LedgerError> {
    let event = text_of(&item, "sk").and_then(|sk| sk.parse().ok());
    let no_event = || LedgerError::Unreadable("a pointer has no event".to_owned());
    let event = event.ok_or_else(no_event)?;
    let pointer: StoredPointer = serde_dynamo::from_item(item)?;
    let row = RowKey {
        source: pointer.original_source,
        event_id: pointer.original_event_id,
        event: pointer.original_event,
    };
    Ok(SameOrder { event, row, covered: pointer.covered })
}

fn claim_item(order: &OrderKey, owner: &OrderOwner, now: EventTime) -> Result<Item, LedgerError> {
    let claim = OrderClaim { owner: owner.clone(), claimed_at: now };
    let mut item: Item = serde_dynamo::to_item(claim)?;
    item.extend(keyed(order.pk(), SORT_KEY));
    item.insert("ttl".to_owned(), time(now.plus_seconds(CLAIM_DAYS * DAY)));
    Ok(item)
}
