//! The ledger's erasures.

use tracklayer_core::{reconcile::erasure::Erasure, time::EventTime};
use tracklayer_edge::ports::{ErasureItem, Erasures, LedgerError};

use super::Port;
use crate::mutation::Mutation;

impl Erasures for Port {
    async fn erasures(&self, now: EventTime) -> Result<(Vec<ErasureItem>, usize), LedgerError> {
        Ok((self.table(|table| table.erasures(now)).await?, 0))
    }

    async fn erasure(
        &self, asked: &Erasure, now: EventTime,
    ) -> Result<Option<ErasureItem>, LedgerError> {
        Ok(self.table(|table| table.erasure(asked, now)).await?)
    }

    async fn save_erasure(&self, item: &mut ErasureItem) -> Result<bool, LedgerError> {
        if self.mutated(Mutation::EndUnnamed) {
            item.rows.clear();
        }
        let is_saved = self.table(|table| table.save_erasure(item)).await?;
        item.revision += 1;
        Ok(is_saved)
    }
}
