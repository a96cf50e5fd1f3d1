//! Rows that wait and are due get a signal.
//!
//! First `due` is moved on, on condition that it is what the index said; then the signal is sent. A
//! row that waits is due again in an hour; one whose click is looked for, at the next look, so that a
//! look that finds nothing needs no second write. This order makes mishaps harmless:
//!
//! - two runs at once: only one of them moves `due`, and only that one signals;
//! - a lost signal, or a crash between the two steps: the row is due again. The next look may be weeks
//!   away, so a row whose signal is not sent is made due in an hour;
//! - a queue that is hours behind: a row gets one more signal an hour, and whichever is read first
//!   settles it, since upload decides by the row and never by the signal.
//!
//! The other order could signal the same row in every run while its `due` can't be written.
//! Refused and dead rows are in classes of their own, which are never walked: a signal that is
//! younger than a refusal counts as an operator's redrive.

use futures::{StreamExt as _, future::join_all, stream};
use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::signal::Signal;
use tracklayer_core::reconcile::decide::Policy;
use tracklayer_core::time::EventTime;
use tracklayer_edge::ports::{
    Index as _, LedgerError, OpenEntry, Ports, Signals as _, Telemetry as _,
};

use crate::{context::Sweep, due_entries::DueEntries, span::Span, wire::Summary};

/// Signals of one run; the rest is due at the next.
pub const MAX_SIGNALS: usize = 20_000;
/// Rows that are moved on together and then signalled in one request: as many as SQS takes in one.
const TOGETHER: usize = 10;
/// Such groups at the same time.
const GROUPS: usize = 2;
/// Over how many seconds signals are spread, so that a wave of due rows is none for Microsoft.
const JITTER: i64 = 60;

/// The classes that are walked, in this order: many looks for clicks must not keep refunds waiting.
const WALKED: [IndexClass; 2] = [IndexClass::Wait, IndexClass::Look];

impl<P: Ports> Sweep<P> {
    /// Signals what is due, the oldest of each class first.
    pub async fn signal_due(&self, span: &Span, summary: &mut Summary) -> Result<(), LedgerError> {
        let mut left = MAX_SIGNALS;
        let next = |entry: &OpenEntry| {
            let due = next_due(entry, span.now, &self.policy);
            OpenEntry { due, ..entry.clone() }
        };
        for class in &WALKED {
            let mut pages = DueEntries::new(&self.ledger, class, span.now);
            while let Some(mut entries) = pages.next().await? {
                self.telemetry.stuck(std::mem::take(&mut pages.unreadable));
                summary.cut_short |= entries.len() > left;
                entries.truncate(left);
                left -= entries.len();
                self.signal_page(&entries, next, span, summary).await;
                if summary.cut_short {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Moves these entries to where they are `next`, and signals their rows.
    pub(crate) async fn signal_page(
        &self, entries: &[OpenEntry], next: impl Fn(&OpenEntry) -> OpenEntry + Copy, span: &Span,
        summary: &mut Summary,
    ) {
        let groups = entries.chunks(TOGETHER).map(|group| async move {
            if span.has_time(&self.clock) {
                self.signal_group(group, next, span.now).await
            } else {
                Summary { cut_short: true, ..Summary::default() }
            }
        });
        let mut done = stream::iter(groups).buffer_unordered(GROUPS);
        while let Some(group) = done.next().await {
            summary.signalled += group.signalled;
            summary.moved_by_others += group.moved_by_others;
            summary.unsent += group.unsent;
            summary.failed += group.failed;
            summary.cut_short |= group.cut_short;
        }
    }

    async fn signal_group(
        &self, group: &[OpenEntry], next: impl Fn(&OpenEntry) -> OpenEntry + Copy, now: EventTime,
    ) -> Summary {
        let moves = group.iter().map(|entry| async move {
            let next = next(entry);
            let moved = self.ledger.move_entry(entry, &next).await;
            (next, moved)
        });
        let mut done = Summary::default();
        let (mut moved_on, mut not_signalled) = (Vec::with_capacity(group.len()), Vec::new());
        for (entry, moved) in join_all(moves).await {
            match moved {
                Ok(true) => {
                    moved_on.push(entry);
                    continue;
                }
                Ok(false) => done.moved_by_others += 1,
                Err(error) => {
                    tracing::error!(%error, record = entry.partition.label(), "due not moved on");
                    done.failed += 1;
                }
            }
            not_signalled.push(entry);
        }
        not_signalled.extend(self.send(moved_on, now, &mut done).await);
        for entry in not_signalled {
            self.repeat_soon(&entry, now).await;
        }
        done
    }

    /// Sends a signal for each of these; answers with those that got none.
    async fn send(
        &self, entries: Vec<OpenEntry>, now: EventTime, done: &mut Summary,
    ) -> Vec<OpenEntry> {
        let signal = |entry: &OpenEntry| Some(Signal::of(&entry.row()?, entry.money.as_ref()));
        let signalled = entries.into_iter().filter_map(|entry| Some((signal(&entry)?, entry)));
        let (signals, entries): (Vec<_>, Vec<_>) = signalled.unzip();
        let sent = self.queue.send(&signals, now, jitter(&self.policy)).await;
        let mut unsent = Vec::new();
        for (entry, sent) in entries.into_iter().zip(sent) {
            match sent {
                Ok(()) => done.signalled += 1,
                Err(error) => {
                    tracing::error!(%error, record = entry.partition.label(), "signal not sent");
                    done.unsent += 1;
                    unsent.push(entry);
                }
            }
        }
        unsent
    }

    /// A look for a click that is not signalled by this run is repeated in an hour. If its move has
    /// failed, or met another one, it may have been carried out all the same.
    async fn repeat_soon(&self, next: &OpenEntry, now: EventTime) {
        let soon = now.plus_seconds(self.policy.hour);
        if next.due <= soon {
            return;
        }
        let sooner = OpenEntry { due: soon, ..next.clone() };
        if let Err(error) = self.ledger.move_entry(next, &sooner).await {
            let record = next.partition.label();
            tracing::error!(%error, record, "look for a click is left to the next one");
        }
    }
}

/// When a row that is signalled now is due again. After the last look for its click it is so every
/// hour, until that look is answered.
fn next_due(entry: &OpenEntry, now: EventTime, policy: &Policy) -> EventTime {
    let limit = entry.limit().filter(|_| entry.class == IndexClass::Look);
    let look = limit.and_then(|limit| policy.next_look(entry.since, limit, now));
    look.unwrap_or_else(|| now.plus_seconds(policy.hour))
}

/// None where hours are shortened for a trial: nobody wants to wait a minute there.
fn jitter(policy: &Policy) -> i64 {
    if policy.hour < 3_600 { 0 } else { JITTER }
}

#[cfg(test)]
mod tests {
    use test_support::rows::key;

    use super::*;

    fn policy(hour: i64) -> Policy {
        Policy { settle_delay: 5, run_margin: 45, min_click_age: 0, hour }
    }

    #[test]
    fn a_look_is_followed_by_the_next_one_and_any_other_wait_by_an_hour() {
        const DAY: i64 = 24 * 3_600;
        let recorded = EventTime::from_epoch(1_800_000_000);
        let entry = |class| OpenEntry {
            partition: key().partition_key(),
            event: Some(key().event),
            class,
            account: None,
            goal: None,
            money: None,
            reason: None,
            due: recorded,
            since: recorded,
            conversion_time: Some(recorded.plus_seconds(-DAY)),
        };
        let after = |class, seconds: i64| {
            let now = recorded.plus_seconds(seconds);
            next_due(&entry(class), now, &policy(3_600)).seconds_since(recorded)
        };
        let looks = [3_600, 6 * 3_600, 2 * DAY, 10 * DAY, 40 * DAY, 88 * DAY];
        for pair in looks.windows(2) {
            assert_eq!(after(IndexClass::Look, pair[0]), pair[1]);
            assert_eq!(after(IndexClass::Look, pair[0] + 300), pair[1], "however late a run is");
            assert_eq!(after(IndexClass::Wait, pair[0]), pair[0] + 3_600);
        }
        assert_eq!(after(IndexClass::Look, 88 * DAY), 88 * DAY + 3_600, "until it is answered");
        assert_eq!(after(IndexClass::Look, 95 * DAY), 95 * DAY + 3_600);
    }

    #[test]
    fn trials_are_not_spread() {
        assert_eq!((jitter(&policy(10)), jitter(&policy(3_600))), (0, 60));
    }
}
