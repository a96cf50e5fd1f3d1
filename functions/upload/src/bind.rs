//! Rows that wait for a click: looked for again each time they are due. And rows that waited with
//! one, or with hashes: whether consent was withdrawn is looked at again before they are sent. And
//! rows whose goal takes no hashes, which go without.

use futures::{StreamExt as _, stream};
use tracklayer_core::{
    click::ClickId,
    decide::AccountView,
    erasure::erase,
    id::RecordId,
    intake::{ClickSearch, bind, unbind, without_hashes},
    mapping::Account,
    note::Judge,
    open::WaitReason,
    record::{ClickOrigin, Row},
    time::EventTime,
};
use tracklayer_edge::{
    ledger::LedgerError,
    ports::{Claims as _, Clicks as _, Clock as _, Ports, Rows as _, WithdrawnBy},
};

use crate::{account::Accounts, batch::Work, handler::Upload};

/// Rows that are looked after at the same time.
const AT_ONCE: usize = 16;

/// A row that is younger, in seconds, is on its way: its click is not read again.
const ON_ITS_WAY: i64 = 60;

/// Where the click of a row is stored.
struct Bound {
    reference: RecordId,
    click_id: ClickId,
    at: EventTime,
}

impl<P: Ports> Upload<P> {
    /// Looks after rows that waited: consent may have been withdrawn meanwhile. A row that may be at
    /// Microsoft already is left alone.
    pub(crate) async fn heed_withdrawals(&self, works: &mut [Work]) {
        let now = self.clock.now();
        let waited: Vec<(usize, Row)> = works
            .iter()
            .enumerate()
            .filter_map(|(index, work)| {
                Some((index, work.row.clone().filter(|row| has_waited(row, now))?))
            })
            .collect();
        let look = |(index, row): (usize, Row)| async move { (index, self.heed(&row, now).await) };
        let looked: Vec<_> =
            stream::iter(waited).map(look).buffer_unordered(AT_ONCE).collect().await;
        take_over(works, looked);
    }

    /// The row without its click if that has gone, and without its person if a key has withdrawn the
    /// consent of its session; `None` if nothing has changed.
    ///
    /// A click that is gone is no ground to end the row: it may have been a stranger's, who tied
    /// himself to the record. What else there is – another click, the hashes – still counts. Only
    /// where the event's own session has no click left but those of a visitor who withdrew, the
    /// visitor is taken for the customer.
    async fn heed(&self, row: &Row, now: EventTime) -> Result<Option<Row>, LedgerError> {
        // A key speaks for the customer, whoever's click the row has.
        if self.is_withdrawn(row, WithdrawnBy::Key).await? {
            return self.end(row, now).await;
        }
        let bound = bound(row);
        if let Some(bound) = &bound
            && self.clicks.is_there(&bound.reference, &bound.click_id, bound.at, now).await?
        {
            return Ok(None);
        }
        match bound {
            Some(_) => self.rebind(row, now).await,
            None => Ok(None),
        }
    }

    async fn end(&self, row: &Row, now: EventTime) -> Result<Option<Row>, LedgerError> {
        tracing::info!(record = row.key.label(), "consent was withdrawn, not sent");
        let Some(after) = erase(row, now) else { return Ok(None) };
        self.changed(row, after).await
    }

    /// Whether the consent of the row's session was withdrawn since it was recorded.
    async fn is_withdrawn(&self, row: &Row, by: WithdrawnBy) -> Result<bool, LedgerError> {
        let session = row.facts.as_ref().and_then(|facts| facts.references.session.as_ref());
        let (Some(session), Some(recorded_at)) = (session, row.recorded_at) else {
            return Ok(false);
        };
        let withdrawn_at = self.clicks.withdrawn_at(session, by).await?;
        Ok(withdrawn_at.is_some_and(|at| at >= recorded_at))
    }

    /// The row with another click, with its hashes alone, or waiting.
    async fn rebind(&self, row: &Row, now: EventTime) -> Result<Option<Row>, LedgerError> {
        let Some(facts) = &row.facts else { return Ok(None) };
        let view = AccountView::default();
        let judge = Judge { account: &view, now, policy: &self.policy };
        let by_session = facts.click.as_ref().is_some_and(|c| c.from == ClickOrigin::Session);
        let after = match self.search(row, now).await? {
            search @ ClickSearch::Found { .. } => bind(row, &search, facts.occurred_at),
            ClickSearch::Missing(_)
                if by_session && self.is_withdrawn(row, WithdrawnBy::Visitor).await? =>
            {
                return self.end(row, now).await;
            }
            ClickSearch::Missing(_) => unbind(row, &judge),
        };
        let after = self.with_second(after, facts.occurred_at, now).await?;
        self.changed(row, after).await
    }

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

    async fn search(&self, row: &Row, now: EventTime) -> Result<ClickSearch, LedgerError> {
        let Some(facts) = &row.facts else {
            return Ok(ClickSearch::Missing(WaitReason::OriginalMissing));
        };
        let account = self.mapping.account(row.account.as_str());
        let browser = account.is_some_and(Account::browser_order_ties);
        self.clicks.search(None, &facts.references, facts.occurred_at, now, browser).await
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
        match self.ledger.change(before, &after).await? {
            true => Ok(Some(after)),
            false => Err(LedgerError::Unavailable("another writer was faster".to_owned())),
        }
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

/// Whether the row has waited, and can't be at Microsoft.
fn has_waited(row: &Row, now: EventTime) -> bool {
    let known = &row.microsoft;
    let sent = known.accepted.is_some() || known.apply_unknown || known.refusal.is_some();
    let young = row.recorded_at.is_some_and(|at| at.plus_seconds(ON_ITS_WAY) > now);
    let person = row.facts.as_ref().is_some_and(|facts| facts.identity.is_matchable());
    person && !sent && !(young && row.open.is_none())
}

/// The click of a row. One that came with the event is stored nowhere else.
fn bound(row: &Row) -> Option<Bound> {
    let facts = row.facts.as_ref()?;
    let click = facts.click.as_ref()?;
    let session = || match click.from {
        ClickOrigin::Session => facts.references.session.clone(),
        _ => None,
    };
    Some(Bound {
        reference: click.reference.clone().or_else(session)?,
        click_id: facts.identity.click_id.clone()?,
        at: click.clicked_at?,
    })
}

/// Hashes may have been sent without an answer; then they stay what the row is known by.
fn waits_for_click(row: &Row, account: &AccountView) -> bool {
    let known = &row.microsoft;
    let unsent = known.accepted.is_none() && known.refusal.is_none() && !known.apply_unknown;
    row.facts
        .as_ref()
        .is_some_and(|facts| unsent && !account.can_match(facts) && !facts.references.is_empty())
}

#[cfg(test)]
pub(crate) mod tests {
    use tracklayer_core::{
        decide::Policy,
        event::{Event, parse_event},
        intake::{facts_of, place},
        mapping::Mapping,
        observed::Observed,
        open::Class,
    };

    use super::*;

    pub(crate) const POLICY: Policy =
        Policy { settle_delay: 43_200, run_margin: 900, min_click_age: 0, hour: 3_600 };

    pub(crate) fn now() -> EventTime {
        EventTime::from_epoch(1_800_000_000)
    }

    /// A row that was recorded so many seconds ago, with a click found in this way.
    pub(crate) fn row(ago: i64, from: ClickOrigin, reference: Option<&str>) -> Row {
        let recorded = now().plus_seconds(-ago);
        let event = format!(
            r#"{{"event":"purchase","eventId":"1","source":"shop","occurredAt":"{recorded}",
                "value":1,"currency":"EUR","sessionId":"s","orderId":"o"}}"#
        );
        let Ok(Event::Conversion(conversion)) = parse_event(&event, &Mapping::shipped(), recorded)
        else {
            panic!("a conversion");
        };
        let search = ClickSearch::Found {
            click_id: ClickId::parse("f894f652ea334e739002f7167ab8f8e3").expect("a click id"),
            clicked_at: Some(recorded.plus_seconds(-9)),
            from,
            reference: reference.map(|text| text.parse().expect("a reference")),
        };
        let account = AccountView::default();
        let judge = Judge { account: &account, now: recorded, policy: &POLICY };
        place(&conversion, facts_of(&conversion, &search), None, None, &judge, 395).0
    }

    fn reference(row: &Row) -> Option<String> {
        let row = Some(row).filter(|row| has_waited(row, now()))?;
        bound(row).map(|bound| bound.reference.to_string())
    }

    #[test]
    fn only_a_row_that_waited_reads_its_click_again() {
        let session = |ago| row(ago, ClickOrigin::Session, None);
        assert_eq!(reference(&session(59)), None);
        assert_eq!(reference(&session(60)).as_deref(), Some("s"));
        let mut waiting = session(5);
        let until = now().plus_seconds(60);
        waiting.open = Some(Class::Wait.entry(&waiting.key, until, Some(WaitReason::GoalHeld)));
        assert_eq!(reference(&waiting).as_deref(), Some("s"));
    }

    #[test]
    fn a_tie_is_followed_to_where_the_click_is_and_the_events_own_click_nowhere() {
        let tied = row(3_600, ClickOrigin::Order, Some("cookie"));
        assert_eq!(reference(&tied).as_deref(), Some("cookie"));
        // Earlier versions did not note where a tie led to.
        assert_eq!(reference(&row(3_600, ClickOrigin::Order, None)), None);
        let mut own = row(3_600, ClickOrigin::Event, None);
        if let Some(click) = own.facts.as_mut().and_then(|facts| facts.click.as_mut()) {
            click.clicked_at = None;
        }
        assert_eq!(reference(&own), None);
    }

    #[test]
    fn a_row_that_may_be_at_microsoft_is_left_alone() {
        let mut row = row(3_600, ClickOrigin::Session, None);
        row.microsoft = Observed { attempts: 1, apply_unknown: true, ..Observed::default() };
        assert_eq!(reference(&row), None);
    }
}
