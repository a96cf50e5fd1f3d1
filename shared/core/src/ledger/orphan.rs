//! Corrections whose original has not come.
//!
//! They wait in one item of the partition that the original will be written to, so that a single
//! read of the partition shows both: `event <source> <eventId>` / `~orphan`. What the item says is
//! decided in [`crate::reconcile::orphans`].

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::id::AccountName;
use crate::ledger::correction::Correction;
use crate::ledger::index::{IndexClass, Open};
use crate::ledger::row::{BadKey, PartitionKey};
use crate::ledger::stored::BadRow;
use crate::ledger::wait::WaitReason;
use crate::time::{DAY, EventTime};

/// The sort key of every orphan. No event name holds a `~`.
pub const SORT_KEY: &str = "~orphan";

pub const VERSION: u8 = 1;

/// How long an orphan and the pointers to it are kept after the newest correction: longer than
/// Microsoft takes any correction.
pub const KEPT_DAYS: i64 = 100;

/// The key of the orphan that `pk` and `sk` spell: the id of the original that it waits for.
///
/// # Errors
/// If they spell something else than an orphan.
pub fn parse_key(pk: &str, sk: &str) -> Result<PartitionKey, BadKey> {
    if sk == SORT_KEY { PartitionKey::parse(pk) } else { Err(BadKey) }
}

/// The corrections of one original that has not come.
///
/// An orphan that has given all its corrections away stays, without corrections, until it expires:
/// deleted and written anew it would begin with a revision that a slow writer may still rely on.
#[derive(Clone, Debug, PartialEq)]
pub struct Orphan {
    pub key: PartitionKey,
    /// The account it counts under, if a correction named one or there is only one.
    pub account: Option<AccountName>,
    /// What waits, in the order it came; and what can't be recorded with its original any more, which
    /// is marked as refused.
    pub corrections: Vec<Correction>,
    /// Raised by every write. All writers condition on it, and write the whole item.
    pub revision: u64,
    pub recorded_at: EventTime,
    /// Its entry in the index: when sweep looks for the original. Absent once nobody does any more;
    /// an original that comes later takes the corrections nevertheless.
    pub open: Option<Open>,
    pub ttl: EventTime,
}

impl Orphan {
    /// Whether nobody looks for the original any more: what waits here has no effect unless the
    /// original comes after all.
    pub fn has_ended(&self) -> bool {
        self.open.is_none()
    }

    /// What waits for the original.
    pub fn waiting(&self) -> impl Iterator<Item = &Correction> {
        self.corrections.iter().filter(|correction| correction.refused.is_none())
    }
}

/// The index entry of an orphan that waits since `since` and is looked at when `due`.
pub fn entry(due: EventTime, since: EventTime) -> Open {
    IndexClass::Orphan.entry(due, since, Some(WaitReason::OriginalMissing))
}

/// When an orphan whose newest correction came `now` may be deleted.
pub fn kept_until(now: EventTime) -> EventTime {
    now.plus_seconds(KEPT_DAYS * DAY)
}

/// An orphan as it is in the table. Times are seconds since 1970. It has no attribute `desired`:
/// by that one rows are told from all other items.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredOrphan {
    pk: String,
    sk: String,
    v: u8,
    account: Option<AccountName>,
    corrections: Vec<Correction>,
    revision: u64,
    recorded_at: EventTime,
    open: Option<String>,
    due: Option<EventTime>,
    since: Option<EventTime>,
    reason: Option<WaitReason>,
    ttl: EventTime,
}

impl From<&Orphan> for StoredOrphan {
    fn from(orphan: &Orphan) -> Self {
        let (pk, open) = (orphan.key.pk(), orphan.open.as_ref());
        StoredOrphan {
            open: open.map(|open| open.class.index_key(&pk)),
            pk,
            sk: SORT_KEY.to_owned(),
            v: VERSION,
            account: orphan.account.clone(),
            corrections: orphan.corrections.clone(),
            revision: orphan.revision,
            recorded_at: orphan.recorded_at,
            due: open.map(|open| open.due),
            since: open.map(|open| open.since),
            reason: open.and_then(|open| open.reason),
            ttl: orphan.ttl,
        }
    }
}

impl TryFrom<StoredOrphan> for Orphan {
    type Error = BadRow;

    fn try_from(stored: StoredOrphan) -> Result<Self, BadRow> {
        if stored.v != VERSION {
            return Err(BadRow::Version);
        }
        Ok(Orphan {
            key: parse_key(&stored.pk, &stored.sk)?,
            account: stored.account,
            corrections: stored.corrections,
            revision: stored.revision,
            recorded_at: stored.recorded_at,
            open: Open::of_item(stored.open, stored.due, stored.since, stored.reason),
            ttl: stored.ttl,
        })
    }
}
