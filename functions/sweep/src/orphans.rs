//! Corrections whose original has not come are looked at on their third day, and on their last.
//!
//! Who writes a correction and who writes its original find each other (see
//! [`tracklayer_core::reconcile::orphans`]); here are found those of whom one died before it did.
//! All others are refunds of sales that were denied, or that came before this system was live: they
//! are named in the log, counted, and end on their fourteenth day.

use std::collections::BTreeMap;

use futures::{StreamExt as _, future::try_join_all, stream};
use tracklayer_core::id::AccountName;
use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::orphan::Orphan;
use tracklayer_core::ledger::row::PartitionKey;
use tracklayer_core::reconcile::decide::AccountView;
use tracklayer_core::reconcile::note::Context;
use tracklayer_core::reconcile::orphans::{Look, look};
use tracklayer_edge::flows::originals::siblings;
use tracklayer_edge::ports::{
    Index as _, LedgerError, Metric, Orphans as _, Ports, Telemetry as _,
};

use crate::{context::Sweep, span::Span, wire::Summary};

/// Orphans of each of the index's shards in one run; the rest is due at the next.
const PER_SHARD: i32 = 250;
/// Orphans that are worked on at the same time.
const AT_ONCE: usize = 8;

enum Looked {
    /// Its corrections went to their original; these of them can have no effect.
    Moved(AccountName, Vec<String>),
    /// No original has come; it is looked at once more.
    Missing(Option<AccountName>),
    /// These corrections wait in it for nothing.
    Ended(Option<AccountName>, Vec<String>),
    Gone,
    /// There is no time left; it is still due.
    NoTime,
}

type Counts = BTreeMap<String, BTreeMap<&'static str, usize>>;

impl<P: Ports> Sweep<P> {
    /// Looks for the originals of all orphans that are due.
    ///
    /// # Errors
    /// If the index can't be read.
    pub async fn look_at_orphans(
        &self, span: &Span, summary: &mut Summary,
    ) -> Result<(), LedgerError> {
        let shards = IndexClass::Orphan.shards();
        let due = shards.iter().map(|shard| self.ledger.due_orphans(shard, span.now, PER_SHARD));
        let keys: Vec<PartitionKey> = try_join_all(due).await?.into_iter().flatten().collect();
        let looks = keys.iter().map(|key| async move { (key, self.look_at(key, span).await) });
        let mut done = stream::iter(looks).buffer_unordered(AT_ONCE);
        let mut counts = Counts::new();
        while let Some((key, looked)) = done.next().await {
            summary.count(key, looked, &mut counts);
        }
        for (account, counts) in counts {
            let metrics: Vec<Metric> =
                counts.into_iter().map(|(name, n)| Metric::count(name, n)).collect();
            self.telemetry.emit(&account, &metrics);
        }
        Ok(())
    }

    async fn look_at(&self, key: &PartitionKey, span: &Span) -> Result<Looked, LedgerError> {
        if !span.has_time(&self.clock) {
            return Ok(Looked::NoTime);
        }
        let siblings = siblings(&self.ledger, key, span.now).await?;
        let Some(orphan) = &siblings.partition.orphan else { return Ok(Looked::Gone) };
        let account = AccountView::default();
        let context = Context { account: &account, now: span.now, policy: &self.policy };
        let (written, looked) = match look(orphan, &siblings.entitled(), &context) {
            Look::Nothing => return Ok(Looked::Gone),
            Look::Take(row, moved) => {
                let written = self.ledger.move_corrections(orphan, row, &moved).await?;
                (written, Looked::Moved(row.account.clone(), moved.lost))
            }
            Look::Missing(after) => {
                let written = self.ledger.save_orphan(orphan, &after).await?;
                (written, Looked::Missing(orphan.account.clone()))
            }
            Look::Ended(after) => {
                let written = self.ledger.save_orphan(orphan, &after).await?;
                let lost = orphan.waiting().map(ToString::to_string).collect();
                (written, Looked::Ended(orphan.account.clone(), lost))
            }
        };
        if written {
            log(orphan, &looked);
        }
        Ok(if written { looked } else { Looked::Gone })
    }
}

fn log(orphan: &Orphan, looked: &Looked) {
    let record = orphan.key.label();
    match looked {
        Looked::Missing(_) => {
            let corrections = orphan.waiting().count();
            tracing::warn!(
                record,
                corrections,
                "corrections have waited for an original for three days"
            );
        }
        Looked::Moved(_, lost) => {
            for correction in lost {
                tracing::warn!(record, correction, "a correction can have no effect");
            }
        }
        Looked::Ended(_, lost) => {
            let corrections = lost.join(", ");
            tracing::warn!(record, corrections, "original never came; its corrections are lost");
        }
        Looked::Gone | Looked::NoTime => {}
    }
}

impl Summary {
    fn count(
        &mut self, key: &PartitionKey, looked: Result<Looked, LedgerError>, counts: &mut Counts,
    ) {
        let mut count = |account: Option<AccountName>, name, n| {
            let account = account.map_or_else(|| "none".to_owned(), |account| account.to_string());
            if n > 0 {
                *counts.entry(account).or_default().entry(name).or_default() += n;
            }
        };
        match looked {
            Ok(Looked::Moved(account, lost)) => {
                self.orphans_moved += 1;
                count(Some(account), "CorrectionLost", lost.len());
            }
            Ok(Looked::Missing(account)) => {
                self.orphans_missing += 1;
                count(account, "OriginalMissing", 1);
            }
            Ok(Looked::Ended(account, lost)) => {
                self.orphans_ended += 1;
                count(account.clone(), "CorrectionLost", lost.len());
                // The alarm leaves these out: refunds of sales that were denied are ordinary.
                count(account, "OriginalNeverCame", lost.len());
            }
            Ok(Looked::Gone) => self.moved_by_others += 1,
            Ok(Looked::NoTime) => self.cut_short = true,
            Err(error) => {
                tracing::error!(%error, record = key.label(), "orphan not looked at");
                count(None, "Stuck", error.unreadable());
                self.failed += 1;
            }
        }
    }
}
