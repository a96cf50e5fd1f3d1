use std::collections::{BTreeSet, HashMap};

use tracklayer_core::id::AccountName;
use tracklayer_core::ledger::row::{Row, RowKey};
use tracklayer_core::reconcile::note::Write;

use super::{account::AccountItem, rows::LedgerError};

#[derive(Debug, Default)]
pub struct Found {
    pub rows: HashMap<RowKey, Row>,
    pub accounts: HashMap<AccountName, AccountItem>,
    /// Accounts whose item was not processed or can't be read: whether they are held or paused is
    /// unknown.
    pub unread_accounts: BTreeSet<String>,
    /// How many rows are there and can't be read.
    pub unreadable: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    Done,
    /// Somebody was faster; this is the row now, if it is still there and readable.
    Conflict(Option<Box<Row>>),
    /// DynamoDB did not accept it.
    Failed(String),
}

/// Many rows at once, by whoever learns something of Microsoft.
///
/// [`Batches::read`] fails if the ledger is unavailable; of writes, each says how it ended.
pub trait Batches {
    /// Reads rows and account items consistently. Keys must be unique: DynamoDB refuses the whole
    /// request otherwise. A key without a row in the answer is missing, unreadable or was not
    /// processed: nothing may be concluded from it.
    async fn read(&self, keys: &[RowKey], accounts: &[AccountName]) -> Result<Found, LedgerError>;

    /// Carries out `writes`, each on its own conditions; one outcome per write, in order.
    async fn write(&self, writes: &[Write]) -> Vec<Written>;
}
