//! Rows of the ledger.

use tracklayer_core::{
    id::{RecordId, Source},
    ledger::row::Row,
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

/// Rows, by whoever changes what is desired.
///
/// Every method fails if the ledger is unavailable.
pub trait Rows {
    /// Writes a new row; the first writer wins. Answers with the row that was there already.
    async fn insert(&self, row: &Row, now: EventTime) -> Result<Option<Row>, LedgerError>;

    /// Writes the desired side of `after` – facts, corrections, index entry – on condition that
    /// both revisions are still those of `before`. Answers whether they were.
    async fn change(&self, before: &Row, after: &Row) -> Result<bool, LedgerError>;

    /// All rows under one source event id; corrections' pointers are left out.
    ///
    /// # Errors
    /// If the ledger is unavailable or a row can't be read.
    async fn partition(
        &self,
        source: &Source,
        event_id: &RecordId,
        now: EventTime,
    ) -> Result<Vec<Row>, LedgerError>;

    /// Writes the original `after`, which has taken over the orphan's corrections, and removes the
    /// orphan: both or neither, on condition that both still are as they were read. Answers whether
    /// they were.
    async fn hand_over(&self, before: &Row, after: &Row, orphan: &Row)
    -> Result<bool, LedgerError>;
}
