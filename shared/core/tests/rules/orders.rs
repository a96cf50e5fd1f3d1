//! One order, one conversion: whose turn it is, and what another notice of an order is.

use proptest::prelude::*;
use serde_json::{Value, json};
use tracklayer_core::event::{Conversion, Event, parse_event};
use tracklayer_core::ledger::correction::{Change, Correction};
use tracklayer_core::ledger::facts::Facts;
use tracklayer_core::ledger::observed::{Acceptance, Adjusted, Refusal, RefusalReason};
use tracklayer_core::ledger::order::{OrderClaim, OrderKey, OrderOwner};
use tracklayer_core::ledger::orphan::Orphan;
use tracklayer_core::ledger::row::{PartitionKey, Row, RowKey};
use tracklayer_core::mapping::Mapping;
use tracklayer_core::reconcile::erasure::erase;
use tracklayer_core::reconcile::orders::{
    APART, Claimed, WRITTEN_WITHIN, claimed, counts_as_well, is_repetition, is_same_notice,
};
use tracklayer_core::reconcile::orphans::{Aim, Original, add, aim, take};
use tracklayer_core::time::EventTime;

use crate::support::*;

fn order(number: &str) -> OrderKey {
    OrderKey::new(&id("main"), "purchase", None, number).expect("a number")
}

/// The purchase `4711` of the shop, which speaks for the order `4711`.
fn counted() -> Row {
    row_of(Facts { order: Some(order("4711")), ..facts() })
}

fn owner(event_id: &str) -> OrderOwner {
    OrderOwner::Row(key_of(event_id, "purchase"))
}

fn claim(owner: OrderOwner) -> OrderClaim {
    OrderClaim { owner, claimed_at: sold() }
}

/// What the claim of the shop's `4711` means to a later notice.
fn met(rows: &[Row], seconds: i64) -> Claimed<'_> {
    claimed(&order("4711"), &claim(owner("4711")), &owner("delivery-2"), rows, after(seconds))
}

/// Another notice of the order, from the CRM, with other members.
fn notice(changes: &Value) -> Conversion {
    let mut event = json!({ "event": "purchase", "eventId": "DEAL-88", "source": "crm",
        "occurredAt": sold().to_string(), "value": 129.95, "currency": "USD", "orderId": "4711" });
    for (name, value) in changes.as_object().expect("members") {
        event[name] = value.clone();
    }
    let now = sold().plus_seconds(60 * DAY);
    match parse_event(&event.to_string(), &Mapping::sample(), now).event.expect("an event") {
        Event::Conversion(conversion) => conversion,
        other => panic!("{other:?}"),
    }
}

fn at(seconds: i64) -> Value {
    json!({ "occurredAt": after(seconds).to_string() })
}

#[test]
fn the_row_of_the_owner_counts_also_once_it_is_erased() {
    let row = counted();
    assert_eq!(met(std::slice::from_ref(&row), 0), Claimed::Counted(&row));
    let erased = erase(&row, after(DAY)).expect("erased");
    assert_eq!(erased.facts.order, None, "the order is gone from the row");
    assert_eq!(met(std::slice::from_ref(&erased), 2 * DAY), Claimed::Counted(&erased));
}

/// An order gets another key when the mapping is changed: what was told once is not a sale then.
#[test]
fn what_was_another_notice_stays_one_unless_it_names_another_order_or_sale() {
    let mut row = counted();
    row.facts.references.order = Some(id("4711"));
    let own = |changes: Value| {
        let mut all = json!({"source": "shop", "eventId": "delivery-2"});
        all.as_object_mut().expect("members").extend(changes.as_object().expect("members").clone());
        all
    };
    let stays = |row: &Row, changes: Value| is_same_notice(row, &notice(&changes));
    assert!(stays(&row, json!({"orderId": null, "sessionId": "s"})));
    assert!(stays(&row, json!({})), "the same order");
    assert!(stays(&row, json!({"value": 1})), "judged as a conflict");
    row.facts.order = Some(order("another key for 4711"));
    assert!(stays(&row, own(json!({}))));
    assert!(!stays(&row, json!({})), "two shops may have had the same numbers");
    assert!(!stays(&row, own(json!({"orderId": "4712"}))));
    assert!(!stays(&row, own(json!({"value": 1}))));
}

/// The number came with a repetition of the event, and the run died before it was written.
#[test]
fn the_row_of_the_owner_counts_also_without_its_order() {
    let row = row();
    assert_eq!(row.facts.order, None);
    assert_eq!(met(std::slice::from_ref(&row), DAY), Claimed::Counted(&row));
}

#[test]
fn a_claim_without_a_row_of_this_order_is_taken_over_after_a_minute() {
    let sibling = Row { key: key_of("4711", "phone_sale"), ..counted() };
    let elsewhere = row_of(Facts { order: Some(order("4712")), ..facts() });
    for rows in [vec![], vec![sibling], vec![elsewhere]] {
        assert_eq!(met(&rows, 0), Claimed::InProgress);
        assert_eq!(met(&rows, WRITTEN_WITHIN), Claimed::InProgress);
        assert_eq!(met(&rows, WRITTEN_WITHIN + 1), Claimed::Abandoned);
    }
}

#[test]
fn an_event_finds_its_own_claim_again_and_a_denial_is_for_everybody() {
    let (own, order) = (owner("4711"), order("4711"));
    for seconds in [0, DAY] {
        let now = after(seconds);
        let mine = claimed(&order, &claim(own.clone()), &own, &[], now);
        assert_eq!(mine, Claimed::Abandoned, "renewed: no other run may take it over meanwhile");
        for asks in [own.clone(), OrderOwner::Denied] {
            let denied = claimed(&order, &claim(OrderOwner::Denied), &asks, &[], now);
            assert_eq!(denied, Claimed::Denied);
        }
    }
}

#[test]
fn a_notice_repeats_the_order_only_with_its_value_and_about_its_time() {
    let row = counted();
    for same in [
        json!({}),
        json!({ "value": 129.950 }),
        json!({ "event": "phone_sale" }),
        json!({ "email": "john@contoso.com", "sessionId": "another" }),
        at(APART),
        at(-APART),
    ] {
        assert!(is_repetition(&row, &notice(&same)), "{same}");
    }
    for other in
        [json!({ "value": 129.94 }), json!({ "currency": "EUR" }), at(APART + 1), at(-APART - 1)]
    {
        assert!(!is_repetition(&row, &notice(&other)), "{other}");
    }
    let elsewhere = Row { account: id("eu"), ..row };
    assert!(!is_repetition(&elsewhere, &notice(&json!({}))));
}

#[test]
fn an_order_that_was_taken_back_is_placed_anew() {
    let placed_again = notice(&at(2 * DAY));
    let with = |corrections: Vec<Correction>| Row { corrections, ..counted() };
    for row in [with(vec![full("r", 60)]), with(vec![refund("r", 60, "129.95")])] {
        assert!(!is_repetition(&row, &placed_again));
    }
    for row in
        [with(vec![refund("r", 60, "30")]), with(vec![full("r", 60), restatement("s", 61, "1")])]
    {
        assert!(is_repetition(&row, &placed_again), "something of it counts");
    }
    let mut retracted = with(vec![full("r", 60), restatement("s", 61, "1")]);
    retracted.observed.adjusted =
        Some(Adjusted { at: after(DAY), value: None, corrections: 1, tracking_id: None });
    assert!(!is_repetition(&retracted, &placed_again), "Microsoft takes nothing after a Retract");
}

/// A sale was stored without its order's number; by the time this comes another row counts for it.
#[test]
fn a_row_whose_number_came_too_late_counts_as_well_until_it_has_ended_or_is_taken_back() {
    let refused = Refusal { at: after(60), reason: RefusalReason::Unmatched };
    let mut taken = row();
    taken.observed.accepted =
        Some(Acceptance { at: after(60), by: production(), tracking_id: None });
    assert!(counts_as_well(&row()), "it may still be sent");
    assert!(counts_as_well(&taken));
    for (before, counts) in [(row(), false), (taken, true)] {
        let mut ended = before.clone();
        ended.observed.refusal = Some(refused.clone());
        assert_eq!(counts_as_well(&ended), counts, "what Microsoft took stays");
        let mut taken_back = before;
        taken_back.corrections.push(correction("r", 60, Change::default()));
        assert!(!counts_as_well(&taken_back));
    }
}

#[test]
fn a_free_order_that_stays_free_is_repeated() {
    let free = row_of(Facts { money: Some(usd("0")), ..facts() });
    assert!(is_repetition(&free, &notice(&json!({ "value": 0 }))));
    let lead = row_of(without_value());
    assert!(!is_repetition(&lead, &notice(&json!({ "value": 0 }))), "no value is not 0");
}

/// A refund that names its original's event, or none.
fn naming(event_id: &str, event: Option<&str>) -> Correction {
    Correction { original_event: event.map(id), ..correction(event_id, 60, Change::default()) }
}

#[test]
fn notices_of_one_order_are_one_original_by_the_events_they_came_as() {
    let (row, purchase, phone) = (counted(), id("purchase"), id("phone_sale"));
    let notices = [Original { event: &purchase, row: &row }, Original { event: &phone, row: &row }];
    for named in [None, Some("purchase"), Some("phone_sale")] {
        assert_eq!(aim(&naming("r", named), &notices), Aim::Row(&row), "{named:?}");
    }
    assert_eq!(aim(&naming("r", Some("subscription_start")), &notices), Aim::Orphan);
    let other = Row { key: key_of("5", "subscription_start"), ..counted() };
    let several = [notices[0], Original::own(&other)];
    assert_eq!(aim(&naming("r", None), &several), Aim::Ambiguous);
    assert_eq!(aim(&naming("r", Some("purchase")), &several), Aim::Row(&row));
}

#[test]
fn the_order_s_row_takes_what_waited_under_the_notice_s_id() {
    let (bench, row, phone) = (Bench::new(), counted(), id("phone_sale"));
    let context = bench.context(after(DAY));
    let key = PartitionKey { source: id("crm"), event_id: id("DEAL-88") };
    let mut orphan: Option<Orphan> = None;
    for (event_id, event) in [("r1", None), ("r2", Some("phone_sale")), ("r3", Some("purchase"))] {
        let added = add(&key, orphan.as_ref(), naming(event_id, event), None, &context);
        orphan = Some(added.expect("room"));
    }
    let orphan = orphan.expect("an orphan");
    let moved = take(Original { event: &phone, row: &row }, &orphan, &context).expect("something");
    let ids = |all: &[Correction]| all.iter().map(|it| it.event_id.to_string()).collect::<Vec<_>>();
    assert_eq!(ids(&moved.row.corrections), ["r1", "r2"]);
    assert_eq!(ids(&moved.orphan.corrections), ["r3"], "it names what the notice was not");
}

/// What several runs of enqueue do with one order, step by step; some die on the way.
#[derive(Clone, Debug)]
struct Run {
    own: OrderOwner,
    began: EventTime,
    at: At,
}

#[derive(Clone, Debug)]
enum At {
    Claims,
    /// Has read this claim.
    Reads(OrderClaim),
    TakesOver(OrderClaim),
    Writes,
    Over,
}

/// The items of one order.
#[derive(Default)]
struct Table {
    claim: Option<OrderClaim>,
    rows: Vec<Row>,
}

impl Table {
    fn put(&mut self, run: &Run) {
        self.claim = Some(OrderClaim { owner: run.own.clone(), claimed_at: run.began });
    }

    fn insert(&mut self, key: &RowKey) {
        if self.rows.iter().all(|row| row.key != *key) {
            self.rows.push(Row { key: key.clone(), ..counted() });
        }
    }
}

impl Run {
    fn step(&mut self, table: &mut Table) {
        self.at = match std::mem::replace(&mut self.at, At::Over) {
            At::Claims => match table.claim.clone() {
                Some(known) => At::Reads(known),
                None => {
                    table.put(self);
                    At::Writes
                }
            },
            At::Reads(known) => {
                match claimed(&order("4711"), &known, &self.own, &table.rows, self.began) {
                    Claimed::Abandoned => At::TakesOver(known),
                    Claimed::InProgress | Claimed::Counted(_) | Claimed::Denied => At::Over,
                }
            }
            At::TakesOver(known) if table.claim.as_ref() == Some(&known) => {
                table.put(self);
                At::Writes
            }
            At::TakesOver(_) => At::Claims,
            At::Writes => {
                if let OrderOwner::Row(key) = &self.own {
                    table.insert(key);
                }
                At::Over
            }
            At::Over => At::Over,
        };
    }
}

/// No run lasts longer: Lambda ends it.
const LASTS: i64 = 30;

proptest! {
    /// Events of one order come at any time, again and again; their runs overlap and die anywhere.
    #[test]
    fn an_order_has_one_row_whoever_dies_when(
        begins in prop::collection::vec((0_usize..3, 0_i64..200), 1..8),
        steps in prop::collection::vec((any::<prop::sample::Index>(), 0_i64..12), 0..120),
    ) {
        let (mut table, mut now) = (Table::default(), 0);
        let mut waiting = begins.clone();
        let mut runs: Vec<Run> = Vec::new();
        let owners = [owner("4711"), owner("delivery-2"), owner("DEAL-88")];
        for (index, seconds) in &steps {
            now += seconds;
            let (due, later) = waiting.into_iter().partition::<Vec<_>, _>(|(_, at)| *at <= now);
            waiting = later;
            runs.extend(due.into_iter().map(|(who, _)| Run {
                own: owners[who].clone(),
                began: after(now),
                at: At::Claims,
            }));
            runs.retain(|run| after(now).seconds_since(run.began) <= LASTS);
            if !runs.is_empty() {
                index.get_mut(&mut runs).step(&mut table);
            }
        }
        prop_assert!(table.rows.len() <= 1, "{:?}", table.rows);
        // Whoever repeats the order a minute later gets it counted, or finds it counted.
        let mut last = Run { own: owners[0].clone(), began: after(now + LASTS + WRITTEN_WITHIN + 1), at: At::Claims };
        for _ in 0..4 {
            last.step(&mut table);
        }
        prop_assert_eq!(table.rows.len(), 1);
    }
}
