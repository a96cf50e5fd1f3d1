//! The clicks as the events of one request read them: once for each reference.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use tokio::sync::OnceCell;
use tracklayer_core::id::RecordId;
use tracklayer_core::reconcile::attribution::{Sighting, Tie, TieKind};
use tracklayer_core::time::{DAY, EventTime};
use tracklayer_edge::ports::{Clicks, LedgerError};

/// The newest sightings under one reference. If they can't be read, the request has failed.
type Newest = Rc<OnceCell<Result<Vec<Sighting>, LedgerError>>>;

pub(crate) struct SharedClicks<'a, C> {
    clicks: &'a C,
    newest: RefCell<HashMap<RecordId, Newest>>,
}

impl<'a, C: Clicks> SharedClicks<'a, C> {
    pub fn new(clicks: &'a C) -> Self {
        SharedClicks { clicks, newest: RefCell::default() }
    }
}

impl<C: Clicks> Clicks for SharedClicks<'_, C> {
    /// No sale, and no click, is later than a day from now. Where there are more than are read, those
    /// until `until` are read on their own.
    async fn sightings(
        &self, reference: &RecordId, until: EventTime, limit: usize, now: EventTime,
    ) -> Result<Vec<Sighting>, LedgerError> {
        let newest = self.newest.borrow_mut().entry(reference.clone()).or_default().clone();
        let read = || self.clicks.sightings(reference, now.plus_seconds(DAY), limit, now);
        let newest = newest.get_or_init(read).await.as_ref().map_err(Clone::clone)?;
        if newest.len() >= limit {
            return self.clicks.sightings(reference, until, limit, now).await;
        }
        let end = until.epoch() * 1_000 + 999;
        Ok(newest.iter().filter(|seen| seen.at_ms <= end).cloned().collect())
    }

    async fn ties(
        &self, kind: TieKind, id: &RecordId, limit: usize, now: EventTime,
    ) -> Result<Vec<Tie>, LedgerError> {
        self.clicks.ties(kind, id, limit, now).await
    }
}
