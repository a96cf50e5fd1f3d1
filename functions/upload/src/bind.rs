//! Rows that wait for a click: looked for again each time they are due. And rows that waited with
//! one: it is looked at again before they are sent.

use futures::{StreamExt as _, stream};
use tracklayer_core::{
    click::ClickId,
    erasure::erase,
    id::RecordId,
    intake::{ClickSearch, bind},
    mapping::Account,
    record::{ClickOrigin, Row},
    time::EventTime,
};
use tracklayer_edge::{
    ledger::LedgerError,
    ports::{Claims as _, Clicks as _, Clock as _, Ports, Rows as _},
};

use crate::{batch::Work, handler::Upload};

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
    /// Ends rows whose click was deleted while they waited: consent was withdrawn, or the person
    /// erased. A row that may be at Microsoft already is left alone.
    pub(crate) async fn end_withdrawn(&self, works: &mut [Work]) {
        let now = self.clock.now();
        let waited: Vec<(usize, Row, Bound)> = works
            .iter()
            .enumerate()
            .filter_map(|(index, work)| {
                let row = work.row.clone()?;
                let bound = waited_with(&row, now)?;
                Some((index, row, bound))
            })
            .collect();
        let look = |(index, row, bound): (usize, Row, Bound)| async move {
            (index, self.end_if_gone(&row, &bound, now).await)
        };
        let looked: Vec<_> =
            stream::iter(waited).map(look).buffer_unordered(AT_ONCE).collect().await;
        take_over(works, looked);
    }

    /// The row without its person, if its click has gone; `None` if that is still there.
    async fn end_if_gone(
        &self,
        row: &Row,
        bound: &Bound,
        now: EventTime,
    ) -> Result<Option<Row>, LedgerError> {
        if self.clicks.is_there(&bound.reference, &bound.click_id, bound.at, now).await? {
            return Ok(None);
        }
        tracing::info!(record = row.key.label(), "its click was deleted, not sent");
        let Some(after) = erase(row, now) else { return Ok(None) };
        match self.ledger.change(row, &after).await? {
            true => Ok(Some(after)),
            false => Err(LedgerError::Unavailable("another writer was faster".to_owned())),
        }
    }

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
        take_over(works, bound);
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

/// Keeps what became of rows.
fn take_over(works: &mut [Work], outcomes: Vec<(usize, Result<Option<Row>, LedgerError>)>) {
    for (index, outcome) in outcomes {
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

/// The click of a row that waited with it and was never sent. One that came with the event is
/// stored nowhere else.
fn waited_with(row: &Row, now: EventTime) -> Option<Bound> {
    let facts = row.facts.as_ref()?;
    let known = &row.microsoft;
    let sent = known.accepted.is_some() || known.attempts > 0 || known.refusal.is_some();
    let young = row.recorded_at.is_some_and(|at| at.plus_seconds(ON_ITS_WAY) > now);
    if sent || (young && row.open.is_none()) {
        return None;
    }
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

fn waits_for_click(row: &Row) -> bool {
    let unsent = row.microsoft.accepted.is_none() && row.microsoft.refusal.is_none();
    row.facts.as_ref().is_some_and(|facts| {
        unsent && !facts.identity.is_matchable() && !facts.references.is_empty()
    })
}

#[cfg(test)]
mod tests {
    use tracklayer_core::{
        decide::{AccountView, Policy},
        event::{Event, parse_event},
        intake::{facts_of, place},
        mapping::Mapping,
        note::Judge,
        observed::Observed,
        open::{Class, WaitReason},
    };

    use super::*;

    const POLICY: Policy =
        Policy { settle_delay: 43_200, run_margin: 900, min_click_age: 0, hour: 3_600 };

    fn now() -> EventTime {
        EventTime::from_epoch(1_800_000_000)
    }

    /// A row that was recorded so many seconds ago, with a click found in this way.
    fn row(ago: i64, from: ClickOrigin, reference: Option<&str>) -> Row {
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
        waited_with(row, now()).map(|bound| bound.reference.to_string())
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
