//! An original: claim its order, find its click, claim its key, write its row, read its partition for
//! corrections that came first, send its signal – in this order, so that a crash anywhere is repaired
//! by the caller's retry.

use tracklayer_core::event::{Conversion, ErrorCode, EventError, IgnoredReason};
use tracklayer_core::ledger::facts::Facts;
use tracklayer_core::ledger::row::{Row, RowKey};
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::mapping::Account;
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

/// A row, and what has changed in it.
pub(crate) struct Gathered {
    pub row: Row,
    /// Corrections from the orphan that can have no effect, as the log names them.
    pub lost: Vec<String>,
}

impl<P: Ports> Call<'_, P>
where
    P::Ledger: Erasures,
{
    /// Stores one original and answers.
    ///
    /// Its partition is read first, which costs one read unit: an event whose row is there claims
    /// nothing, neither an order nor a second.
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
        let partition = self.partition(key).await?;
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
        let gathered = self.gather(&conversion.key, row).await?;
        if let Dispatch::Message(not_before) = dispatch {
            self.signal(&gathered.row, not_before);
        }
        Ok(answer(conversion, Status::Queued, gathered))
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
        let account = self.enqueue.mapping.account(conversion.account.as_str());
        let browser_order_ties = account.is_some_and(Account::browser_order_ties);
        let own = conversion.msclkid.as_ref().filter(|id| !refused.contains(id));
        let references = &conversion.references;
        let sale = Sale { own, references, time, refused, browser_order_ties };
        find_click::for_sale(&self.enqueue.clicks, sale, self.now).await
    }

    /// Reads the partition of `notice`, the id under which an event of `row` came, after the row (or
    /// what leads to it) is there, and has the row take the corrections that came before it.
    pub(crate) async fn gather(&self, notice: &RowKey, row: Row) -> Result<Gathered, LedgerError> {
        let context = self.context();
        let gather = async |row: Row| {
            let partition = self.partition(notice).await?;
            let original = Original { event: &notice.event, row: &row };
            let orphan = partition.orphan.as_ref();
            let Some((orphan, moved)) =
                orphan.and_then(|orphan| Some((orphan, take(original, orphan, &context)?)))
            else {
                return Ok(Some(Gathered { row, lost: Vec::new() }));
            };
            let is_moved = self.ledger.move_corrections(orphan, &row, &moved).await?;
            Ok(is_moved.then_some(Gathered { row: moved.row, lost: moved.lost }))
        };
        self.rewrite(row, gather).await
    }

    async fn store_repetition(
        &self, conversion: &Conversion, row: Row,
    ) -> Result<EventAnswer, LedgerError> {
        let gathered = self.gather(&conversion.key, row).await?;
        if let Some(message) = conflict_with(&gathered.row, conversion) {
            let answer = conflict(conversion, message);
            return Ok(EventAnswer { lost: gathered.lost, ..answer });
        }
        let gathered = match self.adopt_order(gathered, conversion).await? {
            Ok(gathered) => gathered,
            Err(answer) => return Ok(answer),
        };
        let gathered = self.improve_or_signal(gathered, conversion).await?;
        Ok(answer(conversion, Status::Duplicate, gathered))
    }

    /// What a repetition, or another notice of the order, says better is added to a row that has nobody
    /// yet. A row that nothing is known of and nothing drives may have lost its message: it is sent
    /// again. Any other row is driven by its outcome, its `due` or a redrive.
    pub(crate) async fn improve_or_signal(
        &self, gathered: Gathered, conversion: &Conversion,
    ) -> Result<Gathered, LedgerError> {
        if let Some(row) = self.improve(&gathered.row, conversion).await? {
            self.signal(&row, None);
            return Ok(Gathered { row, ..gathered });
        }
        if gathered.row.observed_revision == 0 && gathered.row.open.is_none() {
            self.signal(&gathered.row, None);
        }
        Ok(gathered)
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

pub(crate) fn answer(conversion: &Conversion, status: Status, gathered: Gathered) -> EventAnswer {
    let stored = EventAnswer::stored(conversion.key.partition_key(), status, &gathered.row);
    EventAnswer { lost: gathered.lost, ..stored }
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
