//! What takes a person out of the tables.

use std::collections::BTreeSet;

use serde::Serialize;
use tracklayer_core::id::RecordId;
use tracklayer_core::ledger::row::RowKey;
use tracklayer_core::reconcile::erasure::{Erasure, Person, Trace};
use tracklayer_core::time::{DAY, EventTime};

use super::{audit::Place, rows::LedgerError};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Removed {
    pub clicks: usize,
    pub ties: usize,
    /// Rows of the ledger that lost their identity; the first thousand are counted.
    pub rows: usize,
}

/// An erasure, and how far it is.
#[derive(Clone, Debug, PartialEq)]
pub struct ErasureItem {
    /// Who, and by whom it is asked for.
    pub erasure: Erasure,
    /// A pass over all rows that begins later than this finds every row that is meant.
    pub pass_after: EventTime,
    /// When such a pass was through; clicks and ties may be left then.
    pub done_at: Option<EventTime>,
    /// Clicks and ties that still have to go.
    pub traces: BTreeSet<Trace>,
    pub cookies: BTreeSet<RecordId>,
    /// Cookies and ties that were too many to be followed.
    pub cookies_left: usize,
    pub clicks: usize,
    pub ties: usize,
    /// The rows it was found in. They don't name the person any more.
    pub rows: BTreeSet<RowKey>,
}

impl ErasureItem {
    /// Whether anything of it is still to be done.
    pub fn is_pending(&self) -> bool {
        self.done_at.is_none() || !self.traces.is_empty()
    }

    /// What was deleted and erased so far.
    pub fn removed(&self) -> Removed {
        Removed { clicks: self.clicks, ties: self.ties, rows: self.rows.len() }
    }

    /// Whether it covers `asked`, an erasure of the same person by the same key: it is pending, or
    /// was done within the last day, and no more rows are meant now. Otherwise it begins anew.
    pub fn covers(&self, asked: &Erasure) -> bool {
        let is_fresh = |done: EventTime| asked.asked_at < done.plus_seconds(DAY);
        self.erasure.scope == asked.scope && self.done_at.is_none_or(is_fresh)
    }

    /// Where clicks and ties of the person may be that were made since they were last deleted.
    pub fn all_traces(&self) -> BTreeSet<Trace> {
        let sessions = self.erasure.references.difference(&self.cookies).cloned();
        let cookies = self.cookies.iter().cloned().map(Trace::Cookie);
        let own = Trace::of(self.erasure.person.clone());
        own.into_iter().chain(sessions.map(Trace::Session)).chain(cookies).collect()
    }
}

/// What is to be noted of an erasure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Nothing is noted if this is not on the list any more: somebody else did it.
    pub of: Option<Trace>,
    /// Clicks and ties that have to go, as well.
    pub found: BTreeSet<Trace>,
    /// More visitors whose rows are meant.
    pub references: BTreeSet<RecordId>,
    pub cookies: BTreeSet<RecordId>,
    /// More cookies and ties that are not.
    pub cookies_left: usize,
    pub clicks: usize,
    pub ties: usize,
    /// Rows may be missed so far: a pass that begins later than this looks at all of them again.
    pub pass_after: Option<EventTime>,
}

/// A click, as far as its deletion needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClickTrace {
    pub place: Place,
    pub cookie: Option<RecordId>,
}

/// A tie, as far as its deletion needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TieTrace {
    pub place: Place,
    /// The session or cookie it leads to.
    pub reference: Option<RecordId>,
    /// Whether it was made with an ingest key.
    pub keyed: bool,
    pub made_at: EventTime,
}

/// Some clicks or ties, and where the next ones begin.
#[derive(Clone, Debug)]
pub struct TracePage<T> {
    pub items: Vec<T>,
    /// `None` after the last.
    pub next: Option<Place>,
}

/// Clicks and ties of persons who are erased, page by page: nobody knows how many there are.
///
/// Every method fails if the clicks are unavailable.
pub trait Traces {
    /// Clicks of `reference` that were made until then, oldest first.
    async fn clicks(
        &self, reference: &RecordId, until: EventTime, after: Option<Place>,
    ) -> Result<TracePage<ClickTrace>, LedgerError>;

    /// Ties of `record`, those made with a key first.
    async fn ties(
        &self, record: &Person, after: Option<Place>,
    ) -> Result<TracePage<TieTrace>, LedgerError>;

    /// Deletes what is at these places; answers how many of them nobody else had deleted. Some may be
    /// deleted if it fails.
    async fn delete_traces(&self, places: Vec<Place>) -> Result<usize, LedgerError>;
}

/// Erasures of persons.
///
/// Every method fails if the ledger is unavailable.
pub trait Erasures {
    /// Notes that an erasure is asked for, before anything is done. Asked for again it stays as it
    /// is ([`ErasureItem::covers`]), but for the time of asking, and the clicks since then.
    async fn begin_erasure(&self, erasure: &Erasure) -> Result<ErasureItem, LedgerError>;

    /// All that rows are to be looked up for; those done a short while ago are among them.
    async fn erasures(&self, now: EventTime) -> Result<Vec<ErasureItem>, LedgerError>;

    /// Notes how far it is. Answers with the erasure as it is then.
    async fn note_progress(
        &self, erasure: &Erasure, progress: &Progress,
    ) -> Result<ErasureItem, LedgerError>;

    /// Takes `trace` from the list: nothing of it is left. Answers with the erasure as it is then.
    async fn trace_is_gone(
        &self, erasure: &Erasure, trace: &Trace,
    ) -> Result<ErasureItem, LedgerError>;

    /// Notes that the person is in `row`, as one of the first thousand rows, and where its clicks
    /// and ties are.
    async fn note_row(
        &self, erasure: &Erasure, row: &RowKey, traces: &BTreeSet<Trace>,
    ) -> Result<(), LedgerError>;

    /// Notes that all rows have been looked at, unless it began anew since; the erasure is forgotten
    /// two audit periods (in seconds) later. Answers whether it was noted.
    async fn erasure_done(
        &self, item: &ErasureItem, now: EventTime, audit_period: i64,
    ) -> Result<bool, LedgerError>;
}
