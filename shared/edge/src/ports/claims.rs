//! Items that make something unique: the pointer of a correction, the key of a conversion.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tracklayer_core::{
    id::{AccountName, EventName, RecordId, Source},
    ledger::{facts::click_or_hashes, row::RowKey},
    person::identity::Identity,
    time::EventTime,
};

use super::rows::LedgerError;

/// Leads from a correction's own id to its original.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pointer {
    /// The original's source.
    pub original_source: Source,
    /// The original's id.
    pub original_event_id: RecordId,
    /// The row the correction was recorded in.
    pub original_event: EventName,
    /// Of the correction.
    pub fingerprint: String,
}

impl Pointer {
    /// The row it leads to.
    #[must_use]
    pub fn target(&self) -> RowKey {
        RowKey {
            source: self.original_source.clone(),
            event_id: self.original_event_id.clone(),
            event: self.original_event.clone(),
        }
    }
}

/// The partition key of the item that claims what Microsoft would drop as a duplicate; none for a
/// conversion that nothing could match.
///
/// The goal is not part of it: Microsoft's pages disagree whether it is part of theirs, and a
/// needless shift costs a second where a missed one costs a conversion.
#[must_use]
pub fn claim_of(account: &AccountName, identity: &Identity, time: EventTime) -> Option<String> {
    let person = click_or_hashes(identity)?;
    let hash = Sha256::digest(format!("{account} {person} {}", time.epoch()).as_bytes());
    let hash: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Some(format!("key {hash}"))
}

/// Items that make something unique.
///
/// Every method fails if the ledger is unavailable.
pub trait Claims {
    /// Claims `claim` (see [`claim_of`]); true if `owner` has it now.
    async fn claim(&self, claim: &str, owner: &RowKey, now: EventTime)
    -> Result<bool, LedgerError>;

    /// Makes `pointer` the one meaning of the correction `own`; answers with the one there was.
    async fn point(&self, own: &RowKey, pointer: &Pointer) -> Result<Option<Pointer>, LedgerError>;

    /// The pointer of the correction `own`, if it has one.
    async fn pointer(&self, own: &RowKey) -> Result<Option<Pointer>, LedgerError>;

    /// Gives `claim` back if `owner` has it.
    async fn release(&self, claim: &str, owner: &RowKey) -> Result<(), LedgerError>;

    /// Claims a second in which Microsoft would not drop the conversion as a duplicate; answers with
    /// it. The first ones from `time` + `from` on are tried, then others of the hour after `time`:
    /// a day's orders that are all stamped midnight must not queue up behind each other.
    ///
    /// # Errors
    /// If the ledger is unavailable, or no free second is found.
    async fn claim_second(
        &self,
        account: &AccountName,
        identity: &Identity,
        time: EventTime,
        owner: &RowKey,
        now: EventTime,
        from: i64,
    ) -> Result<EventTime, LedgerError> {
        for attempt in 0..SECONDS_TRIED {
            let shifted = time.plus_seconds(shift(owner, from, attempt));
            let Some(claim) = claim_of(account, identity, shifted) else { return Ok(time) };
            if self.claim(&claim, owner, now).await? {
                return Ok(shifted);
            }
        }
        Err(LedgerError::Unavailable("no free second within an hour".to_owned()))
    }
}

/// Seconds that are tried for one conversion; of an hour half full, 64 all taken is no chance.
const SECONDS_TRIED: i64 = 68;
/// Of these, the ones in a row.
const IN_A_ROW: i64 = 4;

/// The shift of an attempt: small while few share the second, then anywhere in the hour, the same
/// for the same row.
fn shift(owner: &RowKey, from: i64, attempt: i64) -> i64 {
    if attempt < IN_A_ROW {
        return from + attempt;
    }
    let mut hasher = DefaultHasher::new();
    (owner, attempt).hash(&mut hasher);
    i64::try_from(hasher.finish() % 3_600).unwrap_or(0)
}
