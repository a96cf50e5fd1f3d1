//! All clicks and ties, for operators: there is no index by click id or time.

use tracklayer_core::reconcile::attribution::Sighting;
use tracklayer_core::{id::RecordId, time::EventTime};

use super::read::sighting_in;
use super::{Clicks, TIED_AT};
use crate::aws::table::{Item, keyed, place_of, text_of, time_of};
use crate::ports::{LedgerError, Place};

/// One page of all clicks and ties.
#[derive(Debug, Default)]
pub struct ClickPage {
    pub sightings: Vec<Sighting>,
    /// When each tie was made last.
    pub ties: Vec<EventTime>,
    /// Where the next page begins; none after the last.
    pub next: Option<Place>,
}

impl Clicks {
    /// The clicks and ties after this place, 1 MB of them.
    ///
    /// # Errors
    /// If the clicks are unavailable.
    pub async fn page(&self, after: Option<Place>) -> Result<ClickPage, LedgerError> {
        let scan = self.table.client.scan().table_name(&self.table.name);
        let answer = scan
            .projection_expression("pk, sk, tiedAt")
            .set_exclusive_start_key(after.map(|place| keyed(place.pk, place.sk)))
            .send()
            .await?;
        let next = answer.last_evaluated_key.as_ref().and_then(place_of);
        let items = answer.items.unwrap_or_default();
        let sightings = items.iter().filter_map(sighting_of).collect();
        let ties = items.iter().filter_map(|item| time_of(item, TIED_AT)).collect();
        Ok(ClickPage { sightings, ties, next })
    }
}

fn sighting_of(item: &Item) -> Option<Sighting> {
    let reference = text_of(item, "pk")?.strip_prefix("session ")?;
    sighting_in(item, &RecordId::parse(reference).ok()?)
}
