//! The answer, so that whoever starts a run by hand sees what it did.

use serde::Serialize;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub signalled: usize,
    /// Rows that another run or upload moved first.
    pub moved_by_others: usize,
    /// Rows whose signal the queue did not take; they are due again later.
    pub unsent: usize,
    /// Orphans whose corrections went to their original.
    pub orphans_moved: usize,
    /// Orphans whose original has not come in three days.
    pub orphans_missing: usize,
    /// Orphans whose original never came.
    pub orphans_ended: usize,
    /// Rows that could not be read or written; they are still due.
    pub failed: usize,
    /// Whether the run ended before it was through: the next one goes on.
    pub cut_short: bool,
}

/// What one run did about the audit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditSummary {
    pub audited: usize,
    /// Rows that wanted something and that nothing drove; they are due now. Rows that can't be read or
    /// erased.
    pub audit_stuck: usize,
    pub audit_erased: usize,
    pub audit_finished: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Answer {
    #[serde(flatten)]
    pub summary: Summary,
    /// Rows of goals that are held no more, and got a signal.
    pub released: usize,
    #[serde(flatten)]
    pub audit: AuditSummary,
}
