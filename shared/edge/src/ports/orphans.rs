use tracklayer_core::ledger::orphan::Orphan;
use tracklayer_core::ledger::row::{PartitionKey, Row};
use tracklayer_core::reconcile::orphans::Moved;
use tracklayer_core::time::EventTime;

use super::{claims::Pointer, rows::LedgerError};

/// Corrections whose original has not come. Every write conditions on the orphan's revision.
///
/// Every method fails if the ledger is unavailable.
pub trait Orphans {
    /// Writes the orphan `after`, in which one more correction is, and the correction's pointer: both
    /// or neither, on condition that the orphan still has the revision of `before`, or that there is
    /// none, and that the correction, `own`, has no pointer. Answers whether that held.
    async fn record_in_orphan(
        &self, before: Option<&Orphan>, after: &Orphan, own: &PartitionKey, pointer: &Pointer,
        now: EventTime,
    ) -> Result<bool, LedgerError>;

    /// Writes the orphan `after`, on condition that it still has the revision of `before`. Answers
    /// whether it had.
    async fn save_orphan(&self, before: &Orphan, after: &Orphan) -> Result<bool, LedgerError>;

    /// Moves corrections from the orphan `from` into the row `to`: writes both as `moved` has them, or
    /// neither, on condition that both still are as they were read. Answers whether they were.
    async fn move_corrections(
        &self, from: &Orphan, to: &Row, moved: &Moved,
    ) -> Result<bool, LedgerError>;
}
