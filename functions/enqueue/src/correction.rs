//! A correction: find its original, own its pointer, record it there – or in an orphan that waits
//! for the original.

use tracklayer_core::{
    event::{Correction, ErrorCode, EventError},
    id::{AccountName, EventName},
    ledger::row::{Row, RowKey},
    reconcile::intake::{Unfit, append, check, has, orphan, recorded},
};
use tracklayer_edge::ports::{Claims as _, LedgerError, Pointer, Ports, Rows as _};

use crate::{
    call::{Call, Unavailable},
    context::Enqueue,
    wire::{EventAnswer, Status},
};

/// How often a correction is tried anew when another writer was faster: each time one of them gets
/// through, and a request works on sixteen events at a time.
const ROUNDS: usize = 24;

/// The event an original has if the correction doesn't say.
const DEFAULT_ORIGINAL: &str = "purchase";

/// Where a correction goes.
enum Target {
    /// This row.
    Row(Box<Row>),
    /// No row yet: an orphan under this key.
    Nowhere(RowKey),
}

impl<P: Ports> Enqueue<P> {
    /// Takes one correction.
    pub(crate) async fn take_correction(
        &self,
        correction: &Correction,
        call: &Call<'_>,
    ) -> Result<EventAnswer, Unavailable> {
        if let Err(error) = self.rights(correction, call) {
            return Ok(rejected(correction, error));
        }
        for _ in 0..ROUNDS {
            if let Some(answer) = self.try_correction(correction, call).await? {
                return Ok(answer);
            }
        }
        Err(LedgerError::Conflict.into())
    }

    /// The key must cover both sides.
    fn rights(&self, correction: &Correction, call: &Call<'_>) -> Result<(), EventError> {
        call.allows(&correction.source, correction.account.as_ref())?;
        call.allows(&correction.original.source, None)
    }

    /// `None`: somebody else wrote meanwhile.
    async fn try_correction(
        &self,
        correction: &Correction,
        call: &Call<'_>,
    ) -> Result<Option<EventAnswer>, Unavailable> {
        let original = &correction.original;
        let siblings =
            self.ledger.partition(&original.source, &original.event_id, call.now).await?;
        let target = match self.aim(correction, &siblings, call) {
            Ok(target) => target,
            // Known already? Then what has changed around it since is no reason to refuse it.
            Err(error) => return self.known_or(correction, &siblings, error, call).await,
        };
        let own = own_key(correction);
        let pointer = pointer(correction, target.key());
        let target = match self.ledger.point(&own, &pointer).await? {
            None => target,
            Some(known) if known.fingerprint != pointer.fingerprint => {
                return Ok(Some(conflict(correction)));
            }
            Some(known) => match siblings.into_iter().find(|row| has_own(row, correction)) {
                Some(row) => return Ok(Some(stored(correction, Status::Duplicate, &row))),
                // Its pointer was written and then the run died: it goes where the pointer says.
                None => self.target_of(&known, call).await?.unwrap_or(target),
            },
        };
        self.record(correction, target, call).await
    }

    async fn target_of(
        &self,
        pointer: &Pointer,
        call: &Call<'_>,
    ) -> Result<Option<Target>, Unavailable> {
        let key = pointer.target();
        let rows = self.ledger.partition(&key.source, &key.event_id, call.now).await?;
        Ok(rows.into_iter().find(|row| row.key == key).map(|row| Target::Row(Box::new(row))))
    }

    async fn record(
        &self,
        correction: &Correction,
        target: Target,
        call: &Call<'_>,
    ) -> Result<Option<EventAnswer>, Unavailable> {
        let context = call.context(&self.policy);
        let (row, written) = match target {
            // Another request was faster between the two looks at the row.
            Target::Row(row) if has_own(&row, correction) => {
                return Ok(Some(stored(correction, Status::Duplicate, &row)));
            }
            Target::Row(before) => {
                let after = append(&before, recorded(correction, call.now), &context);
                let written = self.ledger.change(&before, &after).await?;
                (after, written)
            }
            Target::Nowhere(key) => {
                let Some(account) = self.account_of(correction) else {
                    return Err(LedgerError::Conflict.into());
                };
                let row = orphan(key, correction, &account, &context);
                let written = self.ledger.insert(&row, call.now).await?.is_none();
                (row, written)
            }
        };
        Ok(written.then(|| stored(correction, Status::Queued, &row)))
    }

    /// The original that is meant: the one whose event name is given, else the only one. A name that
    /// none of them has waits for its own: the other may be a sibling that came first.
    fn aim(
        &self,
        correction: &Correction,
        siblings: &[Row],
        call: &Call<'_>,
    ) -> Result<Target, EventError> {
        let named = correction.original.event.as_ref();
        let is_named = |row: &&Row| named.is_none_or(|event| *event == row.key.event);
        let originals = siblings.iter().filter(|row| row.facts.is_some());
        let mut meant: Vec<&Row> = originals.filter(is_named).collect();
        if meant.is_empty() {
            let waits =
                |row: &&Row| row.facts.is_none() && row.key.event.as_str() == event_of(correction);
            meant = siblings.iter().filter(waits).collect();
        }
        match meant.as_slice() {
            [row] => {
                self.fits(correction, row, call).map(|()| Target::Row(Box::new((*row).clone())))
            }
            [] => self.nowhere(correction, call),
            _ => Err(EventError::at(
                ErrorCode::AmbiguousOriginal,
                "original",
                "names several conversions; give original.event",
            )),
        }
    }

    fn nowhere(&self, correction: &Correction, call: &Call<'_>) -> Result<Target, EventError> {
        let original = &correction.original;
        let event = EventName::parse(event_of(correction)).ok();
        let (Some(event), Some(account)) = (event, self.account_of(correction)) else {
            return Err(EventError::at(
                ErrorCode::MissingField,
                "account",
                "must be there: the original is not known yet and several accounts are",
            ));
        };
        call.allows(&original.source, Some(&account))?;
        Ok(Target::Nowhere(RowKey {
            source: original.source.clone(),
            event_id: original.event_id.clone(),
            event,
        }))
    }

    /// The account it names, else the only one there is.
    fn account_of(&self, correction: &Correction) -> Option<AccountName> {
        let only = || self.mapping.only_account().map(|account| account.name().clone());
        correction.account.clone().or_else(only)
    }

    fn fits(&self, correction: &Correction, row: &Row, call: &Call<'_>) -> Result<(), EventError> {
        call.allows(&correction.original.source, Some(&row.account))?;
        let unfit = match check(row, &recorded(correction, call.now)) {
            Ok(()) => return Ok(()),
            Err(unfit) => unfit,
        };
        Err(match unfit {
            Unfit::Currency => EventError::at(
                ErrorCode::CurrencyMismatch,
                "currency",
                "is not the currency of the original",
            ),
            Unfit::Account => EventError::at(
                ErrorCode::InvalidOriginal,
                "account",
                "is not the original's account",
            ),
            Unfit::TooMany => {
                EventError::at(ErrorCode::InvalidOriginal, "original", "has 50 corrections already")
            }
        })
    }

    async fn known_or(
        &self,
        correction: &Correction,
        siblings: &[Row],
        error: EventError,
        call: &Call<'_>,
    ) -> Result<Option<EventAnswer>, Unavailable> {
        let known = self.ledger.pointer(&own_key(correction)).await?;
        let fingerprint = correction.fingerprint().to_string();
        let Some(known) = known.filter(|known| known.fingerprint == fingerprint) else {
            return Ok(Some(rejected(correction, error)));
        };
        if let Some(row) = siblings.iter().find(|row| has_own(row, correction)) {
            return Ok(Some(stored(correction, Status::Duplicate, row)));
        }
        // Its pointer says which one was meant when nothing was ambiguous yet.
        match self.target_of(&known, call).await? {
            Some(target) if error.code == ErrorCode::AmbiguousOriginal => {
                self.record(correction, target, call).await
            }
            _ => Ok(Some(rejected(correction, error))),
        }
    }
}

impl Target {
    fn key(&self) -> &RowKey {
        match self {
            Target::Row(row) => &row.key,
            Target::Nowhere(key) => key,
        }
    }
}

/// The event of the original that is meant, as far as the correction alone can say.
fn event_of(correction: &Correction) -> &str {
    correction.original.event.as_ref().map_or(DEFAULT_ORIGINAL, EventName::as_str)
}

fn own_key(correction: &Correction) -> RowKey {
    RowKey {
        source: correction.source.clone(),
        event_id: correction.event_id.clone(),
        event: correction.event.clone(),
    }
}

fn pointer(correction: &Correction, target: &RowKey) -> Pointer {
    Pointer {
        original_source: target.source.clone(),
        original_event_id: target.event_id.clone(),
        original_event: target.event.clone(),
        fingerprint: correction.fingerprint().to_string(),
    }
}

fn has_own(row: &Row, correction: &Correction) -> bool {
    has(row, &recorded(correction, correction.occurred_at))
}

fn stored(correction: &Correction, status: Status, row: &Row) -> EventAnswer {
    EventAnswer::stored(&correction.event_id, &correction.source, status, row)
}

fn rejected(correction: &Correction, error: EventError) -> EventAnswer {
    EventAnswer::rejected(&correction.event_id, &correction.source, error)
}

fn conflict(correction: &Correction) -> EventAnswer {
    let error = EventError::whole(ErrorCode::Conflict, "this id is known with other content");
    EventAnswer::conflict(&correction.event_id, &correction.source, error)
}
