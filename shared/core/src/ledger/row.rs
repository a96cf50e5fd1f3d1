//! One row of the ledger: the facts and corrections a source sent (*desired*), and what is known
//! of Microsoft (*observed*).
//!
//! Each half has its own revision. Desired state is raised by whoever changes facts or corrections,
//! observed state by whoever learns something of Microsoft; every write names the revisions it
//! relies on, so that two workers can't undo each other.

use crate::id::AccountName;
use crate::ledger::correction::Correction;
use crate::ledger::facts::Facts;
use crate::ledger::index::Open;
use crate::ledger::observed::Observed;
use crate::time::{EventTime, MAX_AGE};

pub use super::key::{BadKey, PartitionKey, RowKey};

#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub key: RowKey,
    /// The account of the mapping it belongs to.
    pub account: AccountName,
    pub facts: Facts,
    /// Refunds, restatements and cancellations, in the order they came.
    pub corrections: Vec<Correction>,
    /// Raised by every change of facts or corrections.
    pub desired_revision: u64,
    /// Raised by every change of `observed`.
    pub observed_revision: u64,
    pub observed: Observed,
    /// Its entry in the index of open rows.
    pub open: Option<Open>,
    pub recorded_at: EventTime,
    /// When DynamoDB may delete it: long after Microsoft takes anything of it.
    pub ttl: EventTime,
}

impl Row {
    /// Whether its person was erased, or ended it by a denial.
    pub fn is_erased(&self) -> bool {
        self.facts.erased_at.is_some()
    }

    /// The last moment at which Microsoft takes the original: 90 days after the conversion.
    pub fn limit(&self) -> EventTime {
        self.facts.conversion_time.plus_seconds(MAX_AGE)
    }

    /// The last moment at which a correction counts: 90 days after the conversion or after the
    /// click, whichever is earlier. Microsoft drops later ones without an error, as
    /// `HistoricalClickDataExpired`
    /// (learn.microsoft.com/advertising/guides/uet-offline-conversion-adjustments).
    pub fn correction_limit(&self) -> EventTime {
        let clicked_at = self.facts.click.as_ref().and_then(|click| click.clicked_at);
        let start =
            clicked_at.unwrap_or(self.facts.conversion_time).min(self.facts.conversion_time);
        start.plus_seconds(MAX_AGE)
    }
}
