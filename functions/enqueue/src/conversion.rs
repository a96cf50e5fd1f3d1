//! An original: find its click, claim its key, write its row, read its partition for corrections that
//! came first, send its signal – in this order, so that a crash anywhere is repaired by the caller's
//! retry.

use tracklayer_core::{
    event::{Conversion, ErrorCode, EventError},
    ledger::{
        facts::Facts,
        row::{Row, RowKey},
        wait::WaitReason,
    },
    reconcile::{
        intake::{Dispatch, facts_of, improved, key_of, place, with_improved},
        orphans::take,
        state::lost_since,
    },
    time::EventTime,
};
use tracklayer_edge::{
    flows::find_click,
    ports::{Claims as _, LedgerError, Orphans as _, Ports, Rows as _, claim_of},
};

use crate::{
    call::Call,
    context::Enqueue,
    wire::{EventAnswer, Status},
};

/// How often a row is tried anew when another writer was faster.
const ROUNDS: usize = 8;

/// What is known of an event before its row is written.
enum Found {
    /// It is new: its facts, and why it has no click if it has none.
    New(Box<Facts>, Option<WaitReason>),
    /// Its row is there.
    Known,
}

/// A row, and what has changed in it.
struct Gathered {
    row: Row,
    /// How many corrections were taken from the orphan that can have no effect.
    lost: usize,
}

impl<P: Ports> Enqueue<P> {
    /// Stores one original and answers.
    pub(crate) async fn take_conversion(
        &self,
        conversion: &Conversion,
        call: &Call<'_>,
    ) -> Result<EventAnswer, LedgerError> {
        if let Err(error) = call.allows(&conversion.source, Some(&conversion.account)) {
            return Ok(EventAnswer::rejected(&conversion.event_id, &conversion.source, error));
        }
        let Found::New(facts, missing) = self.facts(conversion, call).await? else {
            return self.repeat(conversion, call).await;
        };
        let context = call.context(&self.policy);
        let (row, dispatch) = place(conversion, *facts, missing, &context, self.retention_days);
        if self.ledger.insert(&row, call.now).await?.is_some() {
            return self.repeat(conversion, call).await;
        }
        let gathered = self.gather(&row.key, call).await?;
        if let Dispatch::Message(not_before) = dispatch {
            call.signal(&gathered.row, not_before);
        }
        Ok(answer(conversion, Status::Queued, &gathered))
    }

    /// Click, hashes and a second that is free at Microsoft – or that the row is there, where the
    /// second is not free because this very event was taken before, perhaps shifted.
    async fn facts(&self, conversion: &Conversion, call: &Call<'_>) -> Result<Found, LedgerError> {
        let mapped = self.mapping.account(conversion.account.as_str());
        let (own, references) = (conversion.msclkid.as_ref(), &conversion.references);
        let at = conversion.occurred_at;
        let credit =
            find_click::for_event(&self.clicks, mapped, own, references, at, call.now).await?;
        let mut facts = facts_of(conversion, &credit);
        let (account, time, now) = (&conversion.account, conversion.occurred_at, call.now);
        let owner = key_of(conversion);
        let from = call.next_second(account, &facts);
        let first = claim_of(account, &facts.identity, time.plus_seconds(from));
        facts.conversion_time = match first {
            None => time,
            Some(first) if self.ledger.claim(&first, &owner, now).await? => time.plus_seconds(from),
            Some(_) if self.is_known(&owner, now).await? => return Ok(Found::Known),
            Some(_) => {
                let identity = &facts.identity;
                self.ledger.claim_second(account, identity, time, &owner, now, from + 1).await?
            }
        };
        let missing = credit.missing();
        Ok(Found::New(Box::new(facts), missing))
    }

    async fn is_known(&self, key: &RowKey, now: EventTime) -> Result<bool, LedgerError> {
        let partition = self.ledger.partition(&key.source, &key.event_id, now).await?;
        Ok(partition.row(key).is_some())
    }

    /// Reads the row's partition, after the row is there, and has it take the corrections that came
    /// before it.
    async fn gather(&self, key: &RowKey, call: &Call<'_>) -> Result<Gathered, LedgerError> {
        let context = call.context(&self.policy);
        for _ in 0..ROUNDS {
            let partition = self.ledger.partition(&key.source, &key.event_id, call.now).await?;
            let Some(row) = partition.row(key) else { return Err(LedgerError::Conflict) };
            let orphan = partition.orphan.as_ref();
            let Some((orphan, moved)) =
                orphan.and_then(|orphan| Some((orphan, take(row, orphan, &context)?)))
            else {
                return Ok(Gathered { row: row.clone(), lost: 0 });
            };
            if self.ledger.move_corrections(orphan, row, &moved).await? {
                let lost = lost_since(&moved.row, row.corrections.len());
                return Ok(Gathered { row: moved.row, lost });
            }
        }
        Err(LedgerError::Conflict)
    }

    /// The id is known. What the repetition says better is added to a row that has nobody yet. A row
    /// that nothing is known of and nothing drives may have lost its message: it is sent again. Any
    /// other row is driven by its outcome, its `due` or a redrive.
    async fn repeat(
        &self,
        conversion: &Conversion,
        call: &Call<'_>,
    ) -> Result<EventAnswer, LedgerError> {
        let mut gathered = self.gather(&key_of(conversion), call).await?;
        if let Some(message) = conflict_with(&gathered.row, conversion) {
            return Ok(conflict(conversion, message));
        }
        match self.improve(&gathered.row, conversion, call).await? {
            Some(better) => {
                call.signal(&better, None);
                gathered.row = better;
            }
            None if gathered.row.observed_revision == 0 && gathered.row.open.is_none() => {
                call.signal(&gathered.row, None);
            }
            None => {}
        }
        Ok(answer(conversion, Status::Duplicate, &gathered))
    }

    /// The row with what the repetition says better, once it is written; `None` if that is nothing.
    async fn improve(
        &self,
        row: &Row,
        conversion: &Conversion,
        call: &Call<'_>,
    ) -> Result<Option<Row>, LedgerError> {
        let mut row = row.clone();
        for _ in 0..ROUNDS {
            let Some(mut facts) = improved(&row, conversion) else { return Ok(None) };
            let (identity, time) = (&facts.identity, facts.occurred_at);
            let claims = &self.ledger;
            facts.conversion_time =
                claims.claim_second(&row.account, identity, time, &row.key, call.now, 0).await?;
            let better = with_improved(&row, facts, call.now);
            if self.ledger.change(&row, &better).await? {
                return Ok(Some(better));
            }
            let key = &row.key;
            let partition = self.ledger.partition(&key.source, &key.event_id, call.now).await?;
            let Some(current) = partition.row(key) else { return Err(LedgerError::Conflict) };
            row = current.clone();
        }
        Err(LedgerError::Conflict)
    }
}

fn answer(conversion: &Conversion, status: Status, gathered: &Gathered) -> EventAnswer {
    let (id, source) = (&conversion.event_id, &conversion.source);
    let stored = EventAnswer::stored(id, source, status, &gathered.row);
    EventAnswer { lost: gathered.lost, ..stored }
}

/// Why `conversion` is no repetition of what `row` was written for, if it is none.
fn conflict_with(row: &Row, conversion: &Conversion) -> Option<&'static str> {
    if row.account != conversion.account {
        return Some("this id belongs to another account");
    }
    // Of an erased row there is nothing left to compare.
    let is_same = row.facts.fingerprint == conversion.fingerprint().to_string();
    (!is_same && !row.is_erased()).then_some("this id is known with other content")
}

fn conflict(conversion: &Conversion, message: &str) -> EventAnswer {
    let error = EventError::whole(ErrorCode::Conflict, message);
    let answer = EventAnswer::conflict(&conversion.event_id, &conversion.source, error);
    EventAnswer { account: Some(conversion.account.clone()), ..answer }
}
