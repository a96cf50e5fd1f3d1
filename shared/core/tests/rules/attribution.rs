//! Which click a conversion is credited to.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{prelude::*, sample::select};
use tracklayer_core::id::RecordId;
use tracklayer_core::ledger::facts::{Click, ClickOrigin, References};
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::attribution::{
    Credit, Hint, LATE, Reading, Sale, Sighting, TIES_COUNTED, Tie, TieKind, TiedBy, credit,
    is_settled,
};
use tracklayer_core::reconcile::intake::credited_to;
use tracklayer_core::time::EventTime;

use crate::support::*;

const SESSION: &str = "s";
const KINDS: [TieKind; 3] = [TieKind::Lead, TieKind::Cart, TieKind::Order];

pub fn click(n: i64) -> ClickId {
    ClickId::parse(&format!("{n:032x}")).expect("a click id")
}

/// Click `n` was seen under `reference` so many seconds after the sale.
pub fn seen(reference: &str, n: i64, seconds: i64) -> Sighting {
    let at_ms = after(seconds).epoch() * 1_000 + 500;
    Sighting { reference: id(reference), click_id: click(n), at_ms }
}

pub fn tie(kind: TieKind, by: TiedBy, reference: &str, seconds: i64) -> Tie {
    Tie { kind, by, reference: id(reference), at: after(seconds) }
}

pub fn all_records() -> References {
    References {
        session: Some(id(SESSION)),
        lead: Some(id("l")),
        cart: Some(id("c")),
        order: Some(id("o")),
    }
}

pub fn sale(references: &References) -> Sale<'_> {
    Sale { own: None, references, time: sold(), refused: &[], browser_order_ties: true }
}

pub fn credited(ties: &[Tie], sightings: &[Sighting]) -> Credit {
    let reading = Reading { ties: ties.to_vec(), sightings: sightings.to_vec() };
    credit(&sale(&all_records()), &reading)
}

/// The number of the credited click, and when it was first seen.
fn which(credit: &Credit) -> Option<(i64, Option<i64>)> {
    let (click_id, found) = credit.as_ref().ok()?;
    let number = i64::from_str_radix(click_id.as_str(), 16).expect("a number");
    Some((number, found.clicked_at.map(|at| at.seconds_since(sold()))))
}

fn from(credit: &Credit) -> Option<(ClickOrigin, Option<String>)> {
    let (_, found) = credit.as_ref().ok()?;
    Some((found.from, found.reference.as_ref().map(|reference| reference.to_string())))
}

#[test]
fn a_click_counts_from_when_it_was_first_seen() {
    let bookmark = [seen("s", 1, -1_500), seen("s", 2, -900), seen("s", 1, -300)];
    assert_eq!(which(&credited(&[], &bookmark)), Some((2, Some(-900))));
    // The second visit of a lead in another session is no newer click.
    let ties = ["a", "b"].map(|it| tie(TieKind::Lead, TiedBy::Browser, it, 0));
    let visits = [seen("a", 1, -90), seen("b", 2, -60), seen("b", 1, -30)];
    assert_eq!(which(&credited(&ties, &visits)), Some((2, Some(-60))));
}

#[test]
fn the_same_second_counts_as_before() {
    assert_eq!(which(&credited(&[], &[seen("s", 1, -9), seen("s", 2, 0)])), Some((2, Some(0))));
    assert_eq!(which(&credited(&[], &[seen("s", 1, -9), seen("s", 2, 1)])), Some((1, Some(-9))));
}

#[test]
fn without_a_click_before_it_is_the_earliest_within_ten_minutes_after() {
    let after = |seconds: &[i64]| {
        let seen: Vec<Sighting> =
            seconds.iter().zip(1..).map(|(at, n)| seen("s", n, *at)).collect();
        credited(&[], &seen)
    };
    assert_eq!(which(&after(&[3])), Some((1, Some(3))));
    assert_eq!(which(&after(&[300, 200, 600])), Some((2, Some(200))));
    assert_eq!(which(&after(&[LATE])), Some((1, Some(LATE))));
    assert_eq!(after(&[LATE + 1]), Err(WaitReason::NoClick));
}

#[test]
fn a_weaker_click_before_outranks_a_stronger_one_after() {
    let ties = [tie(TieKind::Order, TiedBy::Browser, "a", 50)];
    let credit = credited(&ties, &[seen("s", 1, 5), seen("a", 2, -DAY)]);
    assert_eq!(which(&credit), Some((2, Some(-DAY))));
    assert_eq!(from(&credit), Some((ClickOrigin::Order, Some("a".to_owned()))));
}

#[test]
fn hints_are_strongest_first() {
    let weakest_first = [
        (TieKind::Order, TiedBy::Browser),
        (TieKind::Cart, TiedBy::Browser),
        (TieKind::Lead, TiedBy::Browser),
        (TieKind::Order, TiedBy::Key),
        (TieKind::Cart, TiedBy::Key),
        (TieKind::Lead, TiedBy::Key),
    ];
    let mut ties = Vec::new();
    let mut sightings = Vec::new();
    for (n, (kind, by)) in (1..).zip(weakest_first) {
        // The stronger, the older.
        sightings.push(seen(&format!("r{n}"), n, -100 - n));
        ties.push(tie(kind, by, &format!("r{n}"), 0));
        assert_eq!(which(&credited(&ties, &sightings)), Some((n, Some(-100 - n))), "{kind:?}");
    }
    sightings.push(seen("s", 9, -5_000));
    let credit = credited(&ties, &sightings);
    assert_eq!((which(&credit), from(&credit).unwrap().1), (Some((9, Some(-5_000))), None));
}

#[test]
fn the_events_own_click_comes_first_with_the_time_it_was_seen() {
    let (records, own) = (all_records(), click(1));
    let sale = Sale { own: Some(&own), ..sale(&records) };
    let ties = vec![tie(TieKind::Cart, TiedBy::Browser, "a", 0)];
    let credited = |sightings: &[Sighting]| {
        credit(&sale, &Reading { ties: ties.clone(), sightings: sightings.to_vec() })
    };
    let unseen = credited(&[seen("s", 2, -9)]);
    assert_eq!(unseen, Ok((own.clone(), Click::BROUGHT)));
    let in_session = credited(&[seen("s", 1, -900), seen("s", 1, -90), seen("s", 2, -9)]);
    assert_eq!(which(&in_session), Some((1, Some(-900))));
    assert_eq!(from(&in_session), Some((ClickOrigin::Event, None)));
    let tied = credited(&[seen("a", 1, -900)]);
    assert_eq!(from(&tied), Some((ClickOrigin::Event, Some("a".to_owned()))));
}

#[test]
fn a_refused_click_is_never_credited_again() {
    let (records, own) = (all_records(), click(0xabc));
    let refused = [ClickId::parse(&own.as_str().to_uppercase()).expect("a click id")];
    let sale = Sale { own: Some(&own), refused: &refused, ..sale(&records) };
    let reading =
        |sightings: &[Sighting]| Reading { ties: Vec::new(), sightings: sightings.to_vec() };
    let another = credit(&sale, &reading(&[seen("s", 0xabc, -9), seen("s", 2, -90)]));
    assert_eq!(which(&another), Some((2, Some(-90))));
    let none = credit(&sale, &reading(&[seen("s", 0xabc, -9)]));
    assert_eq!(none, Err(WaitReason::NoClick));
}

#[test]
fn browsers_tie_orders_only_where_the_account_says_so() {
    let records = all_records();
    let credited = |kind, by| {
        let ties = vec![tie(kind, by, "a", 0)];
        let sale = Sale { browser_order_ties: false, ..sale(&records) };
        which(&credit(&sale, &Reading { ties, sightings: vec![seen("a", 1, -9)] }))
    };
    assert_eq!(credited(TieKind::Order, TiedBy::Browser), None);
    for (kind, by) in [(TieKind::Order, TiedBy::Key), (TieKind::Lead, TiedBy::Browser)] {
        assert_eq!(credited(kind, by), Some((1, Some(-9))));
    }
}

#[test]
fn only_an_order_that_browsers_tied_from_more_than_three_references_is_ambiguous() {
    let sightings: Vec<_> = (0..8).map(|n| seen(&format!("r{n}"), n, n - 50)).collect();
    let tied = |kind, by, count: i64| {
        let ties: Vec<_> = (0..count).map(|n| tie(kind, by, &format!("r{n}"), n)).collect();
        credited(&ties, &sightings)
    };
    assert_eq!(which(&tied(TieKind::Order, TiedBy::Browser, 3)), Some((2, Some(-48))));
    let many = tied(TieKind::Order, TiedBy::Browser, 4);
    assert_eq!(many, Err(WaitReason::AmbiguousClick));
    for (kind, by) in [
        (TieKind::Order, TiedBy::Key),
        (TieKind::Lead, TiedBy::Browser),
        (TieKind::Cart, TiedBy::Browser),
    ] {
        assert_eq!(which(&tied(kind, by, 8)), Some((7, Some(-43))), "{kind:?} {by:?}");
    }
    // A stronger hint makes it clear again.
    let mut ties: Vec<_> =
        (0..4).map(|n| tie(TieKind::Order, TiedBy::Browser, &format!("r{n}"), n)).collect();
    ties.push(tie(TieKind::Order, TiedBy::Key, "r1", 0));
    assert_eq!(which(&credited(&ties, &sightings)), Some((1, Some(-49))));
}

#[test]
fn the_25_newest_ties_count_of_each_kind_and_maker() {
    let counted = i64::try_from(TIES_COUNTED).expect("a number");
    let ties: Vec<_> =
        (0..=counted).map(|n| tie(TieKind::Lead, TiedBy::Key, &format!("r{n}"), n)).collect();
    let of = |n: i64| credited(&ties, &[seen(&format!("r{n}"), 1, -9)]);
    assert_eq!(of(0), Err(WaitReason::NoClick), "the oldest one");
    assert_eq!(which(&of(1)), Some((1, Some(-9))));
    let mut more = ties.clone();
    more.push(tie(TieKind::Lead, TiedBy::Browser, "r0", 0));
    assert_eq!(which(&credited(&more, &[seen("r0", 1, -9)])), Some((1, Some(-9))));
}

/// Ties and sightings in all mixtures: few references and clicks, many coincidences.
pub fn readings() -> impl Strategy<Value = Reading> {
    let reference = || select(vec!["s", "a", "b", "c", "d", "e"]);
    let seconds = || prop_oneof![-40_i64..5, 1_i64..1_500];
    let maker = || select(vec![TiedBy::Key, TiedBy::Browser]);
    // A reference is tied once to each record by either maker, as in the table.
    let key = (select(KINDS.to_vec()), maker(), reference());
    let ties = prop::collection::btree_map(key, -50_i64..50, 0..9);
    let sightings = prop::collection::vec((reference(), 1_i64..7, seconds()), 0..14);
    (ties, sightings).prop_map(|(ties, sightings)| Reading {
        ties: ties.into_iter().map(|((kind, by, to), at)| tie(kind, by, to, at)).collect(),
        sightings: sightings.into_iter().map(|(to, n, at)| seen(to, n, at)).collect(),
    })
}

fn questions() -> impl Strategy<Value = (Option<ClickId>, Vec<ClickId>, bool, [bool; 4])> {
    let refused = prop::collection::vec((1_i64..7).prop_map(click), 0..2);
    (
        prop::option::weighted(0.2, (1_i64..8).prop_map(click)),
        refused,
        any::<bool>(),
        any::<[bool; 4]>(),
    )
}

fn named(given: [bool; 4]) -> References {
    let [session, lead, cart, order] = given;
    let all = all_records();
    References {
        session: all.session.filter(|_| session),
        lead: all.lead.filter(|_| lead),
        cart: all.cart.filter(|_| cart),
        order: all.order.filter(|_| order),
    }
}

/// The rule once more, as one list: every click of every hint, the best first.
fn expected(sale: &Sale<'_>, reading: &Reading) -> Option<(ClickId, Option<EventTime>)> {
    let own = sale.own.filter(|own| !sale.refused.contains(own));
    let mut candidates = Vec::new();
    let mut first: BTreeMap<&str, EventTime> = BTreeMap::new();
    for (rank, hint) in Hint::STRONGEST_FIRST.into_iter().enumerate() {
        let Ok(references) = hint.references(sale, &reading.ties) else { continue };
        let is_late = |it: &Sighting| it.at().seconds_since(sale.time) > LATE;
        let counts = |it: &&Sighting| references.contains(&&it.reference) && !is_late(it);
        let of_hint = || reading.sightings.iter().filter(counts);
        for sighting in of_hint() {
            let at = sighting.at();
            let earliest = first.entry(sighting.click_id.as_str()).or_insert(at);
            *earliest = at.min(*earliest);
        }
        for sighting in of_hint() {
            let at = first[sighting.click_id.as_str()];
            let late = at.seconds_since(sale.time);
            let is_meant = match own {
                Some(own) => *own == sighting.click_id,
                None => !sale.refused.contains(&sighting.click_id),
            };
            if is_meant {
                let is_after = own.is_none() && late > 0;
                candidates.push((is_after, rank, late.abs(), sighting.click_id.clone(), at));
            }
        }
    }
    candidates.sort_by_key(|(is_after, rank, distance, ..)| (*is_after, *rank, *distance));
    let best = candidates.into_iter().next().map(|(.., click_id, at)| (click_id, Some(at)));
    best.or_else(|| own.map(|own| (own.clone(), None)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_credited_click_is_the_best_by_the_rule(
        (own, refused, browser_order_ties, given) in questions(),
        reading in readings(),
    ) {
        let references = named(given);
        let sale = Sale {
            own: own.as_ref(), references: &references, time: sold(), refused: &refused,
            browser_order_ties,
        };
        let credit = credit(&sale, &reading);
        let said = credit.as_ref().ok().map(|(_, click)| click.clicked_at);
        let expected = expected(&sale, &reading);
        prop_assert_eq!(said, expected.as_ref().map(|(_, at)| *at));
        // Of two clicks of one second either may be the latest.
        let same_second = reading.sightings.iter().filter(|it| Some(Some(it.at())) == said);
        let same_second: BTreeSet<_> = same_second.map(|it| it.click_id.as_str()).collect();
        if same_second.len() <= 1 {
            prop_assert_eq!(credit.ok().map(|(id, _)| id), expected.map(|(id, _)| id));
        }
    }

    /// Microsoft knows when the click was made.
    #[test]
    fn no_sale_is_sent_earlier_than_its_click_was_first_seen(
        (own, refused, browser_order_ties, given) in questions(),
        reading in readings(),
        before in readings(),
    ) {
        let references = named(given);
        let sale = Sale {
            own: own.as_ref(), references: &references, time: sold(), refused: &refused,
            browser_order_ties,
        };
        // Whatever it was credited to before.
        let earlier = credited_to(&nobody(), &credit(&sale, &before));
        let facts = credited_to(&earlier, &credit(&sale, &reading));
        let moved = facts.conversion_time.seconds_since(sold());
        prop_assert!((0..=LATE + 1).contains(&moved));
        let clicked_at = facts.click.as_ref().and_then(|click| click.clicked_at);
        prop_assert!(moved == 0 || clicked_at > Some(sold()), "an earlier click moves nothing");
        let Some(at) = clicked_at.filter(|at| *at > sold()) else { return Ok(()) };
        let (id, sent) = (facts.click_id().expect("a click"), facts.conversion_time.epoch());
        let first = reading.sightings.iter().find(|it| it.is_of(id) && it.at() == at);
        prop_assert!(first.expect("seen").at_ms <= sent * 1_000);
        prop_assert_eq!(moved, at.seconds_since(sold()) + 1, "no more than needed");
    }

    #[test]
    fn what_weaker_hints_lead_to_need_not_be_read_once_it_is_settled(
        (own, refused, browser_order_ties, given) in questions(),
        reading in readings(),
        early in select(vec!["s", "a", "b", "none"]),
    ) {
        let references = named(given);
        let sale = Sale {
            own: own.as_ref(), references: &references, time: sold(), refused: &refused,
            browser_order_ties,
        };
        let all = credit(&sale, &reading);
        // The reference of a row's click is read before anything else.
        let early = |it: &&Sighting| it.reference.as_str() == early;
        let mut read = Reading {
            ties: reading.ties.clone(),
            sightings: reading.sightings.iter().filter(early).cloned().collect(),
        };
        for hint in Hint::STRONGEST_FIRST {
            let led: Vec<RecordId> =
                hint.references(&sale, &reading.ties).unwrap_or_default().into_iter().cloned().collect();
            let more = reading.sightings.iter().filter(|it| led.contains(&it.reference));
            read.sightings.extend(more.cloned());
            if is_settled(hint, &sale, &read) {
                break;
            }
        }
        prop_assert_eq!(credit(&sale, &read), all);
    }

    #[test]
    fn neither_a_repeated_sighting_nor_the_order_of_reading_changes_the_credit(
        reading in readings(),
        again in 0_usize..14,
        later in 0_i64..500,
        turn in 0_usize..14,
    ) {
        let references = all_records();
        let sale = sale(&references);
        let expected = credit(&sale, &reading);
        let mut other = reading.clone();
        if let Some(sighting) = reading.sightings.get(again) {
            other.sightings.push(Sighting { at_ms: sighting.at_ms + later * 1_000, ..sighting.clone() });
        }
        let turn = turn.min(other.sightings.len());
        other.sightings.rotate_left(turn);
        other.ties.reverse();
        prop_assert_eq!(credit(&sale, &other), expected);
    }

    #[test]
    fn the_reference_says_where_a_sighting_of_the_click_is_stored(
        (own, refused, browser_order_ties, given) in questions(),
        reading in readings(),
    ) {
        let references = named(given);
        let sale = Sale {
            own: own.as_ref(), references: &references, time: sold(), refused: &refused,
            browser_order_ties,
        };
        let credited = credit(&sale, &reading);
        if let Ok((click_id, Click { clicked_at: Some(_), reference, .. })) = credited {
            let stored = reference.as_ref().or(references.session.as_ref()).expect("a reference");
            prop_assert!(reference.is_none() || reference != references.session);
            let is_it = |it: &Sighting| it.reference == *stored && it.click_id == click_id;
            prop_assert!(reading.sightings.iter().any(is_it));
        }
    }
}
