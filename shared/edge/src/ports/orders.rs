use tracklayer_core::ledger::order::{OrderClaim, OrderKey, OrderOwner, SameOrder};
use tracklayer_core::ledger::row::PartitionKey;
use tracklayer_core::time::EventTime;

use super::rows::LedgerError;

/// One order, one conversion. What the items mean is decided by [`tracklayer_core::reconcile::orders`].
///
/// Every method fails if the ledger is unavailable.
pub trait Orders {
    /// Claims `order` for `owner`, unless it is claimed; answers with the claim there was. That may be
    /// the same owner's.
    async fn claim_order(
        &self, order: &OrderKey, owner: &OrderOwner, now: EventTime,
    ) -> Result<Option<OrderClaim>, LedgerError>;

    /// Gives the order to `owner`, on condition that its claim still is `from`. Answers whether it was.
    async fn take_over_order(
        &self, order: &OrderKey, from: &OrderClaim, owner: &OrderOwner, now: EventTime,
    ) -> Result<bool, LedgerError>;

    /// Makes the id `notice` lead to the row of its order, in place of where it led before. A conflict
    /// where the notice has a row of its own by now.
    async fn point_to_order(
        &self, notice: &PartitionKey, pointer: &SameOrder, now: EventTime,
    ) -> Result<(), LedgerError>;
}
