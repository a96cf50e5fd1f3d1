//! What an operator asks of the clicks.

use aws_sdk_dynamodb::types::AttributeValue;
use tracklayer_core::id::RecordId;
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::attribution::Sighting;
use tracklayer_core::time::EventTime;

use super::unavailable;
use super::{Clicks, Item, TIED_AT, keyed, number, read::sighting_in, text, traces::place_of};
use crate::aws::ledger::table_size;
use crate::ports::{Census, ClickLookups, LedgerError, Place, SightingPage, TableSize};

impl ClickLookups for Clicks {
    async fn seen(
        &self, click_id: &ClickId, after: Option<Place>,
    ) -> Result<SightingPage, LedgerError> {
        let answer = self
            .client
            .scan()
            .table_name(&self.table)
            .filter_expression("begins_with(pk, :session)")
            .expression_attribute_values(":session", AttributeValue::S("session ".to_owned()))
            .projection_expression("pk, sk")
            .set_exclusive_start_key(after.map(|place| keyed(&place.pk, &place.sk)))
            .send()
            .await
            .map_err(unavailable)?;
        let next = answer.last_evaluated_key.as_ref().and_then(place_of);
        let read = u64::try_from(answer.scanned_count).unwrap_or(0);
        let items = answer.items.unwrap_or_default();
        let all = items.iter().filter_map(sighting_of);
        Ok(SightingPage { sightings: all.filter(|it| it.is_of(click_id)).collect(), read, next })
    }

    async fn census(&self, after: Option<Place>) -> Result<Census, LedgerError> {
        let answer = self
            .client
            .scan()
            .table_name(&self.table)
            .projection_expression("pk, sk, tiedAt")
            .set_exclusive_start_key(after.map(|place| keyed(&place.pk, &place.sk)))
            .send()
            .await
            .map_err(unavailable)?;
        let next = answer.last_evaluated_key.as_ref().and_then(place_of);
        let items = answer.items.unwrap_or_default();
        let clicks = items.iter().filter_map(sighting_of).map(|sighting| sighting.at()).collect();
        let ties = items.iter().filter_map(|item| number(item, TIED_AT));
        Ok(Census { clicks, ties: ties.map(EventTime::from_epoch).collect(), next })
    }

    async fn size(&self) -> Result<TableSize, LedgerError> {
        table_size(&self.client, &self.table).await
    }
}

fn sighting_of(item: &Item) -> Option<Sighting> {
    let reference = text(item, "pk")?.strip_prefix("session ")?;
    sighting_in(item, &RecordId::parse(reference).ok()?)
}
