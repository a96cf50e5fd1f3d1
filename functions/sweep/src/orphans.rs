//! Corrections whose original has not come are looked at on their third day, and on their last (see
//! [`tracklayer_core::reconcile::orphans`]): those whose writer died before it found the other one
//! are moved, all others are named in the log, counted, and end on their fourteenth day.

use futures::{StreamExt as _, future::try_join_all, stream};
use tracklayer_core::id::AccountName;
use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::row::PartitionKey;
use tracklayer_core::reconcile::decide::AccountView;
use tracklayer_core::reconcile::note::Context;
use tracklayer_core::reconcile::orphans::{Look, look};
use tracklayer_edge::flows::originals::siblings;
use tracklayer_edge::ports::{Counts, Index as _, LedgerError, Orphans as _, Ports};

use crate::{context::Sweep, span::Span, wire::Summary};

/// Orphans of each of the index's shards in one run; the rest is due at the next.
const PER_SHARD: i32 = 250;
/// Orphans that are worked on at the same time.
const AT_ONCE: usize = 8;

enum Looked {
    /// Its corrections went to their original; these of them can have no effect.
    Moved(AccountName, Vec<String>),
    /// No original of so many corrections has come; it is looked at once more.
    Missing(Option<AccountName>, usize),
    /// These corrections wait in it for nothing.
    Ended(Option<AccountName>, Vec<String>),
    Gone,
    /// There is no time left; it is still due.
    NoTime,
}

impl<P: Ports> Sweep<P> {
    /// Looks for the originals of all orphans that are due.
    pub async fn look_at_orphans(
        &self, span: &Span, summary: &mut Summary,
    ) -> Result<(), LedgerError> {
        let shards = IndexClass::Orphan.shards();
        let (until, limit) = (Some(span.now), Some(PER_SHARD));
        let due = shards.iter().map(|shard| self.ledger.open(shard, until, limit, None));
        let due = try_join_all(due).await?.into_iter().flat_map(|page| page.entries);
        let keys: Vec<PartitionKey> = due.map(|entry| entry.partition).collect();
        let looks = keys.iter().map(|key| async move { (key, self.look_at(key, span).await) });
        let mut done = stream::iter(looks).buffer_unordered(AT_ONCE);
        let mut counts = Counts::default();
        while let Some((key, looked)) = done.next().await {
            summary.count(key, looked, &mut counts);
        }
        counts.emit(&self.telemetry);
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
                (written, Looked::Missing(orphan.account.clone(), orphan.waiting().count()))
            }
            Look::Ended(after) => {
                let written = self.ledger.save_orphan(orphan, &after).await?;
                let lost = orphan.waiting().map(ToString::to_string).collect();
                (written, Looked::Ended(orphan.account.clone(), lost))
            }
        };
        Ok(if written { looked } else { Looked::Gone })
    }
}

/// The name under which corrections count that name this account.
fn name_of(account: Option<&AccountName>) -> &str {
    account.map_or("none", AccountName::as_str)
}

impl Summary {
    fn count(
        &mut self, key: &PartitionKey, looked: Result<Looked, LedgerError>, counts: &mut Counts,
    ) {
        let record = key.label();
        match looked {
            Ok(Looked::Moved(account, lost)) => {
                for correction in &lost {
                    tracing::warn!(record, correction, "a correction can have no effect");
                }
                self.orphans_moved += 1;
                if !lost.is_empty() {
                    counts.lost(account.as_str(), lost.len(), 0);
                }
            }
            Ok(Looked::Missing(account, corrections)) => {
                let what = "corrections have waited for an original for three days";
                tracing::warn!(record, corrections, "{what}");
                self.orphans_missing += 1;
                counts.add(name_of(account.as_ref()), "OriginalMissing", 1);
            }
            Ok(Looked::Ended(account, lost)) => {
                let corrections = lost.join(", ");
                tracing::warn!(
                    record,
                    corrections,
                    "original never came; its corrections are lost"
                );
                self.orphans_ended += 1;
                // The alarm leaves these out: refunds of sales that were denied are ordinary.
                counts.lost(name_of(account.as_ref()), lost.len(), lost.len());
            }
            Ok(Looked::Gone) => self.moved_by_others += 1,
            Ok(Looked::NoTime) => self.cut_short = true,
            Err(error) => {
                tracing::error!(%error, record, "orphan not looked at");
                if error.unreadable() > 0 {
                    counts.add("none", "Stuck", error.unreadable());
                }
                self.failed += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use serde_json::{Map, Value};
    use test_support::rows::{id, key};
    use tracklayer_edge::ports::{Metric, Telemetry};

    use super::*;

    #[derive(Default)]
    struct Emitted(RefCell<Vec<(String, &'static str, f64)>>);

    impl Telemetry for Emitted {
        fn line(&self, _: &str, _: Map<String, Value>) {}

        fn emit(&self, account: &str, metrics: &[Metric]) {
            let metrics = metrics.iter().map(|it| (account.to_owned(), it.name, it.value));
            self.0.borrow_mut().extend(metrics);
        }
    }

    #[test]
    fn beside_each_correction_that_is_lost_it_says_how_many_never_met_their_original() {
        let counted = |looked| {
            let (mut counts, emitted) = (Counts::default(), Emitted::default());
            Summary::default().count(&key().partition_key(), Ok(looked), &mut counts);
            counts.emit(&emitted);
            emitted.0.into_inner()
        };
        let lost = || vec!["r1 full refund".to_owned(), "r2 full refund".to_owned()];
        let of = |account: &str, never| {
            let account = || account.to_owned();
            [(account(), "CorrectionLost", 2.0), (account(), "OriginalNeverCame", never)]
        };
        assert_eq!(counted(Looked::Moved(id("main"), lost())), of("main", 0.0));
        assert_eq!(counted(Looked::Moved(id("main"), Vec::new())), []);
        assert_eq!(counted(Looked::Ended(Some(id("main")), lost())), of("main", 2.0));
        assert_eq!(counted(Looked::Ended(None, lost())), of("none", 2.0));
        let missing = [("none".to_owned(), "OriginalMissing", 1.0)];
        assert_eq!(counted(Looked::Missing(None, 2)), missing);
    }
}
