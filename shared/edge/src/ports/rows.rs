use tracklayer_core::id::EventName;
use tracklayer_core::ledger::order::SameOrder;
use tracklayer_core::ledger::orphan::Orphan;
use tracklayer_core::ledger::row::{PartitionKey, Row, RowKey};
use tracklayer_core::time::EventTime;

/// The ledger has not done what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("the ledger is unavailable: {0}")]
    Unavailable(String),
    #[error("other writers of the same item were faster")]
    Conflict,
    #[error("an item of the ledger can't be read: {0}")]
    Unreadable(String),
}

impl LedgerError {
    /// How many items this error found that can't be read.
    pub fn unreadable(&self) -> usize {
        usize::from(matches!(self, LedgerError::Unreadable(_)))
    }
}

/// What is under one source event id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Partition {
    pub rows: Vec<Row>,
    /// Corrections whose original has not come. It may have none any more.
    pub orphan: Option<Orphan>,
    /// Where events of this id lead that came second as another notice of an order.
    pub same_order: Vec<SameOrder>,
}

impl Partition {
    /// The row under `key`.
    pub fn row(&self, key: &RowKey) -> Option<&Row> {
        self.rows.iter().find(|row| row.key == *key)
    }

    /// The row of the order that `event`, under this id, was another notice of. A row of its own goes
    /// before: such an event has been sent with another order since.
    pub fn row_of_order(&self, event: &EventName) -> Option<&RowKey> {
        let has_own = self.rows.iter().any(|row| row.key.event == *event);
        let pointer = self.same_order.iter().find(|pointer| pointer.event == *event)?;
        Some(&pointer.row).filter(|_| !has_own)
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

    /// What is under one source event id, read consistently; pointers of corrections are left out.
    async fn partition(&self, id: &PartitionKey, now: EventTime) -> Result<Partition, LedgerError>;

    /// Of what is under an id, the row under `key` and where an event of this name leads.
    async fn known(&self, key: &RowKey, now: EventTime) -> Result<Partition, LedgerError> {
        let mut partition = self.partition(&key.partition_key(), now).await?;
        partition.orphan = None;
        partition.rows.retain(|row| row.key == *key);
        partition.same_order.retain(|pointer| pointer.event == key.event);
        Ok(partition)
    }

    /// The corrections that wait under an id.
    async fn orphan(
        &self, id: &PartitionKey, now: EventTime,
    ) -> Result<Option<Orphan>, LedgerError> {
        Ok(self.partition(id, now).await?.orphan)
    }
}
