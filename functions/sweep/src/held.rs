//! Rows that a failing check held go on by themselves once a check passes.
//!
//! They are in classes of their own, one per goal and one per account, which nobody walks while the
//! goal or the account is held: a million rows of a broken goal would otherwise be looked at again
//! and again. When the account item no longer says so, the class is signalled whole, whatever `due`
//! its rows have.

use std::collections::BTreeSet;

use tracklayer_core::{
    open::Class,
    time::{DAY, EventTime},
};
use tracklayer_edge::{
    ledger::LedgerError,
    ports::{GoalChecks, Ports},
};

use crate::{
    handler::Sweep,
    pages::Pages,
    signals::{MAX_SIGNALS, Span},
    wire::Summary,
};

/// Further than any row waits.
const ANY_DUE: i64 = 400 * DAY;

impl<P: Ports> Sweep<P>
where
    P::Ledger: GoalChecks,
{
    /// Signals the rows of goals and accounts that are held no more. The rest of a large class follows in the
    /// next run.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    pub async fn release_held(&self, span: &Span) -> Result<usize, LedgerError> {
        let mut summary = Summary::default();
        for account in self.mapping.accounts() {
            let item = self.ledger.account_item(account.name()).await?;
            if item.held {
                continue;
            }
            self.release(account.name().to_string(), span, &mut summary).await?;
            let mapped = account.goals().map(|(_, goal)| goal.name.as_str());
            // Once a wrong name is corrected in the mapping no check looks at it any more.
            let goals: BTreeSet<&str> =
                mapped.chain(item.once_held.iter().map(String::as_str)).collect();
            let held = |goal: &&str| item.held_goals.iter().any(|name| name == goal);
            for goal in goals.into_iter().filter(|goal| !held(goal)) {
                self.release(format!("{}/{goal}", account.name()), span, &mut summary).await?;
            }
        }
        Ok(summary.signalled)
    }

    async fn release(
        &self,
        what: String,
        span: &Span,
        summary: &mut Summary,
    ) -> Result<(), LedgerError> {
        let class = Class::Held(what);
        let mut pages = Pages::new(&self.ledger, &class, span.now.plus_seconds(ANY_DUE));
        while let Some(mut entries) = pages.next().await? {
            entries.retain(|entry| !self.is_fresh(entry.due, span.now));
            if summary.signalled + entries.len() > MAX_SIGNALS || !span.has_time(&self.clock) {
                break;
            }
            self.signal_page(&entries, span, summary).await;
        }
        Ok(())
    }

    /// Whether a row was signalled within the last quarter of an hour and waits in the queue; or was
    /// held within it, and is signalled a little later.
    fn is_fresh(&self, due: EventTime, now: EventTime) -> bool {
        let hour = self.policy.hour;
        let ahead = due.seconds_since(now);
        // Another run's clock may be a little ahead.
        hour - hour / 4 < ahead && ahead <= hour + hour / 12
    }
}
