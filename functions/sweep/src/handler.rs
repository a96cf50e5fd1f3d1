//! One run: report what is overdue, signal what is due, look for originals, count what is open.

use std::collections::BTreeMap;

use tracklayer_core::{ledger::index::IndexClass, mapping::Mapping, time::EventTime};
use tracklayer_edge::ports::{
    Audited, Counts, Erasures, GoalChecks, LedgerError, Metric, Ports, Telemetry, Traces,
};

use crate::context::Sweep;
use crate::counts::{ByAccount, add, none, tally};
use crate::held::all_held;
use crate::span::Span;
use crate::wire::{Answer, Summary};

impl<P: Ports> Sweep<P>
where
    P::Ledger: GoalChecks + Audited + Erasures,
    P::Clicks: Traces,
{
    /// One run; `audit_hours` hours of the policy lie between two audits.
    ///
    /// # Errors
    /// If the ledger is unavailable for any of its parts. Nothing is lost by it: the next run
    /// starts from the ledger.
    pub async fn handle(&self, span: &Span, audit_hours: i64) -> Result<Answer, LedgerError> {
        let summary = self.wake(span).await;
        // What is due comes first; the audit gets the time that is left.
        let released = self.release_held(span).await;
        let audit = self.audit(span, audit_hours).await;
        Ok(Answer { summary: summary?, released: released?, audit: audit? })
    }
}

impl<P: Ports> Sweep<P>
where
    P::Ledger: GoalChecks,
{
    /// Signals what is due, looks for the originals of orphans, and counts what is open.
    ///
    /// # Errors
    /// If the index could not be read. Nothing is lost by it: the next run starts from the ledger.
    pub async fn wake(&self, span: &Span) -> Result<Summary, LedgerError> {
        let mut summary = Summary::default();
        let waiting = tally(&self.ledger, &IndexClass::Wait).await;
        if let Ok(waiting) = &waiting {
            // First of all: that this is missing is an alarm, whatever happens next.
            emit_overdue(waiting, &self.mapping, span.now, &self.telemetry);
        }
        let signalled = self.signal_due(span, &mut summary).await;
        let orphans = self.look_at_orphans(span, &mut summary).await;
        if let (Ok(waiting), true) = (&waiting, span.has_time(&self.clock)) {
            self.count_open(waiting).await;
        }
        log(&summary);
        signalled.and(orphans).and(waiting.map(|_| ())).map(|()| summary)
    }

    /// A count that fails is only missing: it must not end a run that has done its work.
    async fn count_open(&self, waiting: &ByAccount) {
        match self.gauges(waiting).await {
            Ok(gauges) => gauges.emit(&self.telemetry),
            Err(error) => tracing::error!(%error, "open rows not counted"),
        }
    }

    /// What is open. `AboutToExpire` is not among it: it needs to know what Microsoft has, which only a
    /// pass over all rows sees.
    async fn gauges(&self, waiting: &ByAccount) -> Result<Counts, LedgerError> {
        let mut gauges = Counts::default();
        for account in self.mapping.accounts() {
            none(&mut gauges, account.name().as_str());
        }
        add(&mut gauges, "OpenWaiting", waiting);
        let held = all_held(&self.account_items().await?);
        let others = [IndexClass::Look, IndexClass::Orphan].into_iter().chain(held);
        let others = others.map(|class| ("OpenWaiting", class));
        let ended = [("OpenRefused", IndexClass::Refused), ("OpenDead", IndexClass::Dead)];
        for (metric, class) in others.chain(ended) {
            add(&mut gauges, metric, &tally(&self.ledger, &class).await?);
        }
        Ok(gauges)
    }
}

/// A run that found nothing to do is not worth a line.
fn log(summary: &Summary) {
    if *summary == Summary::default() {
        return;
    }
    tracing::info!(
        signalled = summary.signalled,
        moved_by_others = summary.moved_by_others,
        unsent = summary.unsent,
        orphans_moved = summary.orphans_moved,
        orphans_missing = summary.orphans_missing,
        orphans_ended = summary.orphans_ended,
        failed = summary.failed,
        cut_short = summary.cut_short,
        "swept"
    );
}

/// How long the oldest row that is overdue in the class `wait` has been so, of each account; no
/// account is left out. It counts from the moment that the row's wait asked for, which sweep does not
/// move. Looks for clicks are never overdue: most of them find nothing.
fn emit_overdue(
    waiting: &ByAccount, mapping: &Mapping, now: EventTime, telemetry: &impl Telemetry,
) {
    for (account, seconds) in overdue(waiting, mapping, now) {
        #[expect(clippy::cast_precision_loss, reason = "a few days in seconds")]
        let value = seconds as f64;
        let metric = Metric { name: "OldestOverdueSeconds", value, unit: "Seconds" };
        telemetry.emit(&account, &[metric]);
    }
}

fn overdue(waiting: &ByAccount, mapping: &Mapping, now: EventTime) -> BTreeMap<String, i64> {
    let mut seconds: BTreeMap<String, i64> =
        mapping.accounts().map(|account| (account.name().to_string(), 0)).collect();
    for (account, counted) in waiting {
        seconds.insert(account.clone(), now.seconds_since(counted.oldest).max(0));
    }
    seconds
}

#[cfg(test)]
mod tests {
    use tracklayer_edge::ports::Counted;

    use super::*;

    #[test]
    fn an_account_that_nothing_waits_for_is_overdue_by_nothing() {
        let (mapping, now) = (Mapping::sample(), EventTime::from_epoch(1_000));
        let of = |since| {
            let counted = Counted { entries: 3, oldest: EventTime::from_epoch(since) };
            overdue(&ByAccount::from([("main".to_owned(), counted)]), &mapping, now)["main"]
        };
        let nothing = overdue(&ByAccount::new(), &mapping, now);
        assert_eq!(nothing, BTreeMap::from([("main".to_owned(), 0)]));
        assert_eq!((of(400), of(1_000), of(4_000)), (600, 0, 0));
    }
}
