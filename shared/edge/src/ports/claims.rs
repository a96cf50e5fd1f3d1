//! Items that make something unique: the pointer of a correction, the key of a conversion.

use serde::{Deserialize, Serialize};
use tracklayer_core::event::Correction;
use tracklayer_core::id::{AccountName, RecordId, Source};
use tracklayer_core::ledger::facts::Facts;
use tracklayer_core::ledger::orphan::kept_until;
use tracklayer_core::ledger::row::{PartitionKey, RowKey};
use tracklayer_core::reconcile::second::{claim_of, seconds};
use tracklayer_core::time::EventTime;

use super::rows::LedgerError;

/// Leads from a correction's own id to its original. There is one per source and id, whatever the
/// correction's event, so that no correction is recorded with two originals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pointer {
    pub original_source: Source,
    pub original_event_id: RecordId,
    pub fingerprint: String,
    pub ttl: EventTime,
}

impl Pointer {
    /// The pointer of a correction that comes `now`.
    pub fn of(correction: &Correction, now: EventTime) -> Self {
        Pointer {
            original_source: correction.original.source.clone(),
            original_event_id: correction.original.event_id.clone(),
            fingerprint: correction.fingerprint(),
            ttl: kept_until(now),
        }
    }
}

/// Items that make something unique.
///
/// Every method fails if the ledger is unavailable.
pub trait Claims {
    /// Claims `claim` (see [`claim_of`]); true if `owner` has it now. A claim is never given back:
    /// its owner's row may be changing to it just then, and a stale claim costs somebody a second.
    async fn claim(&self, claim: &str, owner: &RowKey, now: EventTime)
    -> Result<bool, LedgerError>;

    /// Makes `pointer` the one meaning of the correction `own`; answers with the one there was.
    async fn point(
        &self, own: &PartitionKey, pointer: &Pointer, now: EventTime,
    ) -> Result<Option<Pointer>, LedgerError>;

    /// The pointer of the correction `own`, if it has one.
    async fn pointer(
        &self, own: &PartitionKey, now: EventTime,
    ) -> Result<Option<Pointer>, LedgerError>;

    /// Deletes the pointer of a correction that was not recorded, unless it is one with another
    /// fingerprint.
    async fn remove_pointer(
        &self, own: &PartitionKey, fingerprint: &str,
    ) -> Result<(), LedgerError>;

    /// Claims a second in which Microsoft would not drop the conversion as a duplicate (see
    /// [`seconds`]); answers with it.
    ///
    /// # Errors
    /// If the ledger is unavailable, or no free second is found.
    async fn claim_second(
        &self, account: &AccountName, facts: &Facts, owner: &RowKey, now: EventTime, from: i64,
    ) -> Result<EventTime, LedgerError> {
        for second in seconds(facts, owner, from) {
            let Some(claim) = claim_of(account, &facts.identity, second) else {
                return Ok(facts.earliest_time());
            };
            if self.claim(&claim, owner, now).await? {
                return Ok(second);
            }
        }
        Err(LedgerError::Unavailable("no free second within a day".to_owned()))
    }
}
