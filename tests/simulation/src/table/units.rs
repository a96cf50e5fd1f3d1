//! What the table would charge.

use tracklayer_core::ledger::index::Open;

/// Capacity units, by DynamoDB's rules: every row is below 1 KB, a failed condition costs its unit,
/// an index entry that is added or removed costs one, one that moves two. Sweep's and the audit's
/// reads are left out: they go by the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Units {
    /// Of writes.
    pub write: u64,
    /// Of reads.
    pub read: u64,
}

/// What a change of an index entry costs.
pub(super) fn index_units(before: Option<&Open>, after: Option<&Open>) -> u64 {
    match (before, after) {
        (None, None) => 0,
        (Some(before), Some(after)) if before == after => 0,
        (Some(before), Some(after)) => {
            let stays = (&before.class, before.due) == (&after.class, after.due);
            if stays { 1 } else { 2 }
        }
        _ => 1,
    }
}
