//! One order, one conversion: claims the order of an event before anything else is written, and
//! answers other notices of an order that is counted already.

use tracklayer_core::event::{Conversion, ErrorCode, EventError, IgnoredReason};
use tracklayer_core::field::Field;
use tracklayer_core::ledger::order::{OrderKey, OrderOwner, SameOrder};
use tracklayer_core::ledger::row::{Row, RowKey};
use tracklayer_core::mapping::PerOrder;
use tracklayer_core::reconcile::intake::with_order;
use tracklayer_core::reconcile::orders::{
    Claimed, claimed, counts_as_well, is_repetition, is_same_notice,
};
use tracklayer_edge::ports::{
    Claims as _, Erasures, LedgerError, Orders as _, Partition, Pointer, Ports, Rows as _,
};

use crate::call::{Call, ROUNDS};
use crate::wire::{EventAnswer, Status};

/// Whose turn it is with an order.
pub(crate) enum Turn {
    Ours,
    Counted(Box<Row>),
    /// Nobody's: an event of the order denied consent.
    Denied,
}

impl<P: Ports> Call<'_, P>
where
    P::Ledger: Erasures,
{
    /// Whether the event, which has no row in its `partition`, may be stored. One that has been
    /// another notice of an order stays one: when it comes without the order's number, when the mapping
    /// has other names for orders now, and when its id was used to correct the order's row.
    pub(crate) async fn turn_of(
        &self, conversion: &Conversion, partition: &Partition,
    ) -> Result<Turn, LedgerError> {
        let known = partition.row_of_order(&conversion.key.event);
        if let Some(key) = known.filter(|_| conversion.goal.per_order == PerOrder::One)
            && let Some(row) = self.row(key).await?
            && (is_same_notice(&row, conversion)
                || self.has_corrected(&conversion.key, &row).await?)
        {
            return Ok(Turn::Counted(Box::new(row)));
        }
        match &conversion.order {
            Some(order) => self.claim_order(order, &OrderOwner::Row(conversion.key.clone())).await,
            None => Ok(Turn::Ours),
        }
    }

    /// Whether a correction of `row` came by the id of `notice`: it would be counted once more with
    /// another row.
    async fn has_corrected(&self, notice: &RowKey, row: &Row) -> Result<bool, LedgerError> {
        for correction in &row.corrections {
            let pointer = self.ledger.pointer(&correction.id(), self.now).await?;
            let came_by = |it: &Pointer| {
                it.original_source == notice.source && it.original_event_id == notice.event_id
            };
            if pointer.as_ref().is_some_and(came_by) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Claims the order of a row that was written before its order was known. The answer, where the
    /// order is not this row's: it is denied, and the row has ended; or another event counts for it.
    /// Nothing is added to the row then, also where it was taken back, for a restatement may revive it;
    /// and where it may count as well, the caller is told.
    pub(crate) async fn adopt_order(
        &self, row: &mut Row, conversion: &Conversion,
    ) -> Result<Option<EventAnswer>, LedgerError> {
        let is_unknown = row.facts.order.is_none() && !row.is_erased();
        let Some(order) = conversion.order.as_ref().filter(|_| is_unknown) else {
            return Ok(None);
        };
        match self.claim_order(order, &OrderOwner::Row(row.key.clone())).await? {
            Turn::Ours => {}
            Turn::Counted(other) if counts_as_well(row) => {
                let of = self.covers(&other).then_some(other.key);
                let id = conversion.key.partition_key();
                let answer = EventAnswer::refused(id, Status::Conflict, counted_elsewhere());
                return Ok(Some(EventAnswer { of, ..answer }));
            }
            Turn::Counted(_) => {
                let id = conversion.key.partition_key();
                return Ok(Some(EventAnswer::stored(id, Status::Duplicate, row)));
            }
            Turn::Denied => {
                self.end(row.clone()).await?;
                let reason = IgnoredReason::ConsentDenied;
                return Ok(Some(EventAnswer::ignored(&conversion.key, reason)));
            }
        }
        let adopt = async |row: Row| {
            let after = with_order(&row, order);
            Ok(self.ledger.change(&row, &after).await?.then_some(after))
        };
        *row = self.rewrite(row.clone(), adopt).await?;
        Ok(None)
    }

    /// Claims the order for `owner`, whose row is not there.
    pub(crate) async fn claim_order(
        &self, order: &OrderKey, owner: &OrderOwner,
    ) -> Result<Turn, LedgerError> {
        for _ in 0..ROUNDS {
            let Some(claim) = self.ledger.claim_order(order, owner, self.now).await? else {
                return Ok(Turn::Ours);
            };
            let rows = match &claim.owner {
                OrderOwner::Row(key) if claim.owner != *owner => self.known(key).await?.rows,
                _ => Vec::new(),
            };
            match claimed(order, &claim, owner, &rows, self.now) {
                Claimed::Denied => return Ok(Turn::Denied),
                Claimed::Counted(row) => return Ok(Turn::Counted(Box::new(row.clone()))),
                // The caller repeats the request; by then the row is there.
                Claimed::InProgress => return Err(LedgerError::Conflict),
                Claimed::Abandoned => {
                    if self.ledger.take_over_order(order, &claim, owner, self.now).await? {
                        return Ok(Turn::Ours);
                    }
                }
            }
        }
        Err(LedgerError::Conflict)
    }

    /// Answers another notice of the order that `row` counts. Its id leads to that row from now on.
    pub(crate) async fn store_notice(
        &self, conversion: &Conversion, row: Row,
    ) -> Result<EventAnswer, LedgerError> {
        let notice = &conversion.key;
        let covered = self.covers(&row);
        let pointer = SameOrder { event: notice.event.clone(), row: row.key.clone(), covered };
        // Also where it leads there already: it lives for 100 days from now.
        self.ledger.point_to_order(&notice.partition_key(), &pointer, self.now).await?;
        if !covered {
            let id = notice.partition_key();
            return Ok(EventAnswer::refused(id, Status::Conflict, counted_elsewhere()));
        }
        // Before corrections of the notice are moved: that it was refunded itself is no contradiction.
        let is_repetition = is_repetition(&row, conversion);
        let row = self.gather(notice, row).await?;
        if !is_repetition {
            let error = same_order(
                "is counted already, with another value, at another time, or was taken back since",
            );
            let answer = EventAnswer::refused(notice.partition_key(), Status::Conflict, error);
            return Ok(EventAnswer { of: Some(row.key), ..answer });
        }
        let row = self.improve_or_signal(row, conversion).await?;
        Ok(EventAnswer::same_order(conversion, &row))
    }
}

/// Nothing of the order's row is said unless the key covers it.
pub(crate) fn counted_elsewhere() -> EventError {
    same_order("is counted already")
}

fn same_order(problem: &str) -> EventError {
    EventError::at(ErrorCode::SameOrder, Field::OrderId, problem)
}
