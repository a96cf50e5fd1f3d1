//! One key, one conversion: whatever shares a person and a second is told apart by whole seconds.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use test_support::rows;
use tracklayer_core::ledger::facts::Facts;
use tracklayer_core::ledger::row::RowKey;
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::person::identity::{Identity, hash_email};
use tracklayer_core::reconcile::second::{claim_of, seconds};
use tracklayer_core::time::{DAY, EventTime};

/// Claims as the table keeps them: the first owner of each.
#[derive(Default)]
struct Table(BTreeMap<String, RowKey>);

impl Table {
    /// The second that the row gets.
    fn second(&mut self, facts: &Facts, owner: &RowKey) -> EventTime {
        let account = "main".parse().expect("an account");
        let is_free = |second: &EventTime| {
            let claim = claim_of(&account, &facts.identity, *second).expect("somebody");
            self.0.entry(claim).or_insert_with(|| owner.clone()) == owner
        };
        seconds(facts, owner, 0).find(is_free).expect("a second")
    }
}

fn owner(number: usize) -> RowKey {
    let event = if number.is_multiple_of(2) { "purchase" } else { "phone_sale" };
    RowKey {
        source: "shop".parse().expect("a source"),
        event_id: number.to_string().parse().expect("an id"),
        event: event.parse().expect("an event"),
    }
}

/// Two people with a click id, in either case of its letters, and one with only an e-mail address.
fn identity(person: u8) -> Identity {
    let click = |text: &str| Identity {
        click_id: Some(ClickId::parse(text).expect("a click id")),
        ..Identity::default()
    };
    match person % 4 {
        0 => click("f894f652ea334e739002f7167ab8f8e3"),
        1 => click("F894F652EA334E739002F7167AB8F8E3"),
        2 => click("dd4afcccb1c9a4cad9544dd7e5006"),
        _ => Identity { email: hash_email("john@contoso.com").ok(), ..Identity::default() },
    }
}

/// The person's sale at this second, a day after its click.
fn facts(person: u8, at: EventTime) -> Facts {
    let mut facts = Facts { identity: identity(person), occurred_at: at, ..rows::facts() };
    facts.click.as_mut().expect("a click").clicked_at = Some(at.plus_seconds(-DAY));
    facts
}

/// What Microsoft tells conversions apart by.
fn key(person: u8, second: EventTime) -> (u8, EventTime) {
    (if person % 4 == 1 { 0 } else { person % 4 }, second)
}

proptest! {
    #[test]
    fn no_two_conversions_share_a_key(
        sales in prop::collection::vec((0_u8..4, 0_i64..3), 1..120),
        repeated in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let (mut table, now) = (Table::default(), EventTime::from_epoch(1_800_000_000));
        let mut second = |number: usize| {
            let (person, offset) = sales[number];
            table.second(&facts(person, now.plus_seconds(offset)), &owner(number))
        };
        let seconds: Vec<EventTime> = (0..sales.len()).map(&mut second).collect();
        let keys: BTreeSet<_> = sales.iter().zip(&seconds).map(|((person, _), at)| key(*person, *at)).collect();
        prop_assert_eq!(keys.len(), sales.len());
        for ((_, offset), at) in sales.iter().zip(&seconds) {
            prop_assert!((0..=86_400).contains(&at.seconds_since(now.plus_seconds(*offset))));
        }
        for number in repeated.iter().map(|index| index.index(sales.len())) {
            prop_assert_eq!(second(number), seconds[number], "a retry finds its own second");
        }
    }
}

#[test]
fn near_seconds_are_given_away_first_and_a_full_minute_stops_nobody() {
    let (mut table, at) = (Table::default(), EventTime::from_epoch(1_800_000_000));
    let mut second = |number| table.second(&facts(0, at), &owner(number));
    let shifts: Vec<i64> = (0..2_000).map(|number| second(number).seconds_since(at)).collect();
    assert_eq!(shifts[..16], (0..16).collect::<Vec<_>>(), "one after the other");
    assert!(shifts[16..100].iter().all(|shift| (16..=600).contains(shift)), "of ten minutes");
    let far = shifts.iter().filter(|shift| **shift > 600).count();
    assert!(far >= 2_000 - 601, "there are no more seconds than that in ten minutes");
    assert!(shifts.iter().all(|shift| *shift <= 86_400));
    assert_eq!(shifts.iter().collect::<BTreeSet<_>>().len(), shifts.len());
}

#[test]
fn seconds_are_counted_from_a_click_that_is_later_than_its_sale() {
    let (mut table, at) = (Table::default(), EventTime::from_epoch(1_800_000_000));
    let mut sale = facts(0, at);
    sale.click.as_mut().expect("a click").clicked_at = Some(at.plus_seconds(200));
    for (number, shift) in [(0, 201), (1, 202), (0, 201)] {
        assert_eq!(table.second(&sale, &owner(number)), at.plus_seconds(shift));
    }
}

#[test]
fn goals_don_t_matter_and_accounts_do() {
    let at = EventTime::from_epoch(1_800_000_000);
    let claim = |account: &str| claim_of(&account.parse().expect("a name"), &identity(0), at);
    assert_ne!(claim("main"), claim("eu"));
    assert_eq!(claim_of(&"main".parse().expect("a name"), &Identity::default(), at), None);
}
