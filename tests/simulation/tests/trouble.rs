//! Long trouble with Microsoft and many messages: what the queue gives up must be nothing. The same
//! with 50,000 messages is arithmetic (`tracklayer-core`, `queue_model`); here the functions' own
//! code goes through it.

use simulation::plan::{Faults, Names, Outage, OutageOf, START, Visit};
use simulation::{Mutation, Plan, run};
use tracklayer_core::reconcile::attribution::TieKind;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Orders of each history.
const ORDERS: usize = 400;

/// So many orders within the first five minutes.
fn many() -> Plan {
    let plain = Plan::plain();
    let first = plain.orders[0].clone();
    let order = |n: usize| {
        let mut order = first.clone();
        order.id = format!("o{n}");
        order.names.click = Some(format!("{n:032x}"));
        order.posts = vec![START + MINUTE + i64::try_from(n).expect("few") % (4 * MINUTE)];
        order
    };
    Plan { orders: (1..=ORDERS).map(order).collect(), workers: 6, ..plain }
}

fn leaves_no_dead_letter(name: &str, counted: usize, plan: Plan) {
    let outcome = run(plan, false);
    assert!(outcome.violations.is_empty(), "{name}: {:?}", outcome.violations);
    assert_eq!((outcome.dead_letters, outcome.counted), (0, counted as u64), "{name}");
}

#[test]
fn an_outage_of_two_and_a_half_hours_leaves_no_dead_letter() {
    for of in [OutageOf::Microsoft, OutageOf::MicrosoftAnswers] {
        let outage = Outage { of, from: START, until: START + 150 * MINUTE };
        let plan = Plan { outages: vec![outage], ..many() };
        leaves_no_dead_letter(&format!("{of:?}"), ORDERS, plan);
    }
}

#[test]
fn a_throttle_of_an_hour_leaves_no_dead_letter() {
    let faults = Faults { throttled: 10_000, ..Faults::default() };
    leaves_no_dead_letter("throttled", ORDERS, Plan { faults, calm_at: START + HOUR, ..many() });
}

#[test]
fn a_week_of_orders_without_clicks_leaves_no_dead_letter() {
    let mut plan = many();
    for (order, n) in plan.orders.iter_mut().zip(0..) {
        order.names = Names { session: Some(format!("s{n}")), ..Names::default() };
        order.occurred = START + n * 7 * 24 * HOUR / 400;
        order.posts = vec![order.occurred + MINUTE];
    }
    let calm_at = START + 8 * 24 * HOUR;
    leaves_no_dead_letter("no clicks", 0, Plan { calm_at, ..plan });
}

/// Orders of leads that are tied on the second day, and whose clicks expire on the seventh: the look
/// after two days is the only one that finds them.
#[test]
fn a_click_that_is_there_at_one_look_is_found_whatever_fails_then() {
    let start = START + MINUTE;
    let mut plan = Plan { orders: many().orders[..40].to_vec(), ..many() };
    for (order, n) in plan.orders.iter_mut().zip(0..) {
        let (lead, session, click) = (format!("lead{n}"), format!("s{n}"), format!("{n:032x}"));
        order.names = Names { lead: Some(lead.clone()), ..Names::default() };
        (order.occurred, order.posts) = (start, vec![start + MINUTE]);
        let clicked = start - 85 * DAY;
        plan.clicked.insert(click.clone(), clicked);
        plan.visits.push(Visit { click: Some(click), ..Visit::of(&session, clicked) });
        let tie = Visit { ties: vec![(TieKind::Lead, lead)], ..Visit::of(&session, start + DAY) };
        plan.visits.push(Visit { keyed: true, ..tie });
    }
    let look = start + 2 * DAY;
    let faults =
        Faults { unprocessed: 2_000, duplicate: 1_500, undeleted: 300, ..Faults::default() };
    for of in [OutageOf::Clicks, OutageOf::Queue, OutageOf::Ledger, OutageOf::Consent] {
        // Of its twelve receives a message has enough left when one read in five fails.
        let outage = Outage { of, from: look - MINUTE, until: look + 90 * MINUTE };
        let plan = Plan { outages: vec![outage], calm_at: start + 6 * DAY, ..plan.clone() };
        leaves_no_dead_letter(&format!("{of:?}"), 40, plan.clone());
        if matches!(of, OutageOf::Clicks | OutageOf::Queue) {
            let careless = Plan { mutation: Some(Mutation::LookLost), ..plan.clone() };
            assert!(run(careless, false).counted < 40, "{of:?}: the look is the only one");
        }
        leaves_no_dead_letter(
            &format!("{of:?}, faults"),
            40,
            Plan { faults: faults.clone(), ..plan },
        );
    }
}

/// A lead is sold weeks later: only then does anybody know which visitor it was.
#[test]
fn a_lead_that_is_tied_on_day_35_is_found_by_the_look_of_day_40() {
    let start = START + MINUTE;
    let mut plan = Plan { orders: many().orders[..20].to_vec(), ..many() };
    for (order, n) in plan.orders.iter_mut().zip(0..) {
        let (lead, session, click) = (format!("lead{n}"), format!("s{n}"), format!("{n:032x}"));
        order.names = Names { lead: Some(lead.clone()), ..Names::default() };
        (order.occurred, order.posts) = (start, vec![start + MINUTE]);
        plan.clicked.insert(click.clone(), start - DAY);
        plan.visits.push(Visit { click: Some(click), ..Visit::of(&session, start - DAY) });
        let ties = vec![(TieKind::Lead, lead)];
        let tie = Visit { ties, keyed: true, ..Visit::of(&session, start + 35 * DAY) };
        plan.visits.push(tie);
    }
    leaves_no_dead_letter("day 40", 20, Plan { calm_at: start + 41 * DAY, ..plan });
}

#[test]
fn the_count_of_dead_letters_is_not_always_nothing() {
    let outage = Outage { of: OutageOf::Microsoft, from: START, until: START + 5 * HOUR };
    assert!(run(Plan { outages: vec![outage], ..many() }, false).dead_letters > 0);
}
