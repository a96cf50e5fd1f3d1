//! Which click a row is sent with: looked up anew before it is sent. And rows whose goal takes no
//! hashes, which go without.

use futures::{StreamExt as _, stream};
use tracklayer_core::{
    ledger::{observed::Observed, row::Row},
    reconcile::{
        attribution::{Credit, Fresh},
        decide::AccountView,
        erasure::erase,
        intake::{bind, unbind, without_hashes},
        note::Context,
    },
    time::EventTime,
};
use tracklayer_edge::{
    flows::find_click,
    ports::{Claims as _, Clock as _, LedgerError, Ports, Rows as _},
};

use crate::{account::Accounts, batch::Work, handler::Upload};

/// Rows that are looked after at the same time.
const AT_ONCE: usize = 16;

impl<P: Ports> Upload<P> {
    /// Looks up anew what the rows are credited to that Microsoft has not taken.
    pub(crate) async fn review_clicks(&self, works: &mut [Work]) {
        let unsent: Vec<(usize, Row)> = works
            .iter()
            .enumerate()
            .filter_map(|(index, work)| Some((index, work.row.clone().filter(is_unsent)?)))
            .collect();
        let look = |(index, row): (usize, Row)| async move { (index, self.review(&row).await) };
        let reviewed: Vec<_> =
            stream::iter(unsent).map(look).buffer_unordered(AT_ONCE).collect().await;
        take_over(works, reviewed);
    }

    /// The row as it is to be sent; `None` if nothing has changed.
    async fn review(&self, row: &Row) -> Result<Option<Row>, LedgerError> {
        let now = self.clock.now();
        let fresh = find_click::review_row(&self.clicks, &self.mapping, row, &[], now).await?;
        // What may be at Microsoft is repeated as it was, or not at all.
        let fixed = row.observed.apply_unknown;
        match fresh {
            Fresh::Keep => Ok(None),
            Fresh::Change(_) if fixed => Ok(None),
            Fresh::Gone(_) if fixed => self.end(row, now).await,
            Fresh::End => self.end(row, now).await,
            Fresh::Change(credit) | Fresh::Gone(credit) => self.credit(row, &credit, now).await,
        }
    }

    /// The row credited to something else: another click, its hashes alone, or nothing yet.
    async fn credit(
        &self,
        row: &Row,
        credit: &Credit,
        now: EventTime,
    ) -> Result<Option<Row>, LedgerError> {
        let Some(facts) = &row.facts else { return Ok(None) };
        if let (Credit::Missing(reason), None) = (credit, &facts.identity.click_id) {
            let mut waiting = row.clone();
            if let Some(open) = &mut waiting.open {
                open.reason = Some(*reason);
            }
            return Ok(Some(waiting));
        }
        let view = AccountView::default();
        let context = Context { account: &view, now, policy: &self.policy };
        let after = match credit {
            Credit::Found { .. } => bind(row, credit, facts.occurred_at),
            Credit::Missing(_) => unbind(row, &context),
        };
        let after = self.with_second(after, facts.occurred_at, now).await?;
        self.changed(row, after).await
    }

    /// The row without its person.
    async fn end(&self, row: &Row, now: EventTime) -> Result<Option<Row>, LedgerError> {
        tracing::info!(record = row.key.label(), "consent was withdrawn, not sent");
        let Some(after) = erase(row, now) else { return Ok(None) };
        self.changed(row, after).await
    }

    /// Takes the hashes from rows that go to goals without enhanced conversions, and have a click.
    /// It is written before they are sent: whoever sends them again must send the same.
    pub(crate) async fn drop_hashes(
        &self,
        works: &mut [Work],
        accounts: &Accounts,
        sent: &[usize],
    ) {
        let bare = |&index: &usize| {
            let row = works[index].row.clone()?;
            let after = without_hashes(&row, &accounts.get(&row.account)?.view)?;
            Some((index, row, after))
        };
        let rows: Vec<(usize, Row, Row)> = sent.iter().filter_map(bare).collect();
        let write = |(index, row, after): (usize, Row, Row)| async move {
            (index, self.changed(&row, after).await)
        };
        let written: Vec<_> =
            stream::iter(rows).map(write).buffer_unordered(AT_ONCE).collect().await;
        take_over(works, written);
    }

    /// The row at a second that is free for its new key.
    async fn with_second(
        &self,
        mut row: Row,
        time: EventTime,
        now: EventTime,
    ) -> Result<Row, LedgerError> {
        if let Some(facts) = &mut row.facts {
            let (account, identity) = (&row.account, &facts.identity);
            facts.conversion_time =
                self.ledger.claim_second(account, identity, time, &row.key, now, 0).await?;
        }
        Ok(row)
    }

    async fn changed(&self, before: &Row, after: Row) -> Result<Option<Row>, LedgerError> {
        if self.ledger.change(before, &after).await? {
            return Ok(Some(after));
        }
        Err(LedgerError::Conflict)
    }
}

/// Keeps what became of rows.
fn take_over(works: &mut [Work], outcomes: Vec<(usize, Result<Option<Row>, LedgerError>)>) {
    for (index, outcome) in outcomes {
        match outcome {
            Ok(None) => {}
            Ok(Some(row)) => works[index].row = Some(row),
            // Unknown is not "none": the row is not decided on a click that may be there.
            Err(error) => {
                tracing::error!(record = works[index].key.label(), %error, "identity not settled");
                works[index].row = None;
            }
        }
    }
}

fn is_unsent(row: &Row) -> bool {
    let Observed { accepted, refusal, .. } = &row.observed;
    accepted.is_none() && refusal.is_none() && !row.is_erased()
}
