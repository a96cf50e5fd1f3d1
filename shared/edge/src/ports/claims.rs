//! Items that make something unique: the pointer of a correction, the key of a conversion.

use serde::{Deserialize, Serialize};
use tracklayer_core::event::Correction;
use tracklayer_core::id::{AccountName, RecordId, Source, short_hash};
use tracklayer_core::ledger::facts::{Facts, click_or_hashes};
use tracklayer_core::ledger::orphan::kept_until;
use tracklayer_core::ledger::row::{PartitionKey, RowKey};
use tracklayer_core::person::identity::Identity;
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

/// The partition key of the item that claims what Microsoft would drop as a duplicate; none for a
/// conversion that nothing could match.
///
/// The goal is not part of it: Microsoft's pages disagree whether it is part of theirs, and a
/// needless shift costs a second where a missed one costs a conversion.
pub fn claim_of(account: &AccountName, identity: &Identity, time: EventTime) -> Option<String> {
    let person = click_or_hashes(identity)?;
    Some(format!("key {}", short_hash(format!("{account} {person} {}", time.epoch()))))
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

    /// Claims a second in which Microsoft would not drop the conversion as a duplicate; answers with
    /// it. Counted from the first second that may be sent ([`Facts::earliest_time`]), the 16 from
    /// `from` on are tried first, then seconds of the next ten minutes, then of the next day: orders
    /// that are all stamped midnight must not queue up behind each other. A row always tries the same
    /// seconds.
    ///
    /// # Errors
    /// If the ledger is unavailable, or no free second is found.
    async fn claim_second(
        &self, account: &AccountName, facts: &Facts, owner: &RowKey, now: EventTime, from: i64,
    ) -> Result<EventTime, LedgerError> {
        let time = facts.earliest_time();
        for attempt in 0..SECONDS_TRIED {
            let shifted = time.plus_seconds(shift(owner, from, attempt));
            let Some(claim) = claim_of(account, &facts.identity, shifted) else { return Ok(time) };
            if self.claim(&claim, owner, now).await? {
                return Ok(shifted);
            }
        }
        Err(LedgerError::Unavailable("no free second within a day".to_owned()))
    }
}

/// Seconds in a row that are tried first: the conversion's own and the next 15.
const IN_A_ROW: u32 = 16;
/// After those, up to this attempt, seconds of the next ten minutes.
const NEAR: u32 = IN_A_ROW + 16;
/// Attempts in all. Of a day that is half full, 64 seconds are all taken once in 2^64 times.
const SECONDS_TRIED: u32 = NEAR + 64;

/// By how many seconds the attempt shifts the conversion.
fn shift(owner: &RowKey, from: i64, attempt: u32) -> i64 {
    let any_of = |seconds: u64| i64::try_from(owner.shuffled(attempt) % seconds).unwrap_or(0);
    if attempt < IN_A_ROW {
        from + i64::from(attempt)
    } else if attempt < NEAR {
        1 + any_of(600)
    } else {
        1 + any_of(86_400)
    }
}
