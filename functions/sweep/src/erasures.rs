//! Erasures, carried out on the rows that the audit reads.
//!
//! One that is not done makes the audit begin with the next run, and is done when a pass that began
//! after it is through. It is applied for some time after that, to rows that are written only then.

use tracklayer_core::{ledger::row::Row, time::EventTime};
use tracklayer_edge::flows::erase_person::{Eraser, update};
use tracklayer_edge::ports::{
    ErasureItem, Erasures, LedgerError, Ports, Telemetry as _, Traces, Unreadable,
};

use crate::{context::Sweep, span::Span};

/// Pages of clicks and ties that one run deletes: signals and rows must not wait for a stranger who
/// has made any number of them.
const PAGES: usize = 400;
/// For how many periods of the audit a done erasure is applied to rows that come.
const KEPT_PERIODS: i64 = 2;

impl<P: Ports> Sweep<P>
where
    P::Ledger: Erasures,
    P::Clicks: Traces,
{
    /// The erasures, after clicks and ties on their lists have been deleted as far as the time allows.
    pub(crate) async fn erasures(&self, span: &Span) -> Result<Vec<ErasureItem>, LedgerError> {
        let left = std::cell::Cell::new(PAGES);
        let has_time = || {
            left.set(left.get().saturating_sub(1));
            left.get() > 0 && span.has_time(&self.clock)
        };
        let (mut erasures, unreadable) = self.ledger.erasures(span.now).await?;
        self.telemetry.stuck(unreadable);
        for item in &mut erasures {
            if item.traces.is_empty() {
                continue;
            }
            if let Err(error) = self.eraser(span.now).delete_traces(item, &has_time).await {
                tracing::error!(%error, "clicks and ties of an erasure are not deleted yet");
                self.telemetry.stuck(1);
            }
        }
        Ok(erasures)
    }

    fn eraser(&self, now: EventTime) -> Eraser<'_, P::Ledger, P::Clicks, P::Telemetry> {
        let Sweep { ledger, clicks, mapping, telemetry, .. } = self;
        Eraser { ledger, clicks, mapping, telemetry, now }
    }

    /// Erases `row` if any of `erasures` means it. Answers whether it has lost its person. One that
    /// can't be erased keeps its erasure pending, and nothing else.
    pub(crate) async fn erase(
        &self, row: &Row, erasures: &[ErasureItem], now: EventTime,
    ) -> Result<Erased, LedgerError> {
        let items: Vec<_> = erasures.iter().filter(|item| item.erasure.means(row)).collect();
        if items.is_empty() {
            return Ok(Erased::NotMeant);
        }
        let Err(error) = self.eraser(now).erase_row(&items, row.clone()).await else {
            return Ok(Erased::Done);
        };
        tracing::error!(%error, record = row.key.label(), "row not erased");
        for item in items {
            self.look_again(item, now).await?;
        }
        Ok(Erased::Failed)
    }

    /// Keeps those erasures pending that may mean a row which can't be read.
    pub(crate) async fn erase_later(
        &self, row: &Unreadable, erasures: &[ErasureItem], now: EventTime,
    ) -> Result<(), LedgerError> {
        for item in erasures.iter().filter(|item| item.erasure.may_mean(&row.texts)) {
            self.look_again(item, now).await?;
        }
        Ok(())
    }

    /// The pass that is under way doesn't suffice. The next one begins in an hour at the earliest:
    /// each reads all rows.
    async fn look_again(&self, item: &ErasureItem, now: EventTime) -> Result<(), LedgerError> {
        let later = |item: &mut ErasureItem| item.begin_anew(now.plus_seconds(self.policy.hour));
        update(&self.ledger, &mut item.clone(), now, later).await
    }

    /// Notes that a pass which began at `began` is through, for the erasures asked for before it;
    /// within one second nobody knows which came first.
    pub(crate) async fn finish_erasures(
        &self, began: EventTime, now: EventTime, period: i64,
    ) -> Result<(), LedgerError> {
        let (erasures, _) = self.ledger.erasures(now).await?;
        for mut item in erasures.into_iter().filter(|item| is_waiting(item, began)) {
            let pass_after = item.pass_after;
            // Not if it began anew meanwhile.
            let done = |item: &mut ErasureItem| {
                if item.pass_after == pass_after {
                    item.done_at = Some(now);
                    item.ttl = Some(now.plus_seconds(KEPT_PERIODS * period));
                }
            };
            update(&self.ledger, &mut item, now, done).await?;
            if item.done_at.is_some() {
                tracing::info!(by = item.erasure.person.kind(), "all rows of an erasure are done");
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Erased {
    NotMeant,
    Done,
    /// It could not be written; its erasure stays pending.
    Failed,
}

/// Whether a pass that begins (or began) at `began` is what the erasure waits for.
pub fn is_waiting(item: &ErasureItem, began: EventTime) -> bool {
    item.done_at.is_none() && item.pass_after < began
}
