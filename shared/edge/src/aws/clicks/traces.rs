//! Clicks and ties that are deleted, a page at a time.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tracklayer_core::{id::RecordId, reconcile::erasure::Person, time::EventTime};

use super::{COOKIE, Clicks, TIED_AT};
use crate::aws::table::{Condition, Item, keyed, place_of, text_of, time_of, won};
use crate::ports::{ClickTrace, LedgerError, Place, TieTrace, TracePage, Traces};

/// Items per page, deleted in a fraction of a second.
const PAGE: usize = 250;
/// Deletions under way at the same time.
const AT_ONCE: usize = 25;

impl Traces for Clicks {
    async fn clicks(
        &self, reference: &RecordId, until: EventTime, after: Option<Place>,
    ) -> Result<TracePage<ClickTrace>, LedgerError> {
        page(self.clicks_until(reference, until, PAGE), after, |item| {
            let cookie = text_of(item, COOKIE).and_then(|cookie| RecordId::parse(cookie).ok());
            Some(ClickTrace { place: place_of(item)?, cookie })
        })
        .await
    }

    async fn ties(
        &self, record: &Person, after: Option<Place>,
    ) -> Result<TracePage<TieTrace>, LedgerError> {
        page(self.ties_of(record.to_string(), PAGE), after, |item| {
            let (by, reference) = text_of(item, "sk")?.split_once(' ')?;
            let reference = RecordId::parse(reference).ok();
            let made_at = time_of(item, TIED_AT).unwrap_or_default();
            Some(TieTrace { place: place_of(item)?, reference, keyed: by == "key", made_at })
        })
        .await
    }

    async fn delete_traces(&self, places: Vec<Place>) -> Result<usize, LedgerError> {
        let deletions = stream::iter(places).map(|place| self.delete(place));
        let deleted = deletions.buffer_unordered(AT_ONCE);
        deleted.try_fold(0, async |count, was_there| Ok(count + usize::from(was_there))).await
    }
}

impl Clicks {
    /// Whether it was still there: another request may delete the same one.
    async fn delete(&self, place: Place) -> Result<bool, LedgerError> {
        let is_there = Condition::new("attribute_exists(pk)", []);
        won(self.table.delete(keyed(place.pk, place.sk), is_there).send().await)
    }
}

async fn page<T>(
    query: QueryFluentBuilder, after: Option<Place>, read: impl Fn(&Item) -> Option<T>,
) -> Result<TracePage<T>, LedgerError> {
    let start = after.map(|place| keyed(place.pk, place.sk));
    let answer = query.set_exclusive_start_key(start).send().await?;
    let next = answer.last_evaluated_key.as_ref().and_then(place_of);
    let items = answer.items.unwrap_or_default();
    Ok(TracePage { items: items.iter().filter_map(read).collect(), next })
}
