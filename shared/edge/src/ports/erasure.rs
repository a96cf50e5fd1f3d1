//! What takes a person out of the tables.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
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

/// An erasure, and how far it is; as it is stored.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErasureItem {
    /// Raised by every change.
    pub revision: u64,
    /// Who, and by whom it is asked for.
    pub erasure: Erasure,
    /// A pass over all rows that begins later than this finds every row that is meant.
    pub pass_after: EventTime,
    /// When such a pass was through; clicks and ties may be left then.
    pub done_at: Option<EventTime>,
    /// When it is forgotten, some time after it is done.
    pub ttl: Option<EventTime>,
    /// Clicks and ties that still have to go.
    #[serde(default)]
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
    /// One that nobody has asked for before.
    pub fn new(erasure: Erasure) -> Self {
        ErasureItem {
            revision: 0,
            pass_after: erasure.asked_at,
            traces: Trace::of(erasure.person.clone()).into_iter().collect(),
            erasure,
            done_at: None,
            ttl: None,
            cookies: BTreeSet::new(),
            cookies_left: 0,
            clicks: 0,
            ties: 0,
            rows: BTreeSet::new(),
        }
    }

    /// It is asked for again: it stays as it is if it covers what is asked for, but for the time of
    /// asking, and the clicks since then. Begun anew with every request, it would never be done.
    pub fn ask_again(&mut self, asked: &Erasure) {
        if !self.covers(asked) {
            self.begin_anew(asked.asked_at);
        }
        self.traces.extend(self.all_traces());
        self.erasure.asked_at = self.erasure.asked_at.max(asked.asked_at);
        self.erasure.scope.clone_from(&asked.scope);
    }

    /// All rows have to be looked at, by a pass that begins later than `after`.
    pub fn begin_anew(&mut self, after: EventTime) {
        (self.pass_after, self.done_at, self.ttl) = (after, None, None);
    }

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
    fn covers(&self, asked: &Erasure) -> bool {
        let is_fresh = |done: EventTime| asked.asked_at < done.plus_seconds(DAY);
        self.erasure.scope == asked.scope && self.done_at.is_none_or(is_fresh)
    }

    /// Where clicks and ties of the person may be that were made since they were last deleted.
    fn all_traces(&self) -> BTreeSet<Trace> {
        let sessions = self.erasure.references.difference(&self.cookies).cloned();
        let cookies = self.cookies.iter().cloned().map(Trace::Cookie);
        let own = Trace::of(self.erasure.person.clone());
        own.into_iter().chain(sessions.map(Trace::Session)).chain(cookies).collect()
    }
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
    /// All that are not forgotten: those done a short while ago are among them. And how many others
    /// can't be read.
    async fn erasures(&self, now: EventTime) -> Result<(Vec<ErasureItem>, usize), LedgerError>;

    /// The erasure of the same person that the same key has asked for, unless it is forgotten.
    async fn erasure(
        &self, asked: &Erasure, now: EventTime,
    ) -> Result<Option<ErasureItem>, LedgerError>;

    /// Writes an erasure, on condition that nobody did since it was read, and raises its revision.
    /// Answers whether it did.
    async fn save_erasure(&self, item: &mut ErasureItem) -> Result<bool, LedgerError>;
}
