//! What is read to find a click: enough for the right answer, and not more than that.

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use proptest::{prelude::*, sample::select};
use tracklayer_core::event::{Event, parse_event};
use tracklayer_core::id::RecordId;
use tracklayer_core::ledger::facts::References;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::mapping::{Account, Mapping};
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::attribution::{
    Credit, Fresh, Reading, Sale, Sighting, Tie, TieKind, TiedBy, credit,
};
use tracklayer_core::reconcile::decide::{AccountView, Policy};
use tracklayer_core::reconcile::intake::{facts_of, place};
use tracklayer_core::reconcile::note::Context as Decision;
use tracklayer_core::time::EventTime;
use tracklayer_edge::flows::find_click::{for_sale, review_row};
use tracklayer_edge::ports::{Clicks, LedgerError};

/// A table of clicks that counts what is read of it.
#[derive(Default)]
struct Table {
    stored: Reading,
    queries: RefCell<Vec<String>>,
}

impl Clicks for Table {
    async fn sightings(
        &self, reference: &RecordId, until: EventTime, limit: usize, _: EventTime,
    ) -> Result<Vec<Sighting>, LedgerError> {
        self.queries.borrow_mut().push(reference.to_string());
        let is_until =
            |it: &&Sighting| it.reference == *reference && it.at_ms < (until.epoch() + 1) * 1_000;
        let mut found: Vec<Sighting> =
            self.stored.sightings.iter().filter(is_until).cloned().collect();
        found.sort_by_key(|it| std::cmp::Reverse(it.at_ms));
        found.truncate(limit);
        Ok(found)
    }

    async fn ties(
        &self, kind: TieKind, id: &RecordId, limit: usize, _: EventTime,
    ) -> Result<Vec<Tie>, LedgerError> {
        self.queries.borrow_mut().push(id.to_string());
        let mut found: Vec<Tie> =
            self.stored.ties.iter().filter(|tie| tie.kind == kind).cloned().collect();
        found.sort_by_key(|tie| (tie.by, tie.reference.clone()));
        found.truncate(limit);
        Ok(found)
    }
}

/// Nothing here ever waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("it waits"),
    }
}

fn id(text: &str) -> RecordId {
    text.parse().expect("an id")
}

fn sold() -> EventTime {
    EventTime::from_epoch(1_800_000_000)
}

fn click(n: u32) -> ClickId {
    ClickId::parse(&format!("{n:032x}")).expect("a click id")
}

fn seen(reference: &str, n: u32, seconds: i64) -> Sighting {
    let at_ms = sold().plus_seconds(seconds).epoch() * 1_000;
    Sighting { reference: id(reference), click_id: click(n), at_ms }
}

fn tie(kind: TieKind, by: TiedBy, reference: &str, seconds: i64) -> Tie {
    Tie { kind, by, reference: id(reference), at: sold().plus_seconds(seconds) }
}

fn records() -> References {
    References {
        session: Some(id("s")),
        lead: Some(id("l")),
        cart: Some(id("c")),
        order: Some(id("o")),
    }
}

/// What an event is credited to, and what was read for that, in order.
fn found(table: &Table, own: Option<&ClickId>, references: &References) -> (Credit, Vec<String>) {
    let mapping = Mapping::sample();
    let ties = mapping.only_account().is_some_and(Account::browser_order_ties);
    let refused = &[];
    let sale = Sale { own, references, time: sold(), refused, browser_order_ties: ties };
    let credit = now(for_sale(table, sale, sold())).expect("read");
    (credit, table.queries.take())
}

fn table(ties: Vec<Tie>, sightings: Vec<Sighting>) -> Table {
    Table { stored: Reading { ties, sightings }, queries: RefCell::default() }
}

fn number(credit: &Credit) -> Option<String> {
    credit.as_ref().ok().map(|(click_id, _)| click_id.as_str().trim_start_matches('0').to_owned())
}

#[test]
fn hints_are_read_from_the_strongest_until_one_has_a_click() {
    let only = |session: &str| References { session: Some(id(session)), ..References::default() };
    let own = click(7);
    let stored = table(
        vec![tie(TieKind::Lead, TiedBy::Browser, "a", 0), tie(TieKind::Cart, TiedBy::Key, "b", 0)],
        vec![seen("s", 1, -9), seen("a", 2, -9), seen("b", 3, -9)],
    );
    assert_eq!(found(&stored, Some(&own), &References::default()).1, Vec::<String>::new());
    assert_eq!(found(&stored, None, &records()).1, ["s"]);
    assert_eq!(found(&stored, Some(&own), &only("s")).1, ["s"]);
    let tied = References { session: Some(id("nobody")), ..records() };
    let (credit, read) = found(&stored, None, &tied);
    assert_eq!(
        (number(&credit).as_deref(), read),
        (Some("3"), vec!["nobody", "l", "c", "b"].into_iter().map(str::to_owned).collect())
    );
}

#[test]
fn whatever_strangers_store_little_is_read_and_keys_are_heard() {
    let kinds = [TieKind::Lead, TieKind::Cart, TieKind::Order];
    let flood = |kind| (0..500).map(move |n| tie(kind, TiedBy::Browser, &format!("f{n}"), n));
    let mut ties: Vec<Tie> = kinds.into_iter().flat_map(flood).collect();
    ties.push(tie(TieKind::Order, TiedBy::Key, "buyer", -900));
    let mut sightings: Vec<Sighting> = (0..500).map(|n| seen("s", n, 601 + i64::from(n))).collect();
    let stored = table(ties.clone(), sightings.clone());
    let (credit, read) = found(&stored, None, &records());
    assert_eq!(number(&credit), None);
    // The session, three records, the buyer, and the 25 newest of lead and cart.
    assert!(read.len() <= 1 + 3 + 1 + 50, "{read:?}");
    sightings.push(seen("buyer", 900, -5));
    let (credit, _) = found(&table(ties, sightings), None, &records());
    assert_eq!(number(&credit).as_deref(), Some("384"));
}

/// A row of the shipped account with this click.
fn row(credit: &Credit) -> Row {
    let event = format!(
        r#"{{"event":"purchase","eventId":"1","source":"shop","occurredAt":"{}","value":1,
            "currency":"EUR","sessionId":"s"}}"#,
        sold()
    );
    let Ok(Event::Conversion(conversion)) = parse_event(&event, &Mapping::sample(), sold()).event
    else {
        panic!("a conversion");
    };
    let policy = Policy { settle_delay: 43_200, run_margin: 900, min_click_age: 0, hour: 3_600 };
    let context = Decision { account: &AccountView::default(), now: sold(), policy: &policy };
    place(&conversion, facts_of(&conversion, credit), None, &context, 395).0
}

#[test]
fn a_click_that_others_have_pushed_out_of_sight_is_not_gone() {
    let session = References { session: Some(id("s")), ..References::default() };
    let mut sightings = vec![seen("s", 1, -500)];
    let (credit, _) = found(&table(Vec::new(), sightings.clone()), None, &session);
    let row = row(&credit);
    let look =
        |stored: &Table| now(review_row(stored, &Mapping::sample(), &row, sold())).expect("read");
    sightings.extend((0..150).map(|n| seen("s", 2, -400 + n)));
    let better = look(&table(Vec::new(), sightings.clone()));
    assert!(matches!(&better, Fresh::Change(credit) if number(credit).as_deref() == Some("2")));
    sightings.remove(0);
    assert!(matches!(look(&table(Vec::new(), sightings)), Fresh::Gone(_)));
    // One that is too late to be credited shows that the session has not left.
    let late = table(Vec::new(), vec![seen("s", 3, 5_000)]);
    let later = sold().plus_seconds(6_000);
    let fresh = now(review_row(&late, &Mapping::sample(), &row, later)).expect("read");
    assert!(matches!(fresh, Fresh::Gone(Err(_))), "{fresh:?}");
    assert_eq!(look(&table(Vec::new(), Vec::new())), Fresh::End);
}

fn stored() -> impl Strategy<Value = Reading> {
    let reference = || select(vec!["s", "a", "b", "c"]);
    let kind = select(vec![TieKind::Lead, TieKind::Cart, TieKind::Order]);
    let key = (kind, select(vec![TiedBy::Key, TiedBy::Browser]), reference());
    let ties = prop::collection::btree_map(key, -50_i64..50, 0..8);
    let seconds = prop_oneof![-40_i64..5, 1_i64..1_500];
    let sightings = prop::collection::vec((reference(), 1_u32..6, seconds), 0..12);
    (ties, sightings).prop_map(|(ties, sightings)| Reading {
        ties: ties.into_iter().map(|((kind, by, to), at)| tie(kind, by, to, at)).collect(),
        sightings: sightings.into_iter().map(|(to, n, at)| seen(to, n, at)).collect(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_answer_is_that_of_the_whole_table(
        stored in stored(),
        own in prop::option::weighted(0.2, (1_u32..7).prop_map(click)),
    ) {
        let references = records();
        let sale = Sale {
            own: own.as_ref(), references: &references, time: sold(), refused: &[],
            browser_order_ties: true,
        };
        let expected = credit(&sale, &stored);
        let table = Table { stored, queries: RefCell::default() };
        prop_assert_eq!(found(&table, own.as_ref(), &references).0, expected);
    }

    #[test]
    fn a_row_that_was_just_credited_is_kept(stored in stored()) {
        let session = References { session: Some(id("s")), ..References::default() };
        let table = Table { stored, queries: RefCell::default() };
        let row = row(&found(&table, None, &session).0);
        let fresh = now(review_row(&table, &Mapping::sample(), &row, sold())).expect("read");
        prop_assert_eq!(fresh, Fresh::Keep);
    }
}
