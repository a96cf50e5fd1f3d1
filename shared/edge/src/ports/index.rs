use std::collections::BTreeMap;

use tracklayer_core::id::EventName;
use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::row::{PartitionKey, RowKey};
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::money::Money;
use tracklayer_core::time::{EventTime, MAX_AGE};

use super::rows::LedgerError;

/// What the index says of one open row or orphan.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenEntry {
    /// Under which id it is.
    pub partition: PartitionKey,
    /// Its event; none of corrections whose original has not come.
    pub event: Option<EventName>,
    pub class: IndexClass,
    /// The account it counts under, if one is known.
    pub account: Option<String>,
    /// The goal's name at Microsoft; none of an orphan.
    pub goal: Option<String>,
    pub money: Option<Money>,
    pub reason: Option<WaitReason>,
    /// The `due` it had when it was read.
    pub due: EventTime,
    /// Since when it is open; of a look for a click, when the row was recorded.
    pub since: EventTime,
    /// The conversion's time, as it is sent to Microsoft; none of an orphan.
    pub conversion_time: Option<EventTime>,
}

impl OpenEntry {
    /// The row that is open; none of an orphan.
    pub fn row(&self) -> Option<RowKey> {
        let PartitionKey { source, event_id } = self.partition.clone();
        Some(RowKey { source, event_id, event: self.event.clone()? })
    }

    /// The last moment at which Microsoft takes the row's original.
    pub fn limit(&self) -> Option<EventTime> {
        Some(self.conversion_time?.plus_seconds(MAX_AGE))
    }
}

/// One page of what is open.
#[derive(Debug, Default)]
pub struct OpenPage {
    /// The earliest due first. An entry that can't be read is logged and left out.
    pub entries: Vec<OpenEntry>,
    /// How many were left out.
    pub unreadable: usize,
    /// Where the next page starts; `None` after the last.
    pub next: Option<Cursor>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Partition key of the last row read.
    pub pk: String,
    pub sk: String,
    /// Its `due`, as the table has it.
    pub due: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    pub entries: usize,
    /// The earliest moment since which one of them is open.
    pub oldest: EventTime,
}

/// The index of open rows. It lags behind the rows.
///
/// Every method fails if the ledger is unavailable.
pub trait Index {
    /// The next `limit` entries (1 MB at most) of one index key that are due by `until`, all of them
    /// without it.
    async fn open(
        &self, index_key: &str, until: Option<EventTime>, limit: Option<i32>, from: Option<Cursor>,
    ) -> Result<OpenPage, LedgerError>;

    /// Counts the entries of one index key by account, those that are due first, on at most `pages`
    /// pages (1 MB each).
    async fn tally(
        &self, index_key: &str, pages: usize,
    ) -> Result<BTreeMap<String, Counted>, LedgerError>;

    /// Moves an entry to the class, `due` and `since` of `next`, on condition that it is still in the
    /// same class and due when it was: nobody has moved it, and nobody has refused it or settled it,
    /// since the index was read. Answers whether it did. Raises no revision: nothing about the row has
    /// changed.
    async fn move_entry(&self, seen: &OpenEntry, next: &OpenEntry) -> Result<bool, LedgerError>;
}
