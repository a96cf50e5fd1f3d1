//! An event whose person denies consent: nothing of it is stored, and what earlier events of the same
//! id or order have left ends.

use std::collections::BTreeSet;

use tracklayer_core::event::{Event, Ignored, IgnoredReason, Parsed};
use tracklayer_core::ledger::order::{OrderKey, OrderOwner};
use tracklayer_core::ledger::row::{Row, RowKey};
use tracklayer_core::reconcile::erasure::erase;
use tracklayer_edge::flows::erase_person;
use tracklayer_edge::ports::{Erasures, IngestKey, LedgerError, Ports};

use crate::call::{Call, ROUNDS};
use crate::order::{Turn, counted_elsewhere};
use crate::wire::{EventAnswer, Status};

impl<P: Ports> Call<'_, P>
where
    P::Ledger: Erasures,
{
    /// Nothing is stored but that the order is denied, if there is one. The row ends that an earlier
    /// event of this id or order has left, unless Microsoft has taken it. Where the key does not cover
    /// that row, it is a conflict: nothing has ended.
    pub(crate) async fn ignore(&self, ignored: &Ignored) -> Result<EventAnswer, LedgerError> {
        let id = || ignored.key.partition_key();
        if let Err(error) = self.allows(&ignored.key.source, ignored.account.as_ref()) {
            return Ok(EventAnswer::refused(id(), Status::Rejected, error));
        }
        let mut may = true;
        for (account, order) in &ignored.orders {
            if self.key.covers_account(account) {
                may &= self.deny_order(order).await?;
            }
        }
        if is_denial(ignored) {
            may &= self.end_under_its_id(ignored).await?;
        }
        if may {
            return Ok(EventAnswer::ignored(&ignored.key, ignored.reason));
        }
        let answer = EventAnswer::refused(id(), Status::Conflict, counted_elsewhere());
        Ok(EventAnswer { account: ignored.account.clone(), ..answer })
    }

    /// Claims the order, so that it is ignored from whoever sends it; or ends the row that came first.
    /// Answers as [`Self::end`] does.
    async fn deny_order(&self, order: &OrderKey) -> Result<bool, LedgerError> {
        match self.claim_order(order, &OrderOwner::Denied).await? {
            Turn::Counted(row) => self.end(*row).await,
            Turn::Ours | Turn::Denied => Ok(true),
        }
    }

    async fn end_under_its_id(&self, denied: &Ignored) -> Result<bool, LedgerError> {
        let own = &denied.key;
        let partition = self.partition(own).await?;
        if let Some(row) = partition.row(own) {
            return self.end(row.clone()).await;
        }
        let Some(key) = partition.row_of_order(&own.event) else { return Ok(true) };
        match self.row(key).await? {
            Some(row) => self.end(row).await,
            None => Ok(true),
        }
    }

    /// Ends the row, unless Microsoft has taken it. False: the key does not cover it.
    pub(crate) async fn end(&self, mut row: Row) -> Result<bool, LedgerError> {
        if !self.covers(&row) {
            return Ok(false);
        }
        for _ in 0..ROUNDS {
            if row.observed.accepted.is_some() {
                return Ok(true);
            }
            let Some(erased) = erase(&row, self.now) else { return Ok(true) };
            if erase_person::end_row(self.ledger, &self.erasures, &row, &erased, self.now).await? {
                return Ok(true);
            }
            let Some(current) = self.row(&row.key).await? else {
                return Ok(true);
            };
            row = current;
        }
        // Upload is at it all the time; the caller's retry settles it.
        Err(LedgerError::Conflict)
    }
}

/// Whether it is ignored because its person denies consent.
pub(crate) fn is_denial(ignored: &Ignored) -> bool {
    ignored.reason == IgnoredReason::ConsentDenied
}

/// The orders that it denies with this key.
fn orders<'a>(ignored: &'a Ignored, key: &IngestKey) -> impl Iterator<Item = &'a OrderKey> {
    let covered = ignored.orders.iter().filter(|(account, _)| key.covers_account(account));
    covered.map(|(_, order)| order)
}

/// What is denied in a request, as far as its key may do so.
pub(crate) struct Denials<'a> {
    rows: BTreeSet<&'a RowKey>,
    orders: BTreeSet<&'a OrderKey>,
}

impl<'a> Denials<'a> {
    /// The denials among the events of a request.
    pub fn among(parsed: &'a [Parsed], key: &IngestKey) -> Self {
        let covered = |ignored: &&Ignored| {
            let account = ignored.account.as_ref();
            key.covers_source(&ignored.key.source)
                && account.is_none_or(|account| key.covers_account(account))
        };
        let denial = |parsed: &'a Parsed| match &parsed.event {
            Ok(Event::Ignored(ignored)) if is_denial(ignored) => Some(ignored),
            _ => None,
        };
        let denials: Vec<&Ignored> = parsed.iter().filter_map(denial).filter(covered).collect();
        Denials {
            rows: denials.iter().map(|ignored| &ignored.key).collect(),
            orders: denials.iter().flat_map(|ignored| orders(ignored, key)).collect(),
        }
    }

    pub fn mean(&self, row: &Row) -> bool {
        let by_order = row.facts.order.as_ref().is_some_and(|order| self.include(order));
        by_order || self.rows.contains(&row.key)
    }

    pub fn include(&self, order: &OrderKey) -> bool {
        self.orders.contains(order)
    }
}
