use tracklayer_core::ledger::order::{OrderClaim, OrderKey, SORT_KEY};
use tracklayer_core::time::EventTime;

use super::Ledger;
use super::orders::claim_of;
use crate::aws::table::keyed;
use crate::ports::{LedgerError, LedgerLookups, TableSize};

impl LedgerLookups for Ledger {
    async fn order_claim(
        &self, order: &OrderKey, now: EventTime,
    ) -> Result<Option<OrderClaim>, LedgerError> {
        let claim = self.table.get_alive(keyed(order.pk(), SORT_KEY), now).await?;
        claim.as_ref().map(claim_of).transpose()
    }

    async fn size(&self) -> Result<TableSize, LedgerError> {
        self.table.size().await
    }
}
