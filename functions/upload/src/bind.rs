//! Rows that wait for a click: looked for again each time they are due.

use futures::{StreamExt as _, stream};
use tracklayer_core::{
    intake::{ClickSearch, bind},
    mapping::Account,
    record::Row,
};
use tracklayer_edge::{
    ledger::LedgerError,
    ports::{Claims as _, Clicks as _, Clock as _, Ports, Rows as _},
};

use crate::{batch::Work, handler::Upload};

/// Rows that are looked after at the same time.
const AT_ONCE: usize = 16;

impl<P: Ports> Upload<P> {
    /// Binds waiting rows to clicks that were captured or tied meanwhile.
    pub(crate) async fn bind(&self, works: &mut [Work]) {
        let waiting: Vec<(usize, Row)> = works
            .iter()
            .enumerate()
            .filter_map(|(index, work)| Some((index, work.row.clone().filter(waits_for_click)?)))
            .collect();
        let search = |(index, row): (usize, Row)| async move { (index, self.bind_one(&row).await) };
        let bound: Vec<_> =
            stream::iter(waiting).map(search).buffer_unordered(AT_ONCE).collect().await;
        for (index, outcome) in bound {
            match outcome {
                Ok(None) => {}
                Ok(Some(row)) => works[index].row = Some(row),
                // Unknown is not "none": the row is not decided on a click that may be there.
                Err(error) => {
                    tracing::error!(record = works[index].key.label(), %error, "click not looked up");
                    works[index].row = None;
                }
            }
        }
    }

    /// The row with its click or with a new reason to wait; `None` if nothing has changed.
    async fn bind_one(&self, row: &Row) -> Result<Option<Row>, LedgerError> {
        let Some(facts) = &row.facts else { return Ok(None) };
        let now = self.clock.now();
        let account = self.mapping.account(row.account.as_str());
        let browser = account.is_some_and(Account::browser_order_ties);
        let search =
            self.clicks.search(None, &facts.references, facts.occurred_at, now, browser).await?;
        if let ClickSearch::Missing(reason) = search {
            let mut waiting = row.clone();
            if let Some(open) = &mut waiting.open {
                open.reason = Some(reason);
            }
            return Ok(Some(waiting));
        }
        let mut bound = bind(row, &search, facts.occurred_at);
        let identity = bound.facts.as_ref().map(|facts| facts.identity.clone()).unwrap_or_default();
        let ledger = &self.ledger;
        let second = ledger
            .claim_second(&row.account, &identity, facts.occurred_at, &row.key, now, 0)
            .await?;
        if let Some(facts) = &mut bound.facts {
            facts.conversion_time = second;
        }
        match self.ledger.change(row, &bound).await? {
            true => Ok(Some(bound)),
            false => Err(LedgerError::Unavailable("another writer was faster".to_owned())),
        }
    }
}

fn waits_for_click(row: &Row) -> bool {
    let unsent = row.microsoft.accepted.is_none() && row.microsoft.refusal.is_none();
    row.facts.as_ref().is_some_and(|facts| {
        unsent && !facts.identity.is_matchable() && !facts.references.is_empty()
    })
}
