//! One order, one conversion: claims the order of an event before anything else is written, and
//! answers other notices of an order that is counted already.

use tracklayer_core::{
    event::{Conversion, ErrorCode, EventError, field::Field},
    ledger::{
        order::{OrderKey, OrderOwner},
        row::Row,
    },
    mapping::PerOrder,
    reconcile::{
        intake::key_of,
        orders::{Claimed, claimed, is_repetition},
    },
};
use tracklayer_edge::{
    flows::originals,
    ports::{LedgerError, Orders as _, Partition, Ports, Rows as _},
};

use crate::{call::Call, context::Enqueue, wire::EventAnswer};

/// How often an order is tried anew when another writer was faster.
const ROUNDS: usize = 8;

/// Whose turn it is with an order.
pub(crate) enum Turn {
    /// The event's that asks.
    Ours,
    /// It has this row.
    Counted(Box<Row>),
    /// Nobody's: an event of the order denied consent.
    Denied,
}

impl<P: Ports> Enqueue<P> {
    /// Whether the event, which has no row in its `partition`, may be stored. One that has been
    /// another notice of an order stays one when it comes without the order's number.
    pub(crate) async fn turn_of(
        &self,
        conversion: &Conversion,
        partition: &Partition,
        call: &Call<'_>,
    ) -> Result<Turn, LedgerError> {
        if let Some(order) = &conversion.order {
            return self.claim_order(order, &OrderOwner::Row(key_of(conversion)), call).await;
        }
        let known = partition.row_of_order(&conversion.event);
        let Some(key) = known.filter(|_| conversion.goal.per_order == PerOrder::One) else {
            return Ok(Turn::Ours);
        };
        let row = originals::row(&self.ledger, key, call.now).await?;
        Ok(row.map_or(Turn::Ours, |row| Turn::Counted(Box::new(row))))
    }

    /// Claims the order for `owner`, whose row is not there.
    pub(crate) async fn claim_order(
        &self,
        order: &OrderKey,
        owner: &OrderOwner,
        call: &Call<'_>,
    ) -> Result<Turn, LedgerError> {
        for _ in 0..ROUNDS {
            let Some(claim) = self.ledger.claim_order(order, owner, call.now).await? else {
                return Ok(Turn::Ours);
            };
            let rows = match &claim.owner {
                OrderOwner::Row(key) if claim.owner != *owner => {
                    self.ledger.partition(&key.source, &key.event_id, call.now).await?.rows
                }
                _ => Vec::new(),
            };
            match claimed(order, &claim, owner, &rows, call.now) {
                Claimed::Denied => return Ok(Turn::Denied),
                Claimed::Counted(row) => return Ok(Turn::Counted(Box::new(row.clone()))),
                // The caller repeats the request; by then the row is there.
                Claimed::InProgress => return Err(LedgerError::Conflict),
                Claimed::Abandoned => {
                    if self.ledger.take_over_order(order, &claim, owner, call.now).await? {
                        return Ok(Turn::Ours);
                    }
                }
            }
        }
        Err(LedgerError::Conflict)
    }

    /// Answers another notice of the order that `row` counts. Its id leads to that row from now on.
    pub(crate) async fn store_notice(
        &self,
        conversion: &Conversion,
        partition: &Partition,
        row: Row,
        call: &Call<'_>,
    ) -> Result<EventAnswer, LedgerError> {
        let notice = key_of(conversion);
        if partition.row_of_order(&notice.event) != Some(&row.key) {
            self.ledger.point_to_order(&notice, &row.key, call.now).await?;
        }
        if !call.covers(&row) {
            return Ok(conflict(conversion, None));
        }
        // Before corrections of the notice are moved: that it was refunded itself is no contradiction.
        let is_repetition = is_repetition(&row, conversion);
        let gathered = self.gather(&notice, row, call).await?;
        if !is_repetition {
            let answer = conflict(conversion, Some(&gathered.row));
            return Ok(EventAnswer { lost: gathered.lost, ..answer });
        }
        let gathered = self.improve_or_signal(gathered, conversion, call).await?;
        let answer = EventAnswer::same_order(conversion, &gathered.row);
        Ok(EventAnswer { lost: gathered.lost, ..answer })
    }
}

/// Nothing of the order's row is said unless the key covers it.
fn conflict(conversion: &Conversion, row: Option<&Row>) -> EventAnswer {
    let problem = match row {
        Some(_) => {
            "is counted already, with another value, at another time, or was taken back since"
        }
        None => "is counted already",
    };
    let error = EventError::at(ErrorCode::SameOrder, Field::OrderId.as_str(), problem);
    EventAnswer::order_conflict(conversion, error, row)
}
