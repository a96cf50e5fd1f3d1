//! The ports that take a person out.

use std::collections::BTreeSet;

use tracklayer_core::{
    id::RecordId,
    ledger::row::RowKey,
    reconcile::{attribution::TieKind, erasure::Erasure},
    time::EventTime,
};
use tracklayer_edge::ports::{
    ErasureItem, Erasures, Forgets, LedgerError, Place, Removed, RowPage,
};

use super::Port;
use crate::table::Table;

/// For how many periods of the audit a done erasure is applied to rows that come.
const KEPT_PERIODS: i64 = 2;

impl Erasures for Port {
    async fn begin_erasure(&self, erasure: &Erasure) -> Result<ErasureItem, LedgerError> {
        let begin = |table: &mut Table| {
            if let Some(known) = known(table, erasure) {
                known.erasure.asked_at = known.erasure.asked_at.max(erasure.asked_at);
                return known.clone();
            }
            let (erasure, requested_at) = (erasure.clone(), erasure.asked_at);
            let item = ErasureItem { erasure, requested_at, done_at: None, rows: Vec::new() };
            table.erasures.push(item.clone());
            item
        };
        Ok(self.table(begin).await?)
    }

    async fn erasures(&self, _: EventTime) -> Result<Vec<ErasureItem>, LedgerError> {
        Ok(self.table(|table| table.erasures.clone()).await?)
    }

    async fn note_found(&self, erasure: &Erasure, row: &RowKey) -> Result<(), LedgerError> {
        let note = |table: &mut Table| {
            let known = known(table, erasure);
            if let Some(known) = known.filter(|known| !known.rows.contains(row)) {
                known.rows.push(row.clone());
            }
        };
        Ok(self.table(note).await?)
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
            let Some(known) = known(table, &item.erasure) else { return false };
            known.done_at = known.done_at.or(Some(now));
            true
        };
        Ok(self.table(note).await?)
    }

    async fn rows_of(
        &self,
        erasure: &Erasure,
        after: Option<&Place>,
    ) -> Result<RowPage, LedgerError> {
        let mut page = self.table(|table| table.page(after)).await?;
        page.rows.retain(|row| erasure.means(row));
        Ok(page)
    }
}

/// What is kept of an erasure, whenever it was asked for.
fn known<'a>(table: &'a mut Table, erasure: &Erasure) -> Option<&'a mut ErasureItem> {
    table.erasures.iter_mut().find(|known| known.erasure.person == erasure.person)
}

/// Sessions have a click each; nothing is tied to records here.
impl Forgets for Port {
    async fn forget_visitor(&self, reference: &str, _: EventTime) -> Result<usize, LedgerError> {
        let forget = |world: &crate::world::World| {
            let there = world.is_click_there(reference);
            if there {
                let now = world.now_ms() / 1_000;
                world.deleted.borrow_mut().insert(reference.to_owned(), now);
            }
            usize::from(there)
        };
        Ok(self.request(false, forget).await?)
    }

    async fn cookies_of(&self, _: &str) -> Result<BTreeSet<RecordId>, LedgerError> {
        Ok(BTreeSet::new())
    }

    async fn references_of(
        &self,
        _: TieKind,
        _: &RecordId,
        _: bool,
    ) -> Result<BTreeSet<RecordId>, LedgerError> {
        Ok(BTreeSet::new())
    }

    async fn forget_record(
        &self,
        _: TieKind,
        _: &RecordId,
        _: bool,
        _: EventTime,
    ) -> Result<Removed, LedgerError> {
        Ok(Removed::default())
    }
}
