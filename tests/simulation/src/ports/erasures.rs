//! The ports that take a person out.

use std::collections::BTreeSet;

use tracklayer_core::{
    id::RecordId,
    ledger::row::RowKey,
    reconcile::erasure::{Erasure, Person, Trace},
    time::EventTime,
};
use tracklayer_edge::ports::{
    ClickTrace, ErasureItem, Erasures, LedgerError, Place, Progress, TieTrace, TracePage, Traces,
};

use super::Port;
use crate::table::Table;

/// For how many periods of the audit a done erasure is applied to rows that come.
const KEPT_PERIODS: i64 = 2;

impl Erasures for Port {
    async fn begin_erasure(&self, erasure: &Erasure) -> Result<ErasureItem, LedgerError> {
        Ok(self.table(|table| begin(table, erasure)).await?)
    }

    async fn erasures(&self, _: EventTime) -> Result<Vec<ErasureItem>, LedgerError> {
        Ok(self.table(|table| table.erasures.clone()).await?)
    }

    async fn note_progress(
        &self,
        erasure: &Erasure,
        progress: &Progress,
    ) -> Result<ErasureItem, LedgerError> {
        let note = |table: &mut Table| {
            let item = known(table, erasure)?;
            if progress.of.as_ref().is_none_or(|trace| item.traces.contains(trace)) {
                add(item, progress);
            }
            Some(item.clone())
        };
        self.table(note).await?.ok_or_else(gone)
    }

    async fn trace_is_gone(
        &self,
        erasure: &Erasure,
        trace: &Trace,
    ) -> Result<ErasureItem, LedgerError> {
        let note = |table: &mut Table| {
            let item = known(table, erasure)?;
            item.traces.remove(trace);
            Some(item.clone())
        };
        self.table(note).await?.ok_or_else(gone)
    }

    async fn note_row(
        &self,
        erasure: &Erasure,
        row: &RowKey,
        traces: &BTreeSet<Trace>,
    ) -> Result<(), LedgerError> {
        let note = |table: &mut Table| {
            let item = known(table, erasure)?;
            item.rows.insert(row.clone());
            item.traces.extend(traces.iter().cloned());
            Some(())
        };
        self.table(note).await?.ok_or_else(gone)
    }

    async fn erasure_done(
        &self,
        item: &ErasureItem,
        now: EventTime,
        audit_period: i64,
    ) -> Result<bool, LedgerError> {
        let note = |table: &mut Table| {
            // Forgotten, so that the person's name goes.
            let until = |known: &ErasureItem| {
                known.done_at.map(|at| at.plus_seconds(KEPT_PERIODS * audit_period))
            };
            table.erasures.retain(|known| until(known).is_none_or(|until| now < until));
            let known = known(table, &item.erasure);
            let unchanged = known.filter(|known| known.pass_after == item.pass_after);
            unchanged.map(|known| known.done_at = Some(now)).is_some()
        };
        Ok(self.table(note).await?)
    }
}

fn begin(table: &mut Table, erasure: &Erasure) -> ErasureItem {
    if let Some(item) = known(table, erasure) {
        if !item.covers(erasure) {
            (item.pass_after, item.done_at) = (erasure.asked_at, None);
        }
        item.erasure.asked_at = item.erasure.asked_at.max(erasure.asked_at);
        item.traces.extend(item.all_traces());
        return item.clone();
    }
    let item = ErasureItem {
        erasure: erasure.clone(),
        pass_after: erasure.asked_at,
        done_at: None,
        traces: Trace::of(erasure.person.clone()).into_iter().collect(),
        cookies: BTreeSet::new(),
        cookies_left: 0,
        clicks: 0,
        ties: 0,
        rows: BTreeSet::new(),
    };
    table.erasures.push(item.clone());
    item
}

fn add(item: &mut ErasureItem, progress: &Progress) {
    item.traces.extend(progress.found.iter().cloned());
    item.erasure.references.extend(progress.references.iter().cloned());
    item.cookies.extend(progress.cookies.iter().cloned());
    item.cookies_left += progress.cookies_left;
    item.clicks += progress.clicks;
    item.ties += progress.ties;
    if let Some(at) = progress.pass_after {
        (item.pass_after, item.done_at) = (at, None);
    }
}

/// What is kept of an erasure, whenever it was asked for.
fn known<'a>(table: &'a mut Table, erasure: &Erasure) -> Option<&'a mut ErasureItem> {
    table.erasures.iter_mut().find(|known| known.erasure.person == erasure.person)
}

fn gone() -> LedgerError {
    LedgerError::Unreadable("an erasure".to_owned())
}

/// Sessions have a click each, without a cookie; nothing is tied to records here.
impl Traces for Port {
    async fn clicks(
        &self,
        reference: &RecordId,
        _: EventTime,
        _: Option<Place>,
    ) -> Result<TracePage<ClickTrace>, LedgerError> {
        let place = Place { pk: reference.to_string(), sk: String::new() };
        let click = ClickTrace { place, cookie: None };
        let is_there = |world: &crate::world::World| world.is_click_there(reference.as_str());
        let items = self.request(false, is_there).await?.then_some(click).into_iter().collect();
        Ok(TracePage { items, next: None })
    }

    async fn ties(&self, _: &Person, _: Option<Place>) -> Result<TracePage<TieTrace>, LedgerError> {
        Ok(TracePage { items: Vec::new(), next: None })
    }

    async fn delete_traces(&self, places: Vec<Place>) -> Result<(), LedgerError> {
        let delete = |world: &crate::world::World| {
            let now = world.now_ms() / 1_000;
            for place in &places {
                world.deleted.borrow_mut().insert(place.pk.clone(), now);
            }
        };
        Ok(self.request(false, delete).await?)
    }
}
