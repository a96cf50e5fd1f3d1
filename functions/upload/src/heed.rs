//! Consent may be withdrawn while a row waits: that is looked at again before its original is sent.

use std::collections::BTreeSet;

use futures::{StreamExt as _, stream};
use tracklayer_core::{
    id::RecordId,
    ledger::{
        facts::{Click, ClickOrigin, Facts},
        row::Row,
    },
    person::click_id::ClickId,
    reconcile::{
        decide::{AccountView, Policy},
        erasure::{Person, erase, persons},
        intake::{ClickSearch, bind, unbind},
        note::Context,
    },
    time::EventTime,
};
use tracklayer_edge::ports::{Clicks as _, Clock as _, LedgerError, Ports, WithdrawnBy};

use crate::{
    batch::Work,
    bind::{AT_ONCE, take_over},
    handler::Upload,
};

/// Where the click of a row is stored.
struct Bound {
    reference: RecordId,
    click_id: ClickId,
    at: EventTime,
}

impl<P: Ports> Upload<P> {
    /// Looks after rows that are not on their very first way: consent may have been withdrawn
    /// meanwhile. A row that Microsoft has taken is left alone.
    pub(crate) async fn heed_withdrawals(&self, works: &mut [Work]) {
        let now = self.clock.now();
        let heeded: Vec<(usize, Row)> = works
            .iter()
            .enumerate()
            .filter_map(|(index, work)| Some((index, to_heed(work, now, &self.policy)?.clone())))
            .collect();
        let look = |(index, row): (usize, Row)| async move { (index, self.heed(&row, now).await) };
        let looked: Vec<_> =
            stream::iter(heeded).map(look).buffer_unordered(AT_ONCE).collect().await;
        take_over(works, looked);
    }

    /// The row without its click if that has gone, and without its person if consent was withdrawn
    /// for the person; `None` if nothing has changed.
    ///
    /// A click that is gone is no ground to end the row: it may have been a stranger's, who tied
    /// himself to the record. What else there is – another click, the hashes – still counts. Only
    /// where the visitor who withdrew is the customer for sure, the row ends.
    async fn heed(&self, row: &Row, now: EventTime) -> Result<Option<Row>, LedgerError> {
        if self.is_withdrawn_by_key(row).await? {
            return self.end(row, now).await;
        }
        let Some(bound) = bound(row) else {
            return match self.has_left(row, now).await? {
                true => self.end(row, now).await,
                false => Ok(None),
            };
        };
        let Bound { reference, click_id, at } = &bound;
        match self.clicks.is_there(reference, click_id, *at, now).await? {
            true => Ok(None),
            false => self.rebind(row, &bound.reference, now).await,
        }
    }

    /// Whether the visitor of the event's own session has withdrawn its clicks, and there is no other
    /// by which the row could go: it has its hashes, or a click id that the event brought.
    async fn has_left(&self, row: &Row, now: EventTime) -> Result<bool, LedgerError> {
        let session = row.facts.as_ref().and_then(|facts| facts.references.session.clone());
        let Some(session) = session.map(Person::Session) else { return Ok(false) };
        let left = self.is_withdrawn(row, &session, WithdrawnBy::Visitor).await?;
        Ok(left && matches!(self.search(row, now).await?, ClickSearch::Missing(_)))
    }

    /// The row without its person.
    pub(crate) async fn end(&self, row: &Row, now: EventTime) -> Result<Option<Row>, LedgerError> {
        tracing::info!(record = row.key.label(), "consent was withdrawn, not sent");
        let Some(after) = erase(row, now) else { return Ok(None) };
        self.changed(row, after).await
    }

    /// Whether somebody with a key has withdrawn, since the row was recorded, the consent of any
    /// session or record that it knows, or of a session that a key tied to its record. A key speaks
    /// for the customer, whoever's click the row has.
    pub(crate) async fn is_withdrawn_by_key(&self, row: &Row) -> Result<bool, LedgerError> {
        let Some(facts) = &row.facts else { return Ok(false) };
        let mut asked = BTreeSet::new();
        let mut left = persons(facts);
        while let Some(person) = left.pop() {
            if !asked.insert((person.kind(), person.value())) {
                continue;
            }
            if self.is_withdrawn(row, &person, WithdrawnBy::Key).await? {
                return Ok(true);
            }
            if !matches!(person, Person::Session(_)) {
                let tied = self.clicks.tied_by_key(&person, self.clock.now()).await?;
                left.extend(tied.into_iter().map(Person::Session));
            }
        }
        Ok(false)
    }

    async fn is_withdrawn(
        &self,
        row: &Row,
        person: &Person,
        by: WithdrawnBy,
    ) -> Result<bool, LedgerError> {
        let withdrawn_at = self.clicks.withdrawn_at(person, by).await?;
        // Rows of earlier versions don't say when they were recorded: before, it is assumed.
        let since = |at| row.recorded_at.is_none_or(|recorded_at| recorded_at <= at);
        Ok(withdrawn_at.is_some_and(since))
    }

    /// The row, whose click under `reference` has gone, with another click, with its hashes alone,
    /// waiting, or ended. What may be at Microsoft is repeated as it was, or not at all.
    async fn rebind(
        &self,
        row: &Row,
        reference: &RecordId,
        now: EventTime,
    ) -> Result<Option<Row>, LedgerError> {
        let Some(facts) = &row.facts else { return Ok(None) };
        let view = AccountView::default();
        let context = Context { account: &view, now, policy: &self.policy };
        let after = match self.search(row, now).await? {
            ClickSearch::Missing(_) if self.is_own_withdrawal(row, facts, reference).await? => {
                return self.end(row, now).await;
            }
            _ if row.observed.apply_unknown => {
                // The click of a visitor who withdrew is not sent again, whoever that was.
                let visitor = Person::Session(reference.clone());
                return match self.is_withdrawn(row, &visitor, WithdrawnBy::Visitor).await? {
                    true => self.end(row, now).await,
                    false => Ok(None),
                };
            }
            search @ ClickSearch::Found { .. } => bind(row, &search, facts.occurred_at),
            ClickSearch::Missing(_) => unbind(row, &context),
        };
        let after = self.with_second(after, facts.occurred_at, now).await?;
        self.changed(row, after).await
    }

    /// Whether it was the customer who withdrew the click under `reference`: the visitor of the
    /// event's own session, or of one that somebody with a key has tied to the event's record.
    async fn is_own_withdrawal(
        &self,
        row: &Row,
        facts: &Facts,
        reference: &RecordId,
    ) -> Result<bool, LedgerError> {
        let visitor = Person::Session(reference.clone());
        if !self.is_withdrawn(row, &visitor, WithdrawnBy::Visitor).await? {
            return Ok(false);
        }
        match tied_record(facts) {
            None => Ok(facts.click.as_ref().is_some_and(|it| it.from == ClickOrigin::Session)),
            Some(record) => {
                Ok(self.clicks.tied_by_key(&record, self.clock.now()).await?.contains(reference))
            }
        }
    }
}

/// The row of `work`, if a withdrawal may have met it. Only on its very first way it is taken for
/// what the door saw a moment ago: less than a minute (a sixtieth of the policy's hour) old, with a
/// message that was never handed back, and not tried, refused or put off before.
fn to_heed<'a>(work: &'a Work, now: EventTime, policy: &Policy) -> Option<&'a Row> {
    let row = work.row.as_ref()?;
    let known = &row.observed;
    let settled = known.accepted.is_some() || known.refusal.is_some();
    let young = row.recorded_at.is_some_and(|at| at.plus_seconds(policy.hour / 60) > now);
    // Whatever is tried, refused, or taken up again raises the revision.
    let first_way =
        young && work.receives() == 1 && row.observed_revision == 0 && row.open.is_none();
    let person = row.facts.as_ref().is_some_and(|facts| facts.identity.is_matchable());
    (person && !settled && !first_way).then_some(row)
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

/// The event's record whose tie led to its click.
fn tied_record(facts: &Facts) -> Option<Person> {
    let references = facts.references.clone();
    match facts.click.as_ref().map(|Click { from, .. }| from)? {
        ClickOrigin::Lead => references.lead.map(Person::Lead),
        ClickOrigin::Cart => references.cart.map(Person::Cart),
        ClickOrigin::Order => references.order.map(Person::Order),
        ClickOrigin::Event | ClickOrigin::Session => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use tracklayer_core::{
        event::{Event, parse_event},
        ledger::{
            index::IndexClass,
            observed::{Acceptance, Destination, Environment, Observed},
            wait::WaitReason,
        },
        mapping::Mapping,
        reconcile::intake::{facts_of, place},
    };

    use super::*;
    use crate::batch::{Fate, Message};

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
        let context = Context { account: &account, now: recorded, policy: &POLICY };
        place(&conversion, facts_of(&conversion, &search), None, None, &context, 395).0
    }

    /// A message of so many receives for the row.
    pub(crate) fn work(row: Row, receives: u32) -> Work {
        let message = Message { id: "m".to_owned(), receipt_handle: "r".to_owned(), receives };
        let (key, sent_at) = (row.key.clone(), now().plus_seconds(-60));
        Work { key, messages: vec![message], sent_at, row: Some(row), fate: Fate::HandBack }
    }

    fn is_heeded(row: Row, receives: u32) -> bool {
        to_heed(&work(row, receives), now(), &POLICY).is_some()
    }

    fn young() -> Row {
        row(5, ClickOrigin::Session, None)
    }

    #[test]
    fn only_on_its_very_first_way_a_row_is_not_looked_at() {
        let session = |ago| row(ago, ClickOrigin::Session, None);
        assert!(!is_heeded(session(59), 1));
        assert!(is_heeded(session(60), 1));
        let waits = |policy: Policy| to_heed(&work(young(), 1), now(), &policy).is_some();
        assert!(!waits(Policy { hour: 360, ..POLICY }), "a minute is a sixtieth of an hour");
        assert!(waits(Policy { hour: 300, ..POLICY }));
        assert!(is_heeded(Row { recorded_at: None, ..young() }, 1), "of an earlier version");
    }

    #[test]
    fn what_was_tried_refused_handed_back_or_put_off_is_looked_at_however_young() {
        assert!(is_heeded(young(), 2), "handed back");
        // Its refusal was lifted by a redrive, or its only attempt had no answer.
        assert!(is_heeded(Row { observed_revision: 1, ..young() }, 1), "redriven");
        let mut unknown = young();
        unknown.observed = Observed { attempts: 1, apply_unknown: true, ..Observed::default() };
        assert!(is_heeded(Row { observed_revision: 1, ..unknown }, 1), "tried");
        let mut waiting = young();
        let until = now().plus_seconds(60);
        waiting.open =
            Some(IndexClass::Wait.entry(&waiting.key, until, Some(WaitReason::GoalHeld)));
        assert!(is_heeded(waiting, 1), "put off");
    }

    #[test]
    fn what_microsoft_has_taken_and_what_has_no_person_is_left_alone() {
        let mut accepted = row(3_600, ClickOrigin::Session, None);
        let by = Destination { environment: Environment::Production, account_id: "1".to_owned() };
        accepted.observed.accepted = Some(Acceptance { at: now(), by, tracking_id: None });
        assert!(!is_heeded(accepted, 2));
        let ended = erase(&row(3_600, ClickOrigin::Session, None), now()).expect("erased");
        assert!(!is_heeded(ended, 2));
    }

    #[test]
    fn a_tie_is_followed_to_where_the_click_is_and_the_events_own_click_nowhere() {
        let reference = |row: &Row| bound(row).map(|bound| bound.reference.to_string());
        assert_eq!(reference(&row(0, ClickOrigin::Session, None)).as_deref(), Some("s"));
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
    fn the_record_whose_tie_led_to_the_click_is_the_one_that_counts() {
        let record = |from| tied_record(row(0, from, Some("t")).facts.as_ref().expect("facts"));
        let order = Person::parse("order", "o").expect("a person");
        assert_eq!(record(ClickOrigin::Order), Some(order));
        assert_eq!(record(ClickOrigin::Lead), None, "the event names no lead");
        assert_eq!(record(ClickOrigin::Session), None);
    }
}
