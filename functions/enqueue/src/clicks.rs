//! The clicks as the events of one request read them: once for each reference.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use tokio::sync::{OnceCell, Semaphore};
use tracklayer_core::id::RecordId;
use tracklayer_core::reconcile::attribution::{Sighting, Tie, TieKind};
use tracklayer_core::time::{DAY, EventTime};
use tracklayer_edge::ports::{Clicks, LedgerError};

/// Requests that are made at the same time.
const AT_ONCE: usize = 16;

/// The newest sightings under one reference.
type Newest = Rc<OnceCell<Vec<Sighting>>>;

pub(crate) struct SharedClicks<'a, C> {
    clicks: &'a C,
    newest: RefCell<HashMap<RecordId, Newest>>,
    requests: Semaphore,
}

impl<'a, C: Clicks> SharedClicks<'a, C> {
    pub fn new(clicks: &'a C) -> Self {
        SharedClicks { clicks, newest: RefCell::default(), requests: Semaphore::new(AT_ONCE) }
    }

    async fn read(
        &self, reference: &RecordId, until: EventTime, limit: usize, now: EventTime,
    ) -> Result<Vec<Sighting>, LedgerError> {
        let _permit = self.requests.acquire().await;
        self.clicks.sightings(reference, until, limit, now).await
    }
}

impl<C: Clicks> Clicks for SharedClicks<'_, C> {
    /// No sale, and no click, is later than a day from now. Where there are more than are read, those
    /// until `until` are read on their own.
    async fn sightings(
        &self, reference: &RecordId, until: EventTime, limit: usize, now: EventTime,
    ) -> Result<Vec<Sighting>, LedgerError> {
        let newest = self.newest.borrow_mut().entry(reference.clone()).or_default().clone();
        let read = || self.read(reference, now.plus_seconds(DAY), limit, now);
        let newest = newest.get_or_try_init(read).await?;
        if newest.len() >= limit {
            return self.read(reference, until, limit, now).await;
        }
        let end = until.epoch() * 1_000 + 999;
        Ok(newest.iter().filter(|seen| seen.at_ms <= end).cloned().collect())
    }

    async fn ties(
        &self, kind: TieKind, id: &RecordId, limit: usize, now: EventTime,
    ) -> Result<Vec<Tie>, LedgerError> {
        let _permit = self.requests.acquire().await;
        self.clicks.ties(kind, id, limit, now).await
    }
}
