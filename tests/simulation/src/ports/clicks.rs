//! Clicks and ties: reading, storing and deleting them.

use tracklayer_core::id::RecordId;
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::attribution::{Sighting, Tie, TieKind, TiedBy};
use tracklayer_core::reconcile::erasure::Person;
use tracklayer_core::time::EventTime;
use tracklayer_edge::ports::{
    Captures, ClickTrace, Clicks, Details, LedgerError, Place, TieTrace, TracePage, Traces,
};

use super::{Lost, Port};
use crate::clicks;
use crate::clicks::{ClickTable, Item, session_pk};
use crate::mutation::Mutation;
use crate::plan::OutageOf;

impl Port {
    async fn clicks<T>(&self, effect: impl Fn(&mut ClickTable, i64) -> T) -> Result<T, Lost> {
        let out = [OutageOf::Ledger, OutageOf::Clicks].iter().any(|of| self.world().is_out(*of));
        self.request(out, |world| effect(&mut world.clicks.borrow_mut(), world.now_ms())).await
    }

    async fn page(
        &self, pk: &str, after: Option<&str>,
    ) -> Result<(Vec<(Place, Item)>, Option<Place>), Lost> {
        self.clicks(|table, _| table.page(pk, after)).await
    }
}

impl Clicks for Port {
    async fn sightings(
        &self, reference: &RecordId, until: EventTime, limit: usize, now: EventTime,
    ) -> Result<Vec<Sighting>, LedgerError> {
        let gone_too = self.mutated(Mutation::ClickGoneUnseen);
        let read = |table: &mut ClickTable, _| {
            let items = if gone_too { table.ever() } else { table.items().clone() };
            clicks::sightings(&items, reference, until, now)
        };
        let mut found = self.clicks(read).await?;
        found.truncate(limit);
        Ok(found)
    }

    async fn ties(
        &self, kind: TieKind, id: &RecordId, limit: usize, now: EventTime,
    ) -> Result<Vec<Tie>, LedgerError> {
        let mut found = self.clicks(|table, _| clicks::ties(table.items(), kind, id, now)).await?;
        found.truncate(limit);
        Ok(found)
    }
}

impl Captures for Port {
    async fn add_click(
        &self, reference: &RecordId, click_id: &ClickId, at_ms: i64, details: Details,
    ) -> Result<(), LedgerError> {
        let cookie = details.iter().find(|(name, _)| *name == "cookie");
        let cookie = cookie.map_or("", |(_, cookie)| cookie);
        let (reference, click_id) = (reference.as_str(), click_id.as_str());
        let add = |table: &mut ClickTable, now| {
            table.add_click(reference, click_id, cookie, at_ms, now);
        };
        Ok(self.clicks(add).await?)
    }

    async fn add_tie(
        &self, kind: TieKind, id: &RecordId, by: TiedBy, reference: &RecordId, at_ms: i64,
        _details: Details,
    ) -> Result<(), LedgerError> {
        let add = |table: &mut ClickTable, now| {
            table.add_tie(kind, id.as_str(), by, reference.as_str(), at_ms, now);
        };
        Ok(self.clicks(add).await?)
    }
}

impl Traces for Port {
    async fn clicks(
        &self, reference: &RecordId, until: EventTime, after: Option<Place>,
    ) -> Result<TracePage<ClickTrace>, LedgerError> {
        let after = after.map(|place| place.sk);
        let (page, mut next) = self.page(&session_pk(reference.as_str()), after.as_deref()).await?;
        let end = format!("{:013} ~", until.epoch() * 1_000 + 999);
        let whole = page.len();
        let within = page.into_iter().filter(|(place, _)| place.sk <= end);
        let cookie = |item: &Item| item.cookie.as_deref().and_then(|it| it.parse().ok());
        let items: Vec<ClickTrace> =
            within.map(|(place, item)| ClickTrace { cookie: cookie(&item), place }).collect();
        if items.len() < whole {
            next = None;
        }
        Ok(TracePage { items, next })
    }

    async fn ties(
        &self, record: &Person, after: Option<Place>,
    ) -> Result<TracePage<TieTrace>, LedgerError> {
        let pk = format!("{} {}", record.kind(), record.value());
        let after = after.map(|place| place.sk);
        let (page, next) = self.page(&pk, after.as_deref()).await?;
        let trace = |(place, item): (Place, Item)| {
            let (maker, reference) = place.sk.split_once(' ')?;
            let (keyed, reference) = (maker == "key", reference.parse().ok());
            let made_at = EventTime::from_epoch(item.tied_at);
            Some(TieTrace { reference, keyed, made_at, place })
        };
        Ok(TracePage { items: page.into_iter().filter_map(trace).collect(), next })
    }

    async fn delete_traces(&self, places: Vec<Place>) -> Result<usize, LedgerError> {
        Ok(self.clicks(|table, now| table.delete(&places, now)).await?)
    }
}
