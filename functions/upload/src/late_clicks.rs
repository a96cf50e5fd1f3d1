//! Before an original is first sent its click is looked for anew: one may have come since, a better
//! one, or it was taken back.
//!
//! What is found is written with the claim, or with the wait that follows. From the claim on the
//! identity is fixed: all that is looked at then is whether the click is still there.

use std::ops::Range;

use futures::{StreamExt as _, stream};
use tracklayer_core::ledger::facts::Facts;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::reconcile::attribution::{Credit, Fresh};
use tracklayer_core::reconcile::decide::Policy;
use tracklayer_core::reconcile::erasure::erase;
use tracklayer_core::reconcile::intake::credited_to;
use tracklayer_core::time::EventTime;
use tracklayer_edge::flows::erase_person::{KnownErasures, end_row};
use tracklayer_edge::flows::find_click;
use tracklayer_edge::ports::{Claims as _, Clock as _, Erasures, LedgerError, Ports};

use crate::{batch::Disposition, context::Upload, run::Run};

/// Rows that are looked after at the same time.
const AT_ONCE: usize = 16;

enum Looked {
    Same,
    /// There is still no click, for this reason.
    Missing(WaitReason),
    /// The row is credited to something else now; its key at Microsoft is claimed.
    Found(Box<Facts>),
    /// Consent was taken back: the row has ended.
    Ended(Box<Row>),
}

impl<P: Ports> Run<'_, P>
where
    P::Ledger: Erasures,
{
    /// Looks for the clicks of all rows of `part` that were not sent yet.
    pub async fn look_for_clicks(&mut self, part: Range<usize>) {
        let (upload, now) = (self.upload, self.upload.clock.now());
        let rows: Vec<(usize, Row)> = part
            .filter_map(|index| Some((index, self.works[index].row.as_ref()?)))
            .filter(|(_, row)| is_looked_at(row, now, &upload.policy))
            .map(|(index, row)| (index, row.clone()))
            .collect();
        let known = &KnownErasures::new();
        let look = |(index, row): (usize, Row)| async move {
            (index, upload.look(&row, known, now).await)
        };
        let looked: Vec<_> = stream::iter(rows).map(look).buffer_unordered(AT_ONCE).collect().await;
        for (index, looked) in looked {
            self.keep(index, looked);
        }
    }

    fn keep(&mut self, index: usize, looked: Result<Looked, LedgerError>) {
        let work = &mut self.works[index];
        match looked {
            Ok(Looked::Same) => {}
            Ok(Looked::Missing(reason)) => work.missing = Some(reason),
            Ok(Looked::Found(facts)) => work.found = Some(facts),
            Ok(Looked::Ended(row)) => work.row = Some(*row),
            // Unknown is not "none": the row is not decided on a click that may be there.
            Err(error) => {
                tracing::error!(record = work.key.label(), %error, "click not looked for");
                self.set_aside(index, Disposition::Return);
                let work = &mut self.works[index];
                work.row = work.row.take().filter(|_| work.is_left);
            }
        }
    }
}

impl<P: Ports> Upload<P>
where
    P::Ledger: Erasures,
{
    async fn look(
        &self, row: &Row, known: &KnownErasures, now: EventTime,
    ) -> Result<Looked, LedgerError> {
        let fresh = find_click::review_row(&self.clicks, &self.mapping, row, now).await?;
        let is_fixed = row.observed.may_count();
        match fresh {
            Fresh::Keep => Ok(Looked::Same),
            Fresh::Change(_) if is_fixed => Ok(Looked::Same),
            // What may be at Microsoft is not sent again once consent is taken back.
            Fresh::Gone(_) if is_fixed => self.end(row, known, now).await,
            Fresh::End => self.end(row, known, now).await,
            Fresh::Change(credit) | Fresh::Gone(credit) => self.credit(row, &credit, now).await,
        }
    }

    async fn end(
        &self, row: &Row, known: &KnownErasures, now: EventTime,
    ) -> Result<Looked, LedgerError> {
        tracing::info!(record = row.key.label(), "consent was taken back, not sent");
        let Some(after) = erase(row, now) else { return Ok(Looked::Same) };
        if end_row(&self.ledger, known, row, &after, now).await? {
            Ok(Looked::Ended(Box::new(after)))
        } else {
            Err(LedgerError::Conflict)
        }
    }

    /// The row's facts with `credit`, at a second that is free for its new key.
    async fn credit(
        &self, row: &Row, credit: &Credit, now: EventTime,
    ) -> Result<Looked, LedgerError> {
        let mut facts = credited_to(&row.facts, credit);
        if let (true, Err(reason)) = (facts == row.facts, credit) {
            return Ok(Looked::Missing(*reason));
        }
        let key = |facts: &Facts| (facts.identity.clone(), facts.conversion_time);
        if key(&facts) != key(&row.facts) {
            facts.conversion_time =
                self.ledger.claim_second(&row.account, &facts, &row.key, now, 0).await?;
        }
        Ok(Looked::Found(Box::new(facts)))
    }
}

/// Whether the click of `row` is looked for: its original is not taken, not refused, and nobody is
/// sending it just now.
fn is_looked_at(row: &Row, now: EventTime, policy: &Policy) -> bool {
    let known = &row.observed;
    let over = |at: EventTime| at.plus_seconds(policy.claim_rest()) <= now;
    known.accepted.is_none()
        && known.refusal.is_none()
        && !row.is_erased()
        && known.applying.is_none_or(over)
        // A row does not end as one by which nobody was recognised before it was looked at.
        && (now <= row.limit() || !row.facts.identity.is_matchable())
}

#[cfg(test)]
mod tests {
    use test_support::rows::{POLICY, accepted_row, after, row, sold};
    use tracklayer_core::ledger::observed::{Refusal, RefusalReason};
    use tracklayer_core::person::identity::Identity;
    use tracklayer_core::time::DAY;

    use super::*;

    fn looked_at(row: &Row, seconds: i64) -> bool {
        is_looked_at(row, after(seconds), &POLICY)
    }

    #[test]
    fn the_click_is_looked_for_until_somebody_sends_or_takes_the_original() {
        assert!(looked_at(&row(), 0));
        let mut claimed = row();
        claimed.observed.applying = Some(sold());
        assert!(!looked_at(&claimed, 599), "another run may be sending it");
        assert!(looked_at(&claimed, 600), "its click may be gone");
        assert!(!looked_at(&accepted_row(Vec::new()), 0));
        let mut refused = row();
        refused.observed.refusal =
            Some(Refusal { at: sold(), reason: RefusalReason::AcceptedElsewhere });
        assert!(!looked_at(&refused, 0));
        assert!(!looked_at(&erase(&row(), sold()).expect("erased"), 0));
    }

    #[test]
    fn a_click_that_could_not_be_sent_is_looked_for_only_where_nobody_is_recognised() {
        assert!(looked_at(&row(), 90 * DAY));
        assert!(!looked_at(&row(), 90 * DAY + 1));
        let mut nobody = row();
        nobody.facts.identity = Identity::default();
        assert!(looked_at(&nobody, 90 * DAY + 1), "its last look may have failed for a day");
    }
}
