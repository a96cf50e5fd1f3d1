//! Reads what attribution needs of the stored clicks, and no more: hints are followed from the
//! strongest to the weakest, until nothing weaker can change the answer.

use futures::future::try_join_all;
use tracklayer_core::id::RecordId;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::mapping::Mapping;
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::attribution::{
    Credit, Fresh, Hint, Reading, SIGHTINGS_READ, Sale, TIES_READ, TiedBy, credit, is_settled,
    review, stored_under,
};
use tracklayer_core::time::EventTime;

use crate::ports::{Clicks, LedgerError};

/// The click that `sale` is credited to now.
pub async fn for_sale(
    clicks: &impl Clicks, sale: Sale<'_>, now: EventTime,
) -> Result<Credit, LedgerError> {
    let mut reader = Reader::new(clicks, sale, now);
    reader.follow_hints().await?;
    Ok(credit(&sale, &reader.reading))
}

/// What a new look says about a row that is about to be sent.
pub async fn review_row(
    clicks: &impl Clicks, mapping: &Mapping, row: &Row, now: EventTime,
) -> Result<Fresh, LedgerError> {
    let facts = &row.facts;
    let sale = Sale::of(facts, mapping.browser_order_ties(&row.account));
    let mut reader = Reader::new(clicks, sale, now);
    if let Some((reference, click_id, at)) = stored_under(facts) {
        reader.look_for(reference, click_id, at).await?;
    }
    reader.follow_hints().await?;
    Ok(review(row, &sale, &reader.reading, now))
}

/// What has been read so far for one conversion.
struct Reader<'a, C> {
    clicks: &'a C,
    sale: Sale<'a>,
    now: EventTime,
    /// References whose sightings are in `reading`.
    read: Vec<RecordId>,
    reading: Reading,
}

impl<'a, C: Clicks> Reader<'a, C> {
    fn new(clicks: &'a C, sale: Sale<'a>, now: EventTime) -> Self {
        Reader { clicks, sale, now, read: Vec::new(), reading: Reading::default() }
    }

    async fn follow_hints(&mut self) -> Result<(), LedgerError> {
        if self.sale.references.is_empty() {
            return Ok(());
        }
        for hint in Hint::STRONGEST_FIRST {
            self.read_ties(hint).await?;
            // An order that too many browsers claim leads nowhere.
            let led = hint.references(&self.sale, &self.reading.ties).unwrap_or_default();
            let new: Vec<RecordId> =
                led.into_iter().filter(|it| !self.read.contains(it)).cloned().collect();
            self.read_sightings(new).await?;
            if is_settled(hint, &self.sale, &self.reading) {
                break;
            }
        }
        Ok(())
    }

    async fn read_ties(&mut self, hint: Hint) -> Result<(), LedgerError> {
        let Some((kind, id)) = hint.record(&self.sale) else { return Ok(()) };
        // Those of either maker come together.
        if hint != Hint::Tied(kind, TiedBy::Key) {
            return Ok(());
        }
        let ties = self.clicks.ties(kind, id, TIES_READ, self.now).await?;
        self.reading.ties.extend(ties);
        Ok(())
    }

    async fn read_sightings(&mut self, references: Vec<RecordId>) -> Result<(), LedgerError> {
        let until = self.sale.last_sighting();
        let look = |reference| self.clicks.sightings(reference, until, SIGHTINGS_READ, self.now);
        let found = try_join_all(references.iter().map(look)).await?;
        self.reading.sightings.extend(found.into_iter().flatten());
        self.read.extend(references);
        Ok(())
    }

    /// Reads the reference that a row's click is stored under. Where the click does not show, reads
    /// what shows whether it is gone.
    async fn look_for(
        &mut self, reference: &RecordId, click_id: &ClickId, at: EventTime,
    ) -> Result<(), LedgerError> {
        self.read_sightings(vec![reference.clone()]).await?;
        // So much may have been stored since that the click is out of sight.
        if !self.has_seen(click_id) && self.reading.sightings.len() >= SIGHTINGS_READ {
            self.read_until(reference, at).await?;
        }
        // A click that came too late to be credited is one that the session has left.
        if !self.has_seen(click_id)
            && let Some(session) = &self.sale.references.session
        {
            self.read_until(session, self.now).await?;
        }
        Ok(())
    }

    fn has_seen(&self, click_id: &ClickId) -> bool {
        self.reading.sightings.iter().any(|sighting| sighting.is_of(click_id))
    }

    async fn read_until(
        &mut self, reference: &RecordId, until: EventTime,
    ) -> Result<(), LedgerError> {
        let found = self.clicks.sightings(reference, until, SIGHTINGS_READ, self.now).await?;
        self.reading.sightings.extend(found);
        Ok(())
    }
}
