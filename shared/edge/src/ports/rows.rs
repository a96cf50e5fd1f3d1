//! Rows of the ledger, by the id of their event.

use tracklayer_core::{
    id::{RecordId, Source},
    ledger::{
        orphan::Orphan,
        row::{Row, RowKey},
    },
    time::EventTime,
};

/// The ledger has not done what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// DynamoDB did not answer, or refused the request.
    #[error("the ledger is unavailable: {0}")]
    Unavailable(String),
    /// Other writers were faster, as often as it was tried.
    #[error("other writers of the same item were faster")]
    Conflict,
    /// An item can't be read.
    #[error("an item of the ledger can't be read: {0}")]
    Unreadable(String),
}

/// What is under one source event id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Partition {
    /// One row per event name.
    pub rows: Vec<Row>,
    /// Corrections whose original has not come. It may have none any more.
    pub orphan: Option<Orphan>,
}

impl Partition {
    /// The row under `key`.
    #[must_use]
    pub fn row(&self, key: &RowKey) -> Option<&Row> {
        self.rows.iter().find(|row| row.key == *key)
    }
}

/// Rows, by whoever changes what is desired.
///
/// Every method fails if the ledger is unavailable.
pub trait Rows {
    /// Writes a new row; the first writer wins. Answers with the row that was there already.
    async fn insert(&self, row: &Row, now: EventTime) -> Result<Option<Row>, LedgerError>;

    /// Writes the desired side of `after` – facts, corrections, index entry – on condition that
    /// both revisions are still those of `before`. Answers whether they were.
    async fn change(&self, before: &Row, after: &Row) -> Result<bool, LedgerError>;

    /// Rows and orphan under one source event id, read consistently; pointers are left out.
    ///
    /// # Errors
    /// If the ledger is unavailable or an item can't be read.
    async fn partition(
        &self,
        source: &Source,
        event_id: &RecordId,
        now: EventTime,
    ) -> Result<Partition, LedgerError>;
}
