//! Keeps what Microsoft's report says of each day, for longer than Microsoft reports it. The last
//! days are kept anew each time, since Microsoft restates them.

use tracklayer_core::microsoft::usual::LOOK_BACK_DAYS;
use tracklayer_core::time::DAY;
use tracklayer_edge::ports::{Clock as _, LedgerError, OutcomeHistory, Ports};

use crate::context::Goals;
use crate::log::log_unusual;
use crate::wire::AccountReport;

impl<P: Ports> Goals<P>
where
    P::Ledger: OutcomeHistory,
{
    /// Compares the report with what is kept, logs what is unusual, and keeps what is new. Without a
    /// report nothing is kept: unknown is not nothing.
    pub(crate) async fn keep_outcomes(&self, entry: &AccountReport) -> Result<(), LedgerError> {
        if entry.outcomes.is_empty() {
            return Ok(());
        }
        let first = self.clock.now().plus_seconds(-LOOK_BACK_DAYS * DAY).to_string();
        let first = first.get(..10).unwrap_or_default();
        let known = self.ledger.outcomes(&entry.account, first).await?;
        log_unusual(entry, &known, &self.telemetry);
        for outcome in &entry.outcomes {
            let known = known.get(&outcome.goal);
            let is_known = |day| known.is_some_and(|known| known.contains(day));
            for day in outcome.days.iter().filter(|day| !is_known(day)) {
                self.ledger.keep_outcome(&entry.account, &outcome.goal, day).await?;
            }
        }
        Ok(())
    }
}
