//! Rows that wait for a click: looked for again each time they are due. And rows whose goal takes no
//! hashes, which go without.

use futures::{StreamExt as _, stream};
use tracklayer_core::{
    ledger::{row::Row, wait::WaitReason},
    mapping::Account,
    reconcile::{
        decide::AccountView,
        intake::{ClickSearch, bind, without_hashes},
    },
    time::EventTime,
};
use tracklayer_edge::ports::{Claims as _, Clicks as _, Clock as _, LedgerError, Ports, Rows as _};

use crate::{account::Accounts, batch::Work, handler::Upload};

/// Rows that are looked after at the same time.
pub(crate) const AT_ONCE: usize = 16;

impl<P: Ports> Upload<P> {
    /// Binds waiting rows to clicks that were captured or tied meanwhile.
    pub(crate) async fn bind(&self, works: &mut [Work], accounts: &Accounts) {
        let waits =
            |row: &Row| accounts.get(&row.account).is_some_and(|a| waits_for_click(row, &a.view));
        let waiting: Vec<(usize, Row)> = works
            .iter()
            .enumerate()
            .filter_map(|(index, work)| Some((index, work.row.clone().filter(&waits)?)))
            .collect();
        let search = |(index, row): (usize, Row)| async move { (index, self.bind_one(&row).await) };
        let bound: Vec<_> =
            stream::iter(waiting).map(search).buffer_unordered(AT_ONCE).collect().await;
        take_over(works, bound);
    }

    /// The row with its click or with a new reason to wait; `None` if nothing has changed.
    async fn bind_one(&self, row: &Row) -> Result<Option<Row>, LedgerError> {
        let Some(facts) = &row.facts else { return Ok(None) };
        let now = self.clock.now();
        let search = self.search(row, now).await?;
        if let ClickSearch::Missing(reason) = search {
            let mut waiting = row.clone();
            if let Some(open) = &mut waiting.open {
                open.reason = Some(reason);
            }
            return Ok(Some(waiting));
        }
        let bound = bind(row, &search, facts.occurred_at);
        // It may be a later click of a visitor whose consent was withdrawn since the row came.
        if self.is_withdrawn_by_key(&bound).await? {
            return self.end(row, now).await;
        }
        let bound = self.with_second(bound, facts.occurred_at, now).await?;
        self.changed(row, bound).await
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

    pub(crate) async fn search(
        &self,
        row: &Row,
        now: EventTime,
    ) -> Result<ClickSearch, LedgerError> {
        let Some(facts) = &row.facts else {
            return Ok(ClickSearch::Missing(WaitReason::OriginalMissing));
        };
        let account = self.mapping.account(row.account.as_str());
        let browser = account.is_some_and(Account::browser_order_ties);
        self.clicks.search(None, &facts.references, facts.occurred_at, now, browser).await
    }

    /// The row at a second that is free for its new key.
    pub(crate) async fn with_second(
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

    pub(crate) async fn changed(
        &self,
        before: &Row,
        after: Row,
    ) -> Result<Option<Row>, LedgerError> {
        match self.ledger.change(before, &after).await? {
            true => Ok(Some(after)),
            false => Err(LedgerError::Conflict),
        }
    }
}

/// Keeps what became of rows.
pub(crate) fn take_over(
    works: &mut [Work],
    outcomes: Vec<(usize, Result<Option<Row>, LedgerError>)>,
) {
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

/// Hashes may have been sent without an answer; then they stay what the row is known by.
fn waits_for_click(row: &Row, account: &AccountView) -> bool {
    let known = &row.observed;
    let unsent = known.accepted.is_none() && known.refusal.is_none() && !known.apply_unknown;
    row.facts
        .as_ref()
        .is_some_and(|facts| unsent && !account.can_match(facts) && !facts.references.is_empty())
}
