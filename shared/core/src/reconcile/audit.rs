//! The audit: a slow look at every row, for what no message and no index entry drives any more.
//!
//! Lost signals, a queue that was purged, messages that expired while the event source was off: in
//! each of them a row wants something and nothing will ask. The audit makes it due again, and adds
//! up the money by state, so that it can be compared with an order log.

use crate::{
    ledger::{
        index::{IndexClass, Open},
        row::Row,
    },
    reconcile::{
        decide::Action,
        note::{Context, Write},
    },
    time::EventTime,
};

/// What is to be done about a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// It is settled, or something drives it.
    Fine,
    /// It wants something, and nothing drives it.
    Stuck(Box<Write>),
    /// Microsoft takes nothing of it any more. Refused or dead, nobody need see it; held, it is
    /// looked at a last time. Or it waits where nobody looks.
    Ended(Box<Write>),
}

/// Looks at one row. A row younger than a day (24 of the policy's hours) may still have its message
/// on the way.
#[must_use]
pub fn examine(row: &Row, context: &Context<'_>) -> Finding {
    if row.is_erased() {
        return Finding::Fine;
    }
    let resting = row.observed.refusal.is_some() || row.observed.dead_at.is_some();
    if resting {
        return if is_over(row, context.now) && row.open.is_some() {
            Finding::Ended(Box::new(moved(row, None)))
        } else {
            Finding::Fine
        };
    }
    // A held row is not looked at while it is held: its end would never come.
    if is_held(row) && is_over(row, context.now) {
        return Finding::Ended(Box::new(moved(row, Some(due_now(context)))));
    }
    let day = 24 * context.policy.hour;
    let young = row.recorded_at.plus_seconds(day) > context.now;
    if young || row.open.is_some() {
        return Finding::Fine;
    }
    match context.next(row) {
        Action::InSync => Finding::Fine,
        _ => Finding::Stuck(Box::new(moved(row, Some(due_now(context))))),
    }
}

fn due_now(context: &Context<'_>) -> Open {
    IndexClass::Wait.entry(context.now, context.now, None)
}

fn is_held(row: &Row) -> bool {
    row.open.as_ref().is_some_and(|open| matches!(open.class, IndexClass::Held(_)))
}

/// Whether Microsoft takes nothing of the row any more.
fn is_over(row: &Row, now: EventTime) -> bool {
    row.limit() < now
}

/// Only the row's place in the index changes: nothing is learned of it.
fn moved(row: &Row, open: Option<Open>) -> Write {
    Write {
        key: row.key.clone(),
        if_observed: row.observed_revision,
        if_desired: row.desired_revision,
        observed: None,
        facts: None,
        open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::totals::Totals;
    use crate::{
        event::{Event, parse_event},
        ledger::{
            correction::{Change, Correction},
            observed::{Acceptance, Destination, Environment, Refusal, RefusalReason},
            wait::WaitReason,
        },
        mapping::Mapping,
        reconcile::{
            decide::{AccountView, Policy},
            erasure::erase,
            intake::{ClickSearch, append, facts_of, place},
        },
        time::DAY,
    };

    const NOW: i64 = 1_800_000_000;
    const POLICY: Policy =
        Policy { settle_delay: 43_200, run_margin: 900, min_click_age: 0, hour: 3_600 };

    fn time(offset: i64) -> EventTime {
        EventTime::from_epoch(NOW + offset)
    }

    fn row_at(recorded: i64) -> Row {
        let event = format!(
            r#"{{"event":"purchase","eventId":"1","source":"shop","occurredAt":"{}","value":9.5,
                "currency":"EUR","msclkid":"f894f652ea334e739002f7167ab8f8e3"}}"#,
            time(recorded)
        );
        let Ok(Event::Conversion(conversion)) =
            parse_event(&event, &Mapping::shipped(), time(recorded))
        else {
            panic!("a conversion");
        };
        let facts = facts_of(&conversion, &ClickSearch::Missing(WaitReason::NoClick));
        let account = AccountView::default();
        let context = Context { account: &account, now: time(recorded), policy: &POLICY };
        let mut row = place(&conversion, facts, None, &context, 395).0;
        row.open = None;
        row.facts.identity.click_id = conversion.msclkid;
        row
    }

    fn finding(row: &Row) -> Finding {
        let account = AccountView::default();
        examine(row, &Context { account: &account, now: time(0), policy: &POLICY })
    }

    #[test]
    fn a_row_that_nothing_drives_is_stuck_after_a_day() {
        assert_eq!(finding(&row_at(-DAY + 1)), Finding::Fine);
        let Finding::Stuck(write) = finding(&row_at(-DAY - 1)) else { panic!("stuck") };
        let open = write.open.expect("due");
        assert_eq!((open.class, open.due, write.observed), (IndexClass::Wait, time(0), None));
    }

    #[test]
    fn a_row_in_the_index_is_driven_by_it() {
        let mut row = row_at(-2 * DAY);
        row.open = Some(IndexClass::Wait.entry(time(5), time(5), Some(WaitReason::SettleDelay)));
        assert_eq!(finding(&row), Finding::Fine);
    }

    #[test]
    fn a_row_that_is_held_beyond_its_limit_is_looked_at_a_last_time() {
        let held = |age: i64| {
            let mut row = row_at(-age);
            let class = IndexClass::Held("main/Purchase".to_owned());
            row.open = Some(class.entry(time(-5), time(-5), Some(WaitReason::GoalHeld)));
            row
        };
        assert_eq!(finding(&held(90 * DAY)), Finding::Fine);
        let Finding::Ended(write) = finding(&held(90 * DAY + 1)) else { panic!("ended") };
        let open = write.open.expect("due");
        assert_eq!((open.class, open.due), (IndexClass::Wait, time(0)));
    }

    #[test]
    fn a_refused_row_leaves_the_index_when_microsoft_takes_nothing_any_more() {
        let mut row = row_at(-89 * DAY);
        row.observed.refusal = Some(Refusal { at: time(-DAY), reason: RefusalReason::Expired });
        row.open = Some(IndexClass::Refused.entry(time(-DAY), time(-DAY), None));
        assert_eq!(finding(&row), Finding::Fine);
        row.facts.conversion_time = time(-91 * DAY);
        let Finding::Ended(write) = finding(&row) else { panic!("ended") };
        assert_eq!(write.open, None);
    }

    #[test]
    fn totals_count_the_erased() {
        let mut totals = Totals::default();
        let erased = |row: &Row| erase(row, time(0)).expect("erased");
        totals.add(&row_at(-DAY));
        totals.add(&erased(&row_at(-DAY)));
        let by = Destination { environment: Environment::Production, account_id: "1".to_owned() };
        let mut accepted = row_at(-DAY);
        accepted.observed.accepted = Some(Acceptance { at: time(-9), by, tracking_id: None });
        totals.add(&erased(&accepted));
        let account = AccountView::default();
        let context = Context { account: &account, now: time(0), policy: &POLICY };
        let amount = |text: &str| serde_json::from_str(text).expect("an amount");
        let refund = Correction {
            source: accepted.key.source.clone(),
            event_id: accepted.key.event_id.clone(),
            occurred_at: time(-5).into(),
            recorded_at: time(0),
            original_event: None,
            account: None,
            change: Change { amount: Some(amount("\"2\"")), ..Change::default() },
            refused: None,
        };
        totals.add(&append(&erased(&accepted), refund, &context));
        let mut doubtful = row_at(-DAY);
        doubtful.observed.apply_unknown = true;
        totals.add(&erased(&doubtful));
        // With a person, it is not over yet.
        totals.add(&doubtful);
        let told: Vec<_> =
            totals.iter().map(|(key, it)| (key, it.rows, it.net.to_string(), it.erased)).collect();
        let line = |state: &str| format!("main/{state}/Purchase/EUR");
        let (accepted, queued, refused) = (line("accepted"), line("queued"), line("refused"));
        let expected = [
            (&*accepted, 1, "9.5".to_owned(), 1),
            (&*queued, 2, "19.0".to_owned(), 0),
            // One that was never taken, one of which Microsoft counts 2 too much, and a doubt.
            (&*refused, 3, "26.5".to_owned(), 3),
        ];
        assert_eq!(told, expected);
        // As earlier versions wrote them.
        let stored = r#"{"main/queued/Purchase/EUR":{"rows":1,"net":"9.5"}}"#;
        let known: Totals = serde_json::from_str(stored).expect("totals");
        assert_eq!(serde_json::to_string(&known).expect("JSON"), stored);
    }

    #[test]
    fn totals_are_exact_and_survive_being_stored() {
        let mut totals = Totals::default();
        (0..3).for_each(|_| totals.add(&row_at(-DAY)));
        let (key, total) = totals.iter().next().expect("one kind");
        assert_eq!((key, total.rows), ("main/queued/Purchase/EUR", 3));
        assert_eq!(total.net.to_string(), "28.5");
        let stored = serde_json::to_string(&totals).expect("JSON");
        assert_eq!(serde_json::from_str::<Totals>(&stored).expect("totals"), totals);
    }
}
