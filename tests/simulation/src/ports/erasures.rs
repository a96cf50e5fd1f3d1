//! The ledger's erasures.

use std::collections::BTreeSet;

use tracklayer_core::ledger::row::RowKey;
use tracklayer_core::reconcile::erasure::{Erasure, Trace};
use tracklayer_core::time::EventTime;
use tracklayer_edge::ports::{ErasureItem, Erasures, LedgerError, Progress};

use super::Port;
use crate::mutation::Mutation;

impl Erasures for Port {
    async fn begin_erasure(&self, erasure: &Erasure) -> Result<ErasureItem, LedgerError> {
        Ok(self.table(|table| table.begin_erasure(erasure)).await?)
    }

    async fn erasures(&self, now: EventTime) -> Result<Vec<ErasureItem>, LedgerError> {
        Ok(self.table(|table| table.erasures(now)).await?)
    }

    async fn note_progress(
        &self, erasure: &Erasure, progress: &Progress,
    ) -> Result<ErasureItem, LedgerError> {
        known(self.table(|table| table.note_progress(erasure, progress)).await?)
    }

    async fn trace_is_gone(
        &self, erasure: &Erasure, trace: &Trace,
    ) -> Result<ErasureItem, LedgerError> {
        known(self.table(|table| table.trace_is_gone(erasure, trace)).await?)
    }

    async fn note_row(
        &self, erasure: &Erasure, row: &RowKey, traces: &BTreeSet<Trace>,
    ) -> Result<(), LedgerError> {
        if self.mutated(Mutation::EndUnnamed) {
            return Ok(());
        }
        Ok(self.table(|table| table.note_row(erasure, row, traces)).await?)
    }

    async fn erasure_done(
        &self, item: &ErasureItem, now: EventTime, audit_period: i64,
    ) -> Result<bool, LedgerError> {
        Ok(self.table(|table| table.erasure_done(item, now, audit_period)).await?)
    }
}

fn known(item: Option<ErasureItem>) -> Result<ErasureItem, LedgerError> {
    item.ok_or_else(|| LedgerError::Unreadable("an erasure".to_owned()))
}
