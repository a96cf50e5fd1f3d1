//! Corrections whose original has not come: they are looked at after 1 h, 6 h, then daily.
//!
//! The original that comes under the orphan's own key meets it and takes its corrections over.
//! Here the others are found: those that came under another event name than the corrections took
//! for granted.

use std::collections::BTreeMap;

use futures::{StreamExt as _, stream};
use tracklayer_core::{
    ledger::{index::IndexClass, row::Row},
    reconcile::{
        decide::AccountView,
        note::{Context, Note},
    },
};
use tracklayer_edge::ports::{Batches as _, DueEntry, LedgerError, Ports, Rows as _, Written};

use crate::{
    context::Sweep,
    pages::Pages,
    plan::{Plan, plan},
    span::Span,
    wire::Summary,
};

/// Orphans of one run; the rest is due at the next.
pub const MAX_ORPHANS: usize = 2_000;
/// Orphans that are worked on at the same time.
const AT_ONCE: usize = 8;

/// What became of one orphan.
enum Looked {
    Moved,
    Waiting {
        ring: Option<&'static str>,
    },
    Refused,
    Gone,
    /// Somebody wrote at the same time; it is still due.
    Raced,
    /// There is no time left; it is still due.
    NoTime,
}

impl<P: Ports> Sweep<P> {
    /// Looks for the originals of all orphans that are due. Answers how many a person should look
    /// at, by account.
    ///
    /// # Errors
    /// If the index can't be read.
    pub async fn look_at_orphans(
        &self,
        span: &Span,
        summary: &mut Summary,
    ) -> Result<BTreeMap<String, usize>, LedgerError> {
        let mut stuck = BTreeMap::new();
        let mut pages = Pages::new(&self.ledger, &IndexClass::Orphan, span.now);
        let mut left = MAX_ORPHANS;
        while let Some(mut entries) = pages.next().await? {
            summary.cut_short |= entries.len() > left;
            entries.truncate(left);
            left -= entries.len();
            let looks =
                entries.iter().map(|entry| async move { (entry, self.look_at(entry, span).await) });
            let mut done = stream::iter(looks).buffer_unordered(AT_ONCE);
            while let Some((entry, looked)) = done.next().await {
                summary.count(entry, looked, &mut stuck);
            }
            if summary.cut_short {
                break;
            }
        }
        Ok(stuck)
    }

    async fn look_at(&self, entry: &DueEntry, span: &Span) -> Result<Looked, LedgerError> {
        if !span.has_time(&self.clock) {
            return Ok(Looked::NoTime);
        }
        let key = &entry.key;
        let rows = self.ledger.partition(&key.source, &key.event_id, span.now).await?;
        let account = AccountView::default();
        let context = Context { account: &account, now: span.now, policy: &self.policy };
        match plan(key, entry.due, &rows, &context) {
            Plan::Gone => Ok(Looked::Gone),
            // In one transaction: an original of the orphan's own name that arrives in between
            // would take the corrections over as well.
            Plan::Move { orphan, before, after } => {
                match self.ledger.hand_over(&before, &after, &orphan).await? {
                    true => Ok(Looked::Moved),
                    false => Ok(Looked::Raced),
                }
            }
            Plan::Note { orphan, note, ring } => self.note(&orphan, &note, ring, &context).await,
        }
    }

    async fn note(
        &self,
        orphan: &Row,
        note: &Note,
        ring: Option<&'static str>,
        context: &Context<'_>,
    ) -> Result<Looked, LedgerError> {
        let outcomes = self.ledger.write(&[note.write(orphan, context)]).await;
        match (outcomes.into_iter().next(), note) {
            (Some(Written::Done), Note::Refused(_)) => Ok(Looked::Refused),
            (Some(Written::Done), _) => Ok(Looked::Waiting { ring }),
            (Some(Written::Conflict(_)), _) => Ok(Looked::Raced),
            (Some(Written::Failed(reason)), _) => Err(LedgerError::Unavailable(reason)),
            (None, _) => Err(LedgerError::Unavailable("no outcome of the write".to_owned())),
        }
    }
}

impl Summary {
    fn count(
        &mut self,
        entry: &DueEntry,
        looked: Result<Looked, LedgerError>,
        stuck: &mut BTreeMap<String, usize>,
    ) {
        match looked {
            Ok(Looked::Moved) => self.orphans_moved += 1,
            Ok(Looked::Refused) => self.orphans_refused += 1,
            Ok(Looked::Waiting { ring }) => {
                self.orphans_waiting += 1;
                if let Some(why) = ring {
                    tracing::debug!(record = entry.key.label(), why, "orphan is stuck");
                    self.stuck += 1;
                    *stuck.entry(entry.account.clone()).or_default() += 1;
                }
            }
            Ok(Looked::Gone | Looked::Raced) => self.moved_by_others += 1,
            Ok(Looked::NoTime) => self.cut_short = true,
            Err(error) => {
                tracing::error!(%error, record = entry.key.label(), "orphan not looked at");
                self.failed += 1;
            }
        }
    }
}
