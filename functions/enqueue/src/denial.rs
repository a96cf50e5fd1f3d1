//! An event whose person denies consent: nothing of it is stored, and what earlier events of the same
//! id or order have left ends.

use tracklayer_core::event::Ignored;
use tracklayer_core::ledger::order::{OrderKey, OrderOwner};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::reconcile::erasure::erase;
use tracklayer_edge::flows::erase_person;
use tracklayer_edge::ports::{Erasures, LedgerError, Ports};

use crate::call::{Call, ROUNDS};
use crate::denials::is_denial;
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
            if self.key.scope.covers_account(account) {
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
        let partition = self.known(own).await?;
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
