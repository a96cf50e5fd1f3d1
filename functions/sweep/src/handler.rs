//! One run: signal, look for originals, count, tell.

use std::collections::BTreeMap;

use tracklayer_core::{
    ledger::index::IndexClass, mapping::Mapping, reconcile::decide::Policy, time::EventTime,
};
use tracklayer_edge::{
    live::Live,
    ports::{DueEntry, GoalChecks, LedgerError, Metric, Ports, Telemetry},
};

use crate::{
    counts::{Counts, count},
    held::{plain_ever, plain_now},
    signals::Span,
    wire::Summary,
};

/// What the function needs.
pub struct Sweep<P: Ports = Live> {
    /// The waits of this deployment.
    pub policy: Policy,
    /// Whose accounts are told about even if nothing of them waits.
    pub mapping: Mapping,
    /// Where rows wait.
    pub ledger: P::Ledger,
    /// Where the clicks of erased persons are.
    pub clicks: P::Clicks,
    /// Where upload takes its work from.
    pub queue: P::Queue,
    /// The clock.
    pub clock: P::Clock,
    /// Where metrics go.
    pub telemetry: P::Telemetry,
}

impl<P: Ports> Sweep<P>
where
    P::Ledger: GoalChecks,
{
    /// One run, which Lambda ends at `deadline_ms` (milliseconds since 1970).
    ///
    /// # Errors
    /// If the index could not be read. Nothing is lost by it: the next run starts from the ledger.
    pub async fn handle(&self, now: EventTime, deadline_ms: u64) -> Result<Summary, LedgerError> {
        let span = Span { now, deadline_ms };
        let mut summary = Summary::default();
        let mut overdue = Overdue::new(&self.mapping, now);
        // Without the accounts' items only what waits for one of them is left out.
        let accounts = self.account_items().await;
        let items = accounts.as_deref().unwrap_or_default();
        let classes: Vec<IndexClass> =
            std::iter::once(IndexClass::Wait).chain(plain_now(items)).collect();
        let signalled =
            self.signal_due(&classes, &span, &mut summary, |entry| overdue.take(entry)).await;
        if signalled.is_ok() {
            // First of all: that this is missing is an alarm, whatever happens next.
            overdue.emit(&self.telemetry);
        }
        let orphans = self.look_at_orphans(&span, &mut summary).await;
        let stuck = orphans.as_ref().cloned().unwrap_or_default();
        if span.has_time(&self.clock) {
            self.count_open(&stuck, plain_ever(items)).await;
        }
        tell(&summary);
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
fn tell(summary: &Summary) {
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

/// How long the oldest due row of each account has been due; no account is left out.
struct Overdue {
    now: EventTime,
    seconds: BTreeMap<String, i64>,
}

impl Overdue {
    fn new(mapping: &Mapping, now: EventTime) -> Self {
        let seconds = mapping.accounts().map(|account| (account.name().to_string(), 0)).collect();
        Overdue { now, seconds }
    }

    fn take(&mut self, entry: &DueEntry) {
        let age = self.now.seconds_since(entry.due);
        let oldest = self.seconds.entry(entry.account.clone()).or_default();
        *oldest = age.max(*oldest);
    }

    fn emit(&self, telemetry: &impl Telemetry) {
        for (account, seconds) in &self.seconds {
            #[expect(clippy::cast_precision_loss, reason = "a few days in seconds")]
            let value = *seconds as f64;
            let metric = Metric { name: "OldestOverdueSeconds", value, unit: "Seconds" };
            telemetry.emit(account, &[metric]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_that_nothing_waits_for_is_overdue_by_nothing() {
        let now = EventTime::from_epoch(1_000);
        let mut overdue = Overdue::new(&Mapping::shipped(), now);
        assert_eq!(overdue.seconds, BTreeMap::from([("main".to_owned(), 0)]));
        let entry = |due| DueEntry {
            key: test_support::rows::key(),
            class: "wait#0".to_owned(),
            account: "main".to_owned(),
            due: EventTime::from_epoch(due),
            money: None,
        };
        [900, 400, 700].iter().for_each(|due| overdue.take(&entry(*due)));
        assert_eq!(overdue.seconds["main"], 600);
    }
}
