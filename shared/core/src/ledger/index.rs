//! The index of open rows: where a row is listed until something is done about it.

use std::fmt;

use crate::ledger::key::RowKey;
use crate::ledger::wait::WaitReason;
use crate::time::EventTime;

/// An entry in the index of open rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    pub class: IndexClass,
    /// When somebody looks at it next; of refused and dead rows, since when they are.
    pub due: EventTime,
    /// Since when it is open; of a wait, the moment that it asked for. Sweep moves `due` on, but not
    /// this.
    pub since: EventTime,
    pub reason: Option<WaitReason>,
}

impl Open {
    /// The entry that an item has by these attributes: its index key, and the rest as it is here.
    pub(super) fn of_item(
        index_key: Option<String>, due: Option<EventTime>, since: Option<EventTime>,
        reason: Option<WaitReason>,
    ) -> Option<Self> {
        let (index_key, due) = index_key.zip(due)?;
        Some(IndexClass::parse(&index_key).entry(due, since.unwrap_or(due), reason))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IndexClass {
    Wait,
    /// Nobody is recognised yet: a click is looked for when due.
    Look,
    /// Skipped until a check passes: an account, or a goal as `<account>/<goal>`.
    Held(String),
    /// Refused; listed to be counted and found.
    Refused,
    /// Given up by the queue; listed to be counted and found.
    Dead,
    /// Corrections whose original has not come.
    Orphan,
    /// A word that a later version wrote: after a roll-back its rows stay readable.
    Other,
}

/// Shards per class: one hot index key would throttle the whole table.
pub const SHARDS: u8 = 8;

impl IndexClass {
    /// The class that an index key (`<class>#<shard>`) names.
    pub fn parse(index_key: &str) -> Self {
        let class = index_key.rsplit_once('#').map_or(index_key, |(class, _)| class);
        match class {
            "wait" => IndexClass::Wait,
            "look" => IndexClass::Look,
            "refused" => IndexClass::Refused,
            "dead" => IndexClass::Dead,
            "orphan" => IndexClass::Orphan,
            other => match other.strip_prefix("held:") {
                Some(what) => IndexClass::Held(what.to_owned()),
                None => IndexClass::Other,
            },
        }
    }

    /// The index key of one shard: `<class>#<shard>`.
    pub fn shard(&self, shard: u8) -> String {
        format!("{self}#{shard}")
    }

    /// The index keys of all shards.
    pub fn shards(&self) -> Vec<String> {
        (0..SHARDS).map(|shard| self.shard(shard)).collect()
    }

    /// The index key under which the item with this partition key is listed.
    pub fn index_key(&self, pk: &str) -> String {
        self.shard(shard_of(pk))
    }

    /// A new entry in this class.
    pub fn entry(self, due: EventTime, since: EventTime, reason: Option<WaitReason>) -> Open {
        Open { class: self, due, since, reason }
    }
}

impl fmt::Display for IndexClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IndexClass::Wait => f.write_str("wait"),
            IndexClass::Look => f.write_str("look"),
            IndexClass::Held(what) => write!(f, "held:{what}"),
            IndexClass::Refused => f.write_str("refused"),
            IndexClass::Dead => f.write_str("dead"),
            IndexClass::Orphan => f.write_str("orphan"),
            IndexClass::Other => f.write_str("other"),
        }
    }
}

/// Spreads items evenly; FNV-1a, so that it stays the same in every build.
fn shard_of(pk: &str) -> u8 {
    // The low bits: the others hardly change between consecutive ids.
    u8::try_from(fnv(pk.as_bytes()) % u64::from(SHARDS)).unwrap_or(0)
}

/// FNV-1a, a hash that stays the same in every build.
pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl RowKey {
    /// An order of rows that is another one for each `round`.
    pub fn shuffled(&self, round: u32) -> u64 {
        let text = format!("{round} {} {}", self.pk(), self.sk());
        // The high bits of FNV hardly change with the last bytes: mix once more.
        let hash = fnv(text.as_bytes());
        (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }
}
