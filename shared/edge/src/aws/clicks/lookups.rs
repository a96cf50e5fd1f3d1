//! What an operator asks of the clicks.

use tracklayer_core::id::RecordId;
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::attribution::Sighting;

use super::read::sighting_in;
use super::{Clicks, TIED_AT};
use crate::aws::table::{Item, keyed, place_of, text, text_of, time_of};
use crate::ports::{Census, ClickLookups, LedgerError, Place, SightingPage, TableSize};

impl ClickLookups for Clicks {
    async fn seen(
        &self, click_id: &ClickId, after: Option<Place>,
    ) -> Result<SightingPage, LedgerError> {
        let scan = self.table.client.scan().table_name(&self.table.name);
        let answer = scan
            .filter_expression("begins_with(pk, :session)")
            .expression_attribute_values(":session", text("session "))
            .projection_expression("pk, sk")
            .set_exclusive_start_key(after.map(|place| keyed(place.pk, place.sk)))
            .send()
            .await?;
        let next = answer.last_evaluated_key.as_ref().and_then(place_of);
        let read = u64::try_from(answer.scanned_count).unwrap_or(0);
        let items = answer.items.unwrap_or_default();
        let all = items.iter().filter_map(sighting_of);
        Ok(SightingPage { sightings: all.filter(|it| it.is_of(click_id)).collect(), read, next })
    }

    async fn census(&self, after: Option<Place>) -> Result<Census, LedgerError> {
        let scan = self.table.client.scan().table_name(&self.table.name);
        let answer = scan
            .projection_expression("pk, sk, tiedAt")
            .set_exclusive_start_key(after.map(|place| keyed(place.pk, place.sk)))
            .send()
            .await?;
        let next = answer.last_evaluated_key.as_ref().and_then(place_of);
        let items = answer.items.unwrap_or_default();
        let clicks = items.iter().filter_map(sighting_of).map(|sighting| sighting.at()).collect();
        let ties = items.iter().filter_map(|item| time_of(item, TIED_AT)).collect();
        Ok(Census { clicks, ties, next })
    }

    async fn size(&self) -> Result<TableSize, LedgerError> {
        self.table.size().await
    }
}

fn sighting_of(item: &Item) -> Option<Sighting> {
    let reference = text_of(item, "pk")?.strip_prefix("session ")?;
    sighting_in(item, &RecordId::parse(reference).ok()?)
}
