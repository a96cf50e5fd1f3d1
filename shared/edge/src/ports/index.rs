use std::collections::BTreeMap;

use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::row::{PartitionKey, RowKey};
use tracklayer_core::time::{EventTime, MAX_AGE};

use super::rows::LedgerError;

/// One row's entry in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueEntry {
    pub key: RowKey,
    pub class: IndexClass,
    /// The account of the row, for counts.
    pub account: String,
    /// The `due` it had when it was read.
    pub due: EventTime,
    /// Since when it is open; of a look for a click, when the row was recorded.
    pub since: EventTime,
    /// The conversion's time, as it is sent to Microsoft.
    pub conversion_time: EventTime,
    pub money: Option<String>,
}

impl DueEntry {
    /// The last moment at which Microsoft takes the row's original.
    pub fn limit(&self) -> EventTime {
        self.conversion_time.plus_seconds(MAX_AGE)
    }
}

#[derive(Debug, Default)]
pub struct DuePage {
    pub entries: Vec<DueEntry>,
    /// How many more of its entries can't be read.
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

/// The entries of one index key, by account.
#[derive(Debug, Default)]
pub struct Tally {
    pub accounts: BTreeMap<String, Counted>,
    pub complete: bool,
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
    /// One page of the rows listed under one index key that are due, oldest first. An entry that
    /// can't be read is logged and left out; the pages after it are still reached.
    async fn due(
        &self, index_key: &str, now: EventTime, limit: i32, from: Option<Cursor>,
    ) -> Result<DuePage, LedgerError>;

    /// The orphans listed under one index key that are due, oldest first, `limit` at most.
    async fn due_orphans(
        &self, index_key: &str, now: EventTime, limit: i32,
    ) -> Result<Vec<PartitionKey>, LedgerError>;

    /// Counts the entries of one index key by account, those that are due first, on at most `pages`
    /// pages (1 MB each).
    async fn tally(&self, index_key: &str, pages: usize) -> Result<Tally, LedgerError>;

    /// Moves `due` of an entry's row, on condition that it is still in the same class and due when
    /// it was: nobody has moved it, and nobody has refused it or settled it, since the index was
    /// read. Answers whether it did. Raises no revision: nothing about the row has changed.
    async fn postpone(&self, seen: &DueEntry, until: EventTime) -> Result<bool, LedgerError>;

    /// Moves an entry's row into the class `wait`, due then, on the same condition: what kept it in
    /// its own class is over. It is open since `due`. Raises no revision.
    async fn let_go(&self, seen: &DueEntry, due: EventTime) -> Result<bool, LedgerError>;
}
