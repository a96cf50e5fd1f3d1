//! What takes a person out of the tables.

use std::{collections::BTreeSet, ops::AddAssign};

use serde::Serialize;
use tracklayer_core::{
    id::RecordId,
    ledger::row::RowKey,
    reconcile::{attribution::TieKind, erasure::Erasure},
    time::EventTime,
};

use super::{
    audit::{Place, RowPage},
    rows::LedgerError,
};

/// What was deleted or erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// Clicks.
    pub clicks: usize,
    /// Ties of records to references.
    pub ties: usize,
    /// Rows of the ledger that lost their identity.
    pub rows: usize,
}

impl AddAssign for Removed {
    fn add_assign(&mut self, other: Self) {
        self.clicks += other.clicks;
        self.ties += other.ties;
        self.rows += other.rows;
    }
}

/// An erasure, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ErasureItem {
    /// Who, and by whom it is asked for.
    pub erasure: Erasure,
    /// When it was first asked for in this extent.
    pub requested_at: EventTime,
    /// When all rows had been looked at since.
    pub done_at: Option<EventTime>,
    /// The rows it was found in. They don't tell the person's name any more.
    pub rows: Vec<RowKey>,
}

/// The captured clicks, by whoever deletes them.
///
/// Every method fails if the clicks are unavailable.
pub trait Forgets {
    /// Deletes the clicks of `reference` that were made until then, and those that the same browsers
    /// made without a session: the clicks of their cookies. Answers how many.
    ///
    /// # Errors
    /// If the clicks are unavailable. Some may be deleted, but not those that lead to others.
    async fn forget_visitor(&self, reference: &str, until: EventTime)
    -> Result<usize, LedgerError>;

    /// The cookies' values by which the browsers of `reference` are known without a session. Not
    /// one that is somebody's session as well: clicks under it came with another cookie.
    async fn cookies_of(&self, reference: &str) -> Result<BTreeSet<RecordId>, LedgerError>;

    /// The references that are the record's own: those tied with a key, and the few that browsers
    /// tied, of an order only if `browser_order_ties`.
    async fn references_of(
        &self,
        kind: TieKind,
        id: &RecordId,
        browser_order_ties: bool,
    ) -> Result<BTreeSet<RecordId>, LedgerError>;

    /// Deletes a record's ties, and the clicks until then of the visitors that
    /// [`Forgets::references_of`] gives.
    ///
    /// # Errors
    /// If the clicks are unavailable. Some may be deleted, but no tie before its clicks.
    async fn forget_record(
        &self,
        kind: TieKind,
        id: &RecordId,
        browser_order_ties: bool,
        until: EventTime,
    ) -> Result<Removed, LedgerError>;
}

/// Erasures of persons.
///
/// Every method fails if the ledger is unavailable.
pub trait Erasures {
    /// Notes that an erasure is asked for. Asked for again it stands as it is, pending or done, but
    /// for the time of asking, unless it means more of the person's records now: then it begins anew.
    async fn begin_erasure(&self, erasure: &Erasure) -> Result<ErasureItem, LedgerError>;

    /// All that rows are to be looked up for; those done a short while ago are among them.
    async fn erasures(&self, now: EventTime) -> Result<Vec<ErasureItem>, LedgerError>;

    /// Notes that the person is in `row`, as one of the first thousand rows.
    async fn note_found(&self, erasure: &Erasure, row: &RowKey) -> Result<(), LedgerError>;

    /// Notes that all rows have been looked at, unless it began anew since; the erasure is
    /// forgotten two audit periods (in seconds) later. Of a done one, only that begins again.
    /// Answers whether it was noted.
    async fn erasure_done(
        &self,
        item: &ErasureItem,
        now: EventTime,
        audit_period: i64,
    ) -> Result<bool, LedgerError>;

    /// The rows the person is in, among the next megabyte of the ledger from `after` on.
    async fn rows_of(
        &self,
        erasure: &Erasure,
        after: Option<&Place>,
    ) -> Result<RowPage, LedgerError>;
}
