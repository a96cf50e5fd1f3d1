//! An original: claim its order, find its click, claim its key, write its row, read its partition for
//! corrections that came first, send its signal – in this order, so that a crash anywhere is repaired
//! by the caller's retry.

use tracklayer_core::event::{Conversion, ErrorCode, EventError, IgnoredReason};
use tracklayer_core::ledger::facts::Facts;
use tracklayer_core::ledger::row::{Row, RowKey};
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::attribution::{Credit, Sale};
use tracklayer_core::reconcile::intake::{
    Dispatch, facts_of, has_nobody, improved, place, with_improved,
};
use tracklayer_core::reconcile::orphans::{Original, take};
use tracklayer_core::time::EventTime;
use tracklayer_edge::flows::find_click;
use tracklayer_edge::ports::{Claims as _, Erasures, LedgerError, Orphans as _, Ports, Rows as _};

use crate::call::Call;
use crate::order::Turn;
use crate::wire::{EventAnswer, Status};

impl<P: Ports> Call<'_, P>
where
    P::Ledger: Erasures,
{
    /// Stores one original and answers.
    ///
    /// What is under its id is read first: an event whose row is there claims nothing, neither an order
    /// nor a second.
    pub(crate) async fn store_conversion(
        &self, conversion: &Conversion,
    ) -> Result<EventAnswer, LedgerError> {
        if let Err(error) = self.allows(&conversion.key.source, Some(&conversion.account)) {
            return Ok(EventAnswer::refused(
                conversion.key.partition_key(),
                Status::Rejected,
                error,
            ));
        }
        let key = &conversion.key;
        let partition = self.known(key).await?;
        if let Some(row) = partition.row(key) {
            return self.store_repetition(conversion, row.clone()).await;
        }
        // An order that is denied in the same request is not stored first and ended then.
        if self.is_denied(conversion) {
            return Ok(EventAnswer::ignored(&conversion.key, IgnoredReason::ConsentDenied));
        }
        match self.turn_of(conversion, &partition).await? {
            Turn::Ours => self.store_new(conversion).await,
            Turn::Counted(row) => self.store_notice(conversion, *row).await,
            Turn::Denied => Ok(EventAnswer::ignored(&conversion.key, IgnoredReason::ConsentDenied)),
        }
    }

    async fn store_new(&self, conversion: &Conversion) -> Result<EventAnswer, LedgerError> {
        let (facts, missing) = self.facts(conversion).await?;
        let context = self.context();
        let (row, dispatch) =
            place(conversion, facts, missing, &context, self.enqueue.retention_days);
        if let Some(known) = self.ledger.insert(&row, self.now).await? {
            return self.store_repetition(conversion, known).await;
        }
        let row = self.gather(&conversion.key, row).await?;
        if let Dispatch::Message(not_before) = dispatch {
            self.signal(&row, not_before);
        }
        Ok(EventAnswer::stored(conversion.key.partition_key(), Status::Queued, &row))
    }

    /// Click, hashes and a second that is free at Microsoft; and why there is no click, if there is
    /// none.
    async fn facts(
        &self, conversion: &Conversion,
    ) -> Result<(Facts, Option<WaitReason>), LedgerError> {
        let account = &conversion.account;
        let credit = self.credit(conversion, conversion.occurred_at, &[]).await?;
        let mut facts = facts_of(conversion, &credit);
        let (owner, from) = (&conversion.key, self.next_second(account, &facts));
        facts.conversion_time =
            self.ledger.claim_second(account, &facts, owner, self.now, from).await?;
        Ok((facts, credit.err()))
    }

    /// The click of what `conversion` says, for a sale at that time that Microsoft refused with these.
    async fn credit(
        &self, conversion: &Conversion, time: EventTime, refused: &[ClickId],
    ) -> Result<Credit, LedgerError> {
        let browser_order_ties = self.enqueue.mapping.browser_order_ties(&conversion.account);
        let own = conversion.msclkid.as_ref().filter(|id| !refused.contains(id));
        let references = &conversion.references;
        let sale = Sale { own, references, time, refused, browser_order_ties };
        find_click::for_sale(&self.clicks, sale, self.now).await
    }

    /// Reads the orphan of `notice`, the id under which an event of `row` came, after the row (or what
    /// leads to it) is there, and has the row take the corrections that came before it.
    pub(crate) async fn gather(&self, notice: &RowKey, row: Row) -> Result<Row, LedgerError> {
        let context = self.context();
        let gather = async |row: Row| {
            let orphan = self.ledger.orphan(&notice.partition_key(), self.now).await?;
            let original = Original { event: &notice.event, row: &row };
            let Some((orphan, moved)) =
                orphan.and_then(|orphan| take(original, &orphan, &context).map(|it| (orphan, it)))
            else {
                return Ok(Some(row));
            };
            let is_moved = self.ledger.move_corrections(&orphan, &row, &moved).await?;
            Ok(is_moved.then(|| {
                self.lose(&row.account, moved.lost);
                moved.row
            }))
        };
        self.rewrite(row, gather).await
    }

    async fn store_repetition(
        &self, conversion: &Conversion, row: Row,
    ) -> Result<EventAnswer, LedgerError> {
        let mut row = self.gather(&conversion.key, row).await?;
        if let Some(message) = conflict_with(&row, conversion) {
            return Ok(conflict(conversion, message));
        }
        if let Some(answer) = self.adopt_order(&mut row, conversion).await? {
            return Ok(answer);
        }
        let row = self.improve_or_signal(row, conversion).await?;
        Ok(EventAnswer::stored(conversion.key.partition_key(), Status::Duplicate, &row))
    }

    /// What a repetition, or another notice of the order, says better is added to a row that has nobody
    /// yet. A row that nothing is known of and nothing drives may have lost its message: it is sent
    /// again. Any other row is driven by its outcome, its `due` or a redrive.
    pub(crate) async fn improve_or_signal(
        &self, row: Row, conversion: &Conversion,
    ) -> Result<Row, LedgerError> {
        let improved = self.improve(&row, conversion).await?;
        let is_lost = row.observed_revision == 0 && row.open.is_none();
        if improved.is_some() || is_lost {
            self.signal(improved.as_ref().unwrap_or(&row), None);
        }
        Ok(improved.unwrap_or(row))
    }

    /// The row with what the repetition says better, once it is written; `None` if that is nothing.
    async fn improve(
        &self, row: &Row, conversion: &Conversion,
    ) -> Result<Option<Row>, LedgerError> {
        let improve = async |row: Row| {
            if !has_nobody(&row) {
                return Ok(Some(None));
            }
            let (at, refused) = (row.facts.occurred_at, &row.facts.refused_clicks);
            let credit = self.credit(conversion, at, refused).await?;
            let Some(mut facts) = improved(&row, conversion, &credit) else {
                return Ok(Some(None));
            };
            facts.conversion_time =
                self.ledger.claim_second(&row.account, &facts, &row.key, self.now, 0).await?;
            let better = with_improved(&row, facts, self.now);
            Ok(self.ledger.change(&row, &better).await?.then_some(Some(better)))
        };
        self.rewrite(row.clone(), improve).await
    }
}

/// Why `conversion` is no repetition of what `row` was written for, if it is none.
fn conflict_with(row: &Row, conversion: &Conversion) -> Option<&'static str> {
    if row.account != conversion.account {
        return Some("this id belongs to another account");
    }
    // Of an erased row there is nothing left to compare.
    let is_same = row.facts.fingerprint == conversion.fingerprint();
    (!is_same && !row.is_erased()).then_some("this id is known with other content")
}

fn conflict(conversion: &Conversion, message: &str) -> EventAnswer {
    let error = EventError::whole(ErrorCode::Conflict, message);
    EventAnswer::refused(conversion.key.partition_key(), Status::Conflict, error)
}
