//! The index of open rows: where a row is listed until something is done about it.

use crate::{
    ledger::{
        facts::Facts,
        row::{Row, RowKey},
        wait::WaitReason,
    },
    time::EventTime,
};

/// An entry in the index of open rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// `<class>#<shard>`: eight shards, because one hot index key would throttle the table.
    pub class: String,
    /// When it is to be looked at again; for refused and dead rows, since when they are.
    pub due: EventTime,
    /// Why it waits.
    pub reason: Option<WaitReason>,
}

/// The classes of open rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexClass {
    /// Signalled when due.
    Wait,
    /// Skipped until a check passes.
    Held(String),
    /// Hashes alone, of a goal (`<account>/<goal>`) that takes none: signalled when due, since a
    /// click may have been tied, and all of them once the goal takes hashes.
    Plain(String),
    /// Refused; kept here to be counted.
    Refused,
    /// Given up by the queue; kept here to be counted.
    Dead,
    /// Waits for its original.
    Orphan,
}

/// Shards per class of the index.
pub const SHARDS: u8 = 8;

impl IndexClass {
    /// The index key of one shard.
    #[must_use]
    pub fn shard(&self, shard: u8) -> String {
        match self {
            IndexClass::Wait => format!("wait#{shard}"),
            IndexClass::Held(what) => format!("held:{what}#{shard}"),
            IndexClass::Plain(what) => format!("plain:{what}#{shard}"),
            IndexClass::Refused => format!("refused#{shard}"),
            IndexClass::Dead => format!("dead#{shard}"),
            IndexClass::Orphan => format!("orphan#{shard}"),
        }
    }

    /// The index keys of all shards.
    #[must_use]
    pub fn shards(&self) -> Vec<String> {
        (0..SHARDS).map(|shard| self.shard(shard)).collect()
    }

    /// Where `row` waits for `reason`.
    #[must_use]
    pub fn of_wait(row: &Row, reason: WaitReason) -> IndexClass {
        let of_goal = |facts: &Facts| format!("{}/{}", row.account, facts.goal);
        match (reason, &row.facts) {
            (WaitReason::AccountHeld, _) => IndexClass::Held(row.account.to_string()),
            (WaitReason::GoalHeld, Some(facts)) => IndexClass::Held(of_goal(facts)),
            (WaitReason::OriginalMissing, _) => IndexClass::Orphan,
            // It has hashes, so nothing but its goal keeps it.
            (reason, Some(facts)) if reason.is_for_click() && facts.identity.is_hashes_alone() => {
                IndexClass::Plain(of_goal(facts))
            }
            _ => IndexClass::Wait,
        }
    }

    /// The entry of the row `key` in this class.
    #[must_use]
    pub fn entry(&self, key: &RowKey, due: EventTime, reason: Option<WaitReason>) -> Open {
        Open { class: self.shard(shard_of(key)), due, reason }
    }
}

/// Spreads rows evenly; FNV-1a, so that it stays the same in every build.
fn shard_of(key: &RowKey) -> u8 {
    let hash = key.pk().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // The low bits: the others hardly change between consecutive ids.
    u8::try_from(hash % u64::from(SHARDS)).unwrap_or(0)
}
