use std::collections::BTreeMap;

use tracklayer_core::id::AccountName;
use tracklayer_core::microsoft::report::DayOutcome;

use super::rows::LedgerError;

/// What Microsoft's reports said of an account's rows, by goal, the oldest day first. A day that is
/// not there is unknown.
pub type Outcomes = BTreeMap<String, Vec<DayOutcome>>;

/// What Microsoft's reports said, kept for longer than Microsoft reports it.
///
/// Every method fails if the ledger is unavailable.
pub trait OutcomeHistory {
    /// What is known of the days from `first` on, a text as in 2026-04-24.
    async fn outcomes(&self, account: &AccountName, first: &str) -> Result<Outcomes, LedgerError>;

    /// Keeps what a report says of a day, in place of what an earlier one said.
    async fn keep_outcome(
        &self, account: &AccountName, goal: &str, day: &DayOutcome,
    ) -> Result<(), LedgerError>;
}
