//! A correction: find its original, own its pointer, record it there – or in the orphan that waits
//! for the original. An id that came as another notice of an order leads to the order's row.

use tracklayer_core::event::{Correction as CorrectionEvent, ErrorCode, EventError};
use tracklayer_core::field::Field;
use tracklayer_core::id::AccountName;
use tracklayer_core::ledger::correction::Correction;
use tracklayer_core::ledger::orphan::Orphan;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::mapping::Account;
use tracklayer_core::reconcile::intake::{Unfit, append, check, has};
use tracklayer_core::reconcile::orphans::{Again, Aim, add, aim, look_again};
use tracklayer_core::reconcile::state::without_effect;
use tracklayer_edge::flows::originals;
use tracklayer_edge::flows::originals::Siblings;
use tracklayer_edge::ports::{
    Claims as _, Erasures, LedgerError, Orders as _, Orphans as _, Pointer, Ports, Rows as _,
};

use crate::call::Call;
use crate::wire::{EventAnswer, Status, refusal_in};

/// How often a correction is tried anew when another writer was faster: each time one of them gets
/// through, and other requests may correct the same original.
const ROUNDS: usize = 24;

/// Where a correction goes, as it is written there.
enum Target<'a> {
    Row(&'a Row, Box<Row>),
    Orphan(Orphan),
}

impl<P: Ports> Call<'_, P>
where
    P::Ledger: Erasures,
{
    pub(crate) async fn store_correction(
        &self, event: &CorrectionEvent,
    ) -> Result<EventAnswer, LedgerError> {
        if let Err(error) = self.rights(event) {
            return Ok(rejected(event, error));
        }
        let mut owned = false;
        for _ in 0..ROUNDS {
            if let Some(answer) = self.try_correction(event, &mut owned).await? {
                return Ok(answer);
            }
        }
        // It was recorded with a row that is not kept any more.
        match self.ledger.pointer(&event.recorded.id(), self.now).await? {
            Some(known) if !owned && !is_other(&known, event) => {
                Ok(EventAnswer::known(&event.recorded))
            }
            _ => Err(LedgerError::Conflict),
        }
    }

    /// `None`: somebody else wrote meanwhile, or may have. Once the pointer is `owned`, and the
    /// partition was read after that, nobody can write the correction into the orphan any more.
    async fn try_correction(
        &self, event: &CorrectionEvent, owned: &mut bool,
    ) -> Result<Option<EventAnswer>, LedgerError> {
        let siblings = self.siblings(event).await?;
        if is_in(&siblings, &event.recorded) {
            return self.repeat_correction(event, &siblings).await;
        }
        let target = match self.target(event, &siblings) {
            Ok(target) => target,
            Err(error) => return self.reject(event, error).await.map(Some),
        };
        match target {
            Target::Row(before, after) => {
                if !std::mem::replace(owned, true)
                    && let Some(known) = self.point(event).await?
                {
                    return Ok(is_other(&known, event).then(|| conflict(event)));
                }
                let written = self.ledger.change(before, &after).await?;
                if written {
                    self.renew_pointers(event, &siblings, before).await?;
                }
                Ok(written.then(|| self.recorded(event, Status::Queued, &after)))
            }
            Target::Orphan(after) => {
                let before = siblings.partition.orphan.as_ref();
                self.record_in_orphan(event, before, &after).await
            }
        }
    }

    /// What leads from the correction's `original` to the row is kept as long as the correction.
    async fn renew_pointers(
        &self, event: &CorrectionEvent, siblings: &Siblings, row: &Row,
    ) -> Result<(), LedgerError> {
        for pointer in siblings.partition.same_order.iter().filter(|it| it.row == row.key) {
            self.ledger.point_to_order(&event.original, pointer, self.now).await?;
        }
        Ok(())
    }

    async fn point(&self, event: &CorrectionEvent) -> Result<Option<Pointer>, LedgerError> {
        let pointer = Pointer::of(event, self.now);
        self.ledger.point(&event.recorded.id(), &pointer, self.now).await
    }

    async fn record_in_orphan(
        &self, event: &CorrectionEvent, before: Option<&Orphan>, after: &Orphan,
    ) -> Result<Option<EventAnswer>, LedgerError> {
        let (own, pointer) = (event.recorded.id(), Pointer::of(event, self.now));
        if self.ledger.record_in_orphan(before, after, &own, &pointer, self.now).await? {
            return self.settle(event, Status::Queued).await;
        }
        let known = self.ledger.pointer(&own, self.now).await?;
        Ok(known.filter(|known| is_other(known, event)).map(|_| conflict(event)))
    }

    async fn siblings(&self, event: &CorrectionEvent) -> Result<Siblings, LedgerError> {
        originals::siblings(self.ledger, &event.original, self.now).await
    }

    async fn repeat_correction(
        &self, event: &CorrectionEvent, siblings: &Siblings,
    ) -> Result<Option<EventAnswer>, LedgerError> {
        let known = self.ledger.pointer(&event.recorded.id(), self.now).await?;
        if known.is_some_and(|known| is_other(&known, event)) {
            return Ok(Some(conflict(event)));
        }
        let mut rows = siblings.originals().into_iter().map(|original| original.row);
        match rows.find(|row| has(&row.corrections, &event.recorded)) {
            Some(row) => Ok(Some(match self.allows(&row.key.source, Some(&row.account)) {
                Ok(()) => EventAnswer::of_correction(&event.recorded, Status::Duplicate, row),
                Err(error) => rejected(event, error),
            })),
            // The run that wrote it into the orphan may have died before it looked again.
            None => self.settle(event, Status::Duplicate).await,
        }
    }

    /// Looks again after the correction is in the orphan. `None`: it is not there any more.
    async fn settle(
        &self, event: &CorrectionEvent, status: Status,
    ) -> Result<Option<EventAnswer>, LedgerError> {
        let context = self.context();
        for _ in 0..ROUNDS {
            let siblings = self.siblings(event).await?;
            let orphan = siblings.partition.orphan.as_ref();
            // A row of an order that the key does not cover takes nothing from here.
            let mut originals = siblings.originals();
            originals.retain(|original| self.covers(original.row));
            match (look_again(&event.recorded, &originals, orphan, &context), orphan) {
                (Again::Taken(row), _) => {
                    return Ok(Some(self.recorded(event, status, row)));
                }
                (Again::Waits, Some(orphan)) => {
                    return Ok(Some(EventAnswer::of_orphan(&event.recorded, status, orphan)));
                }
                (Again::Take(row, moved), Some(orphan)) => {
                    if self.ledger.move_corrections(orphan, row, &moved).await? {
                        self.lose(&row.account, moved.lost);
                    }
                }
                (Again::Gone, _) | (_, None) => return Ok(None),
            }
        }
        Err(LedgerError::Conflict)
    }

    /// The answer for a correction that its original's row has; a new one may be lost.
    fn recorded(&self, event: &CorrectionEvent, status: Status, row: &Row) -> EventAnswer {
        if status == Status::Queued
            && let Some((correction, refusal)) = refusal_in(row, &event.recorded)
        {
            self.lose(&row.account, [without_effect(correction, refusal)]);
        }
        EventAnswer::of_correction(&event.recorded, status, row)
    }

    /// Nothing of a rejected correction is left, so that it can be sent again with other content: a
    /// run that died may have left its pointer.
    async fn reject(
        &self, event: &CorrectionEvent, error: EventError,
    ) -> Result<EventAnswer, LedgerError> {
        let fingerprint = event.fingerprint();
        self.ledger.remove_pointer(&event.recorded.id(), &fingerprint).await?;
        Ok(rejected(event, error))
    }

    /// Where the correction goes, if it can be recorded there.
    fn target<'a>(
        &self, event: &CorrectionEvent, siblings: &'a Siblings,
    ) -> Result<Target<'a>, EventError> {
        let (correction, context) = (&event.recorded, self.context());
        match aim(correction, &siblings.originals()) {
            Aim::Row(row) => {
                self.allows(&row.key.source, Some(&row.account))?;
                check(row, correction).map_err(unfit)?;
                let after = append(row, correction.clone(), &context);
                Ok(Target::Row(row, Box::new(after)))
            }
            Aim::Orphan => {
                let account = self.account_of(event)?;
                let known = siblings.partition.orphan.as_ref();
                let orphan =
                    add(&event.original, known, correction.clone(), account.as_ref(), &context);
                orphan.map(Target::Orphan).map_err(unfit)
            }
            Aim::Ambiguous => Err(ambiguous()),
        }
    }

    /// The account that a correction names, else the only one there is.
    pub(crate) fn account_named<'e>(
        &'e self, event: &'e CorrectionEvent,
    ) -> Option<&'e AccountName> {
        let only = || self.enqueue.mapping.only_account().map(Account::name);
        event.recorded.account.as_ref().or_else(only)
    }

    /// The account that an orphan counts under. It may be any account only for a key that covers all:
    /// the original's is not known yet.
    fn account_of(&self, event: &CorrectionEvent) -> Result<Option<AccountName>, EventError> {
        let account = self.account_named(event);
        if let Some(account) = account {
            self.allows(&event.original.source, Some(account))?;
        } else if !self
            .enqueue
            .mapping
            .accounts()
            .all(|it| self.key.scope.covers_account(it.name()))
        {
            let problem = "must be there: the original is not known yet, and the key does not cover \
                           all accounts";
            return Err(EventError::at(ErrorCode::MissingField, Field::Account, problem));
        }
        Ok(account.cloned())
    }

    /// The key must cover both sides.
    fn rights(&self, event: &CorrectionEvent) -> Result<(), EventError> {
        self.allows(&event.recorded.source, event.recorded.account.as_ref())?;
        self.allows(&event.original.source, None)
    }
}

/// Whether the pointer is that of another correction with the same id.
fn is_other(known: &Pointer, event: &CorrectionEvent) -> bool {
    known.fingerprint != event.fingerprint()
}

fn is_in(siblings: &Siblings, correction: &Correction) -> bool {
    let orphan = siblings.partition.orphan.as_ref();
    orphan.is_some_and(|orphan| has(&orphan.corrections, correction))
        || siblings.originals().iter().any(|it| has(&it.row.corrections, correction))
}

fn ambiguous() -> EventError {
    EventError::at(
        ErrorCode::AmbiguousOriginal,
        Field::Original,
        "names several conversions; give original.event",
    )
}

fn unfit(unfit: Unfit) -> EventError {
    let (code, field, message) = match unfit {
        Unfit::Currency => {
            (ErrorCode::CurrencyMismatch, Field::Currency, "is not the currency of the original")
        }
        Unfit::Account => {
            (ErrorCode::InvalidOriginal, Field::Account, "is not the original's account")
        }
        Unfit::TooMany => {
            (ErrorCode::InvalidOriginal, Field::Original, "has 50 corrections already")
        }
    };
    EventError::at(code, field, message)
}

fn rejected(event: &CorrectionEvent, error: EventError) -> EventAnswer {
    EventAnswer::refused(event.recorded.id(), Status::Rejected, error)
}

fn conflict(event: &CorrectionEvent) -> EventAnswer {
    let error = EventError::whole(ErrorCode::Conflict, "this id is known with other content");
    EventAnswer::refused(event.recorded.id(), Status::Conflict, error)
}
