//! The index of open rows.

use std::collections::BTreeMap;

use tracklayer_core::{ledger::row::RowKey, time::EventTime};

use super::rows::LedgerError;

/// One entry of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueEntry {
    /// The row.
    pub key: RowKey,
    /// The index key it was found under.
    pub class: String,
    /// Its account.
    pub account: String,
    /// The `due` it had when it was read.
    pub due: EventTime,
    /// For people: value and currency.
    pub money: Option<String>,
}

/// One page of the index.
#[derive(Debug, Default)]
pub struct DuePage {
    /// Its entries, oldest first.
    pub entries: Vec<DueEntry>,
    /// Where the next page starts; `None` after the last.
    pub next: Option<Cursor>,
}

/// A place in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Partition key of the last row read.
    pub pk: String,
    /// Its sort key.
    pub sk: String,
    /// Its `due`, as the table has it.
    pub due: String,
}

/// The entries of one index key, counted by account.
#[derive(Debug, Default)]
pub struct Tally {
    /// Entries per account.
    pub accounts: BTreeMap<String, usize>,
    /// Whether all were counted.
    pub complete: bool,
}

/// The index of open rows. It lags behind the rows.
///
/// Every method fails if the ledger is unavailable.
pub trait Index {
    /// One page of the entries of one index key that are due, oldest first. An entry that can't be
    /// read is logged and left out; the pages after it are still reached.
    async fn due(
        &self,
        class: &str,
        now: EventTime,
        limit: i32,
        from: Option<Cursor>,
    ) -> Result<DuePage, LedgerError>;

    /// Counts the entries of one index key by account, on at most `pages` pages (1 MB each).
    async fn tally(&self, class: &str, pages: usize) -> Result<Tally, LedgerError>;

    /// Moves `due` of an entry's row, on condition that it is still in the same class and due when
    /// it was: nobody has moved it, and nobody has refused it or settled it, since the index was
    /// read. Answers whether it did. Raises no revision: nothing about the row has changed.
    async fn postpone(&self, seen: &DueEntry, until: EventTime) -> Result<bool, LedgerError>;

    /// Moves an entry's row into the class `wait`, due then, on the same condition: what kept it in
    /// its own class is over, and nobody looks for it there any more. Raises no revision.
    async fn let_go(&self, seen: &DueEntry, due: EventTime) -> Result<bool, LedgerError>;
}
