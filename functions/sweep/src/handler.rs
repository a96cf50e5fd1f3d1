//! One run: signal, look for originals, count, log; then the audit.

use std::collections::BTreeMap;

use tracklayer_core::ledger::index::IndexClass;
use tracklayer_edge::ports::{
    Audited, Erasures, Forgets, GoalChecks, LedgerError, Metric, Ports, Telemetry as _,
};

use crate::{
    context::Sweep,
    counts::{Counts, count},
    held::{plain_ever, plain_now},
    overdue::Overdue,
    span::Span,
    wire::{Answer, Summary},
};

impl<P: Ports> Sweep<P>
where
    P::Ledger: GoalChecks + Audited + Erasures,
    P::Clicks: Forgets,
{
    /// One run; `audit_hours` hours of the policy lie between two audits.
    ///
    /// # Errors
    /// If the ledger is unavailable for any of its parts. Nothing is lost by it: the next run
    /// starts from the ledger.
    pub async fn handle(&self, span: &Span, audit_hours: i64) -> Result<Answer, LedgerError> {
        let summary = self.wake(span).await;
        // What is due comes first; the audit takes the time that is left.
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
    /// If the index could not be read.
    pub async fn wake(&self, span: &Span) -> Result<Summary, LedgerError> {
        let mut summary = Summary::default();
        let mut overdue = Overdue::new(&self.mapping, span.now);
        // Without the accounts' items only what waits for one of them is left out.
        let accounts = self.account_items().await;
        let items = accounts.as_deref().unwrap_or_default();
        let classes: Vec<IndexClass> =
            std::iter::once(IndexClass::Wait).chain(plain_now(items)).collect();
        let signalled =
            self.signal_due(&classes, span, &mut summary, |entry| overdue.add(entry)).await;
        if signalled.is_ok() {
            // First of all: that this is missing is an alarm, whatever happens next.
            overdue.emit(&self.telemetry);
        }
        let orphans = self.look_at_orphans(span, &mut summary).await;
        let stuck = orphans.as_ref().cloned().unwrap_or_default();
        if span.has_time(&self.clock) {
            self.count_open(&stuck, plain_ever(items)).await;
        }
        log(&summary);
        signalled.and(orphans.map(|_| ())).and(accounts.map(|_| ())).map(|()| summary)
    }

    /// A count that fails is only missing: it must not end a run that has done its work.
    async fn count_open(
        &self,
        stuck: &BTreeMap<String, usize>,
        plain: impl Iterator<Item = IndexClass>,
    ) {
        match count(&self.ledger, plain).await {
            Ok(counts) => self.emit(counts, stuck),
            Err(error) => tracing::error!(%error, "open rows not counted"),
        }
    }

    /// `AboutToExpire` is not among them: it needs the conversion's time, which only a pass over
    /// all rows sees.
    fn emit(&self, mut counts: Counts, stuck: &BTreeMap<String, usize>) {
        for account in self.mapping.accounts() {
            counts.entry(account.name().to_string()).or_default();
        }
        for (account, counts) in counts {
            let of =
                |name: &'static str| Metric::count(name, counts.get(name).copied().unwrap_or(0));
            let stuck = Metric::count("Stuck", stuck.get(&account).copied().unwrap_or(0));
            let metrics = [of("Waiting"), of("Refused"), of("Dead"), stuck];
            self.telemetry.emit(&account, &metrics);
        }
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
        orphans_waiting = summary.orphans_waiting,
        orphans_refused = summary.orphans_refused,
        failed = summary.failed,
        cut_short = summary.cut_short,
        "swept"
    );
    if summary.stuck > 0 {
        tracing::warn!(count = summary.stuck, "corrections wait in vain for their original");
    }
}
