//! Clicks and ties of persons who are erased, a page at a time.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use tracklayer_core::{
    id::RecordId,
    reconcile::erasure::Person,
    time::{DAY, EventTime},
};

use super::{Clicks, Item, KEPT_DAYS, keyed, record_pk, session_pk, tie_of, unavailable};
use crate::ports::{ClickTrace, LedgerError, Place, TieTrace, TracePage, Traces};

/// Items per page: ten batches, deleted in a fraction of a second.
const PAGE: i32 = 250;

impl Traces for Clicks {
    async fn clicks(
        &self,
        reference: &RecordId,
        until: EventTime,
        after: Option<Place>,
    ) -> Result<TracePage<ClickTrace>, LedgerError> {
        let end = format!("{:013} ~", until.epoch() * 1_000 + 999);
        let query = self.query(&session_pk(reference.as_str()), "sk <= :edge", end);
        page(query, after, |item| {
            let cookie = item.get("cookie").and_then(|cookie| cookie.as_s().ok());
            let cookie = cookie.and_then(|cookie| RecordId::parse(cookie).ok());
            Some(ClickTrace { place: place_of(item)?, cookie })
        })
        .await
    }

    async fn ties(
        &self,
        record: &Person,
        after: Option<Place>,
    ) -> Result<TracePage<TieTrace>, LedgerError> {
        let query = self.query(&record_pk(record), "sk >= :edge", "key".to_owned());
        page(query, after, |item| {
            let tie = tie_of(item);
            let reference = tie.as_ref().and_then(|tie| RecordId::parse(&tie.reference).ok());
            let keyed = tie.is_some_and(|tie| tie.keyed);
            Some(TieTrace { place: place_of(item)?, reference, keyed, made_at: made_at(item) })
        })
        .await
    }

    async fn delete_traces(&self, places: Vec<Place>) -> Result<(), LedgerError> {
        let items: Vec<Item> = places.iter().map(|place| keyed(&place.pk, &place.sk)).collect();
        self.delete(&items).await
    }
}

async fn page<T>(
    query: QueryFluentBuilder,
    after: Option<Place>,
    read: impl Fn(&Item) -> Option<T>,
) -> Result<TracePage<T>, LedgerError> {
    let answer = query
        .limit(PAGE)
        .set_exclusive_start_key(after.map(|place| keyed(&place.pk, &place.sk)))
        .send()
        .await
        .map_err(unavailable)?;
    let next = answer.last_evaluated_key.as_ref().and_then(place_of);
    let items = answer.items.unwrap_or_default();
    Ok(TracePage { items: items.iter().filter_map(read).collect(), next })
}

fn place_of(item: &Item) -> Option<Place> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
    Some(Place { pk: text("pk")?, sk: text("sk")? })
}

/// Every item is kept for so long. One that doesn't say is old: in doubt it goes.
fn made_at(item: &Item) -> EventTime {
    let ttl = item.get("ttl").and_then(|ttl| ttl.as_n().ok()).and_then(|ttl| ttl.parse().ok());
    EventTime::from_epoch(ttl.unwrap_or(0)).plus_seconds(-KEPT_DAYS * DAY)
}
