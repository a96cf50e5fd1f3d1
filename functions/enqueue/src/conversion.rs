//! An original: find its click, claim its key, write its row, send its signal – in this order, so
//! that a crash anywhere is repaired by the caller's retry.

use tracklayer_core::{
    event::{Conversion, ErrorCode, EventError},
    ledger::{facts::Facts, row::Row, wait::WaitReason},
    reconcile::{
        decide::AccountView,
        intake::{Dispatch, facts_of, key_of, place},
        note::Context,
    },
    time::EventTime,
};
use tracklayer_edge::{
    flows::find_click,
    ports::{Claims as _, Ports, Rows as _, claim_of},
};

use crate::{
    handler::{Call, Enqueue, Unavailable},
    wire::{EventAnswer, Status},
};

/// What is known of an event before its row is written.
enum Found {
    /// It is new: its facts, and why it has no click if it has none.
    New(Box<Facts>, Option<WaitReason>),
    /// It was taken before.
    Known(Box<Row>),
}

impl<P: Ports> Enqueue<P> {
    /// Takes one original.
    pub(crate) async fn take_conversion(
        &self,
        conversion: &Conversion,
        call: &Call<'_>,
    ) -> Result<EventAnswer, Unavailable> {
        if let Err(error) = call.allows(&conversion.source, Some(&conversion.account)) {
            return Ok(EventAnswer::rejected(&conversion.event_id, &conversion.source, error));
        }
        let (facts, missing) = match self.facts(conversion, call).await? {
            Found::New(facts, missing) => (*facts, missing),
            Found::Known(row) => return Ok(repeat(conversion, &row, call)),
        };
        let mapped = self.mapping.account(conversion.account.as_str());
        let view = mapped.map(AccountView::mapped).unwrap_or_default();
        let context = Context { account: &view, ..call.context(&self.policy) };
        let (row, dispatch) =
            place(conversion, facts.clone(), None, missing, &context, self.retention_days);
        let Some(existing) = self.ledger.insert(&row, call.now).await? else {
            return Ok(signal(conversion, &row, dispatch, call));
        };
        if existing.facts.is_some() {
            self.give_back(&row, &existing).await?;
            return Ok(repeat(conversion, &existing, call));
        }
        // An orphan's account was only a guess; corrections that name another one are refused.
        let (row, dispatch) =
            place(conversion, facts, Some(&existing), missing, &context, self.retention_days);
        match self.ledger.change(&existing, &row).await? {
            true => Ok(signal(conversion, &row, dispatch, call)),
            // Another writer was at the orphan in the same moment; the caller's retry settles it.
            false => Err(Unavailable),
        }
    }

    /// Click, hashes and a second that is free at Microsoft – or the row, where the second is not
    /// free because this very event was taken before, perhaps shifted.
    async fn facts(&self, conversion: &Conversion, call: &Call<'_>) -> Result<Found, Unavailable> {
        let (account, time, now) = (&conversion.account, conversion.occurred_at, call.now);
        let mapped = self.mapping.account(account.as_str());
        let (own, references) = (conversion.msclkid.as_ref(), &conversion.references);
        let credit =
            find_click::for_event(&self.clicks, mapped, own, references, time, now).await?;
        let mut facts = facts_of(conversion, &credit);
        let owner = key_of(conversion);
        let from = call.next_second(account, &facts);
        let first = claim_of(account, &facts.identity, time.plus_seconds(from));
        facts.conversion_time = match first {
            None => time,
            Some(first) if self.ledger.claim(&first, &owner, now).await? => time.plus_seconds(from),
            Some(_) => match self.known(conversion, now).await? {
                Some(row) => return Ok(Found::Known(Box::new(row))),
                None => {
                    let identity = &facts.identity;
                    self.ledger.claim_second(account, identity, time, &owner, now, from + 1).await?
                }
            },
        };
        Ok(Found::New(Box::new(facts), credit.missing()))
    }

    async fn known(
        &self,
        conversion: &Conversion,
        now: EventTime,
    ) -> Result<Option<Row>, Unavailable> {
        let (source, id) = (&conversion.source, &conversion.event_id);
        let rows = self.ledger.partition(source, id, now).await?;
        Ok(rows.into_iter().find(|row| row.key.event == conversion.event && row.facts.is_some()))
    }

    /// The second that `refused` claimed, if the row that was there has another: kept, it would
    /// shift somebody else's conversion for a hundred days.
    async fn give_back(&self, refused: &Row, existing: &Row) -> Result<(), Unavailable> {
        let claim = |row: &Row| {
            let facts = row.facts.as_ref()?;
            claim_of(&row.account, &facts.identity, facts.conversion_time)
        };
        // A row without identity may be getting its click, and this second, just now.
        if let (Some(mine), Some(theirs)) = (claim(refused), claim(existing))
            && mine != theirs
        {
            self.ledger.release(&mine, &refused.key).await?;
        }
        Ok(())
    }
}

fn signal(conversion: &Conversion, row: &Row, dispatch: Dispatch, call: &Call<'_>) -> EventAnswer {
    if let Dispatch::Message(not_before) = dispatch {
        call.signal(row, not_before);
    }
    EventAnswer::stored(&conversion.event_id, &conversion.source, Status::Queued, row)
}

/// The id is known. A row that nothing is known of and nothing drives may have lost its message: it
/// is sent again. Any other row is driven by its outcome, its `due` or a redrive.
fn repeat(conversion: &Conversion, existing: &Row, call: &Call<'_>) -> EventAnswer {
    let fingerprint = conversion.fingerprint().to_string();
    let known = existing.facts.as_ref().map(|facts| facts.fingerprint.as_str());
    if existing.account != conversion.account {
        return conflict(conversion, "this id belongs to another account");
    }
    if existing.is_erased() {
        // What it said of the person is gone, so there is nothing left to compare.
        let (id, source) = (&conversion.event_id, &conversion.source);
        return EventAnswer::stored(id, source, Status::Duplicate, existing);
    }
    if known != Some(fingerprint.as_str()) {
        return conflict(conversion, "this id is known with other content");
    }
    if existing.observed_revision == 0 && existing.open.is_none() {
        call.signal(existing, None);
    }
    EventAnswer::stored(&conversion.event_id, &conversion.source, Status::Duplicate, existing)
}

fn conflict(conversion: &Conversion, message: &str) -> EventAnswer {
    let error = EventError::whole(ErrorCode::Conflict, message);
    EventAnswer::conflict(&conversion.event_id, &conversion.source, error)
}
