//! Erasures, carried out on the rows that the audit reads.
//!
//! `erase` does at once what it can reach within a request. What it could not, and what was written
//! behind its back, is found here: an erasure that is not done makes the audit begin at once, and is
//! done when a pass that began after it is through. It is applied for some time after that.

use tracklayer_core::{ledger::row::Row, time::EventTime};
use tracklayer_edge::{
    flows::erase_person::Eraser,
    ports::{ErasureItem, Erasures, Forgets, LedgerError, Ports},
};

use crate::context::Sweep;

impl<P: Ports> Sweep<P>
where
    P::Ledger: Erasures,
    P::Clicks: Forgets,
{
    /// Erases `row` if any of `erasures` means it; answers whether one does.
    ///
    /// # Errors
    /// If a table is unavailable. What is left is done when the page is read again.
    pub(crate) async fn erase(
        &self,
        row: &Row,
        erasures: &[ErasureItem],
        now: EventTime,
    ) -> Result<bool, LedgerError> {
        let Sweep { ledger, clicks, mapping, .. } = self;
        let eraser = Eraser { ledger, clicks, mapping, now };
        let mut meant = false;
        for item in erasures.iter().filter(|item| item.erasure.means(row)) {
            eraser.erase_row(&item.erasure, row.clone()).await?;
            meant = true;
        }
        Ok(meant)
    }

    /// Notes that a pass which began at `began` is through, for the erasures asked for before it;
    /// within one second nobody knows which came first.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    pub(crate) async fn finish_erasures(
        &self,
        erasures: &[ErasureItem],
        began: EventTime,
        now: EventTime,
        period: i64,
    ) -> Result<(), LedgerError> {
        let through = |item: &&ErasureItem| item.done_at.is_none() && item.requested_at < began;
        for item in erasures.iter().filter(through) {
            self.ledger.erasure_done(item, now, period).await?;
            tracing::info!(by = item.erasure.person.kind(), "erasure done");
        }
        Ok(())
    }
}

/// Whether any erasure still needs a pass. One of this minute may be at work in `erase`.
#[must_use]
pub fn is_any_pending(erasures: &[ErasureItem], now: EventTime, minute: i64) -> bool {
    let waits =
        |item: &ErasureItem| item.done_at.is_none() && item.requested_at.plus_seconds(minute) < now;
    erasures.iter().any(waits)
}
