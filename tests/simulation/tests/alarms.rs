//! Which alarms go off in long trouble: what the functions count in it is given to the alarms of the
//! template. A day of an ordinary shop comes before, and its hours go on meanwhile.

use simulation::plan::{Names, Outage, OutageOf, START, Visit};
use simulation::setting::Setting;
use simulation::{Outcome, Plan, run};
use test_support::alarms::{Alarm, Point, own_alarms};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// When trouble begins.
const TROUBLE: i64 = START + DAY;
/// Orders of the first five minutes of it.
const CROWD: i64 = 1_000;
/// What AWS measures of the queues.
const OF_QUEUES: [&str; 3] = ["DeadLetters", "OldestMessage", "InFlight"];

/// So many days with a landing and an order every half hour, and nothing in trouble.
fn ordinary(days: i64) -> Plan {
    let plain = Plan::plain();
    let first = plain.orders[0].clone();
    let sold = |n: i64| {
        let mut order = first.clone();
        order.id = format!("o{n}");
        order.names.click = Some(format!("{n:032x}"));
        order.occurred = START + n * HOUR / 2;
        order.posts = vec![order.occurred + MINUTE];
        order
    };
    let landed = |n: i64| {
        let visit = Visit::of(&format!("s{n}"), START + n * HOUR / 2 + MINUTE);
        Visit { click: Some(format!("{:032x}", 1_000_000 + n)), ..visit }
    };
    let halves = 1..days * 48;
    Plan {
        orders: halves.clone().map(sold).collect(),
        visits: halves.map(landed).collect(),
        calm_at: START + days * DAY,
        setting: Setting { checks: true, all_runs: true, ..Setting::default() },
        ..plain
    }
}

/// Two days, with many orders at the begin of the second.
fn crowded() -> Plan {
    let mut plan = ordinary(2);
    let first = plan.orders[0].clone();
    plan.orders.extend((0..CROWD).map(|n| {
        let mut order = first.clone();
        order.id = format!("c{n}");
        order.names.click = Some(format!("{:032x}", 2_000_000 + n));
        order.occurred = TROUBLE;
        order.posts = vec![TROUBLE + MINUTE + n % (4 * MINUTE)];
        order
    }));
    plan
}

fn outage(of: OutageOf, minutes: i64) -> Plan {
    let outage = Outage { of, from: TROUBLE, until: TROUBLE + minutes * MINUTE };
    Plan { outages: vec![outage], ..crowded() }
}

/// The alarms that go off until `end`, by name.
fn ringing(outcome: &Outcome, end: i64) -> Vec<String> {
    let point = |it: &simulation::Measure| {
        let (metric, account) = (it.metric.to_owned(), it.of.clone());
        (it.at, Point { metric, account, value: it.value, ago: 0 })
    };
    let written: Vec<_> = outcome.measures.iter().map(point).collect();
    let all = own_alarms().into_iter().chain(OF_QUEUES.map(str::to_owned));
    let mut ringing: Vec<String> =
        all.filter(|name| Alarm::of(name).first_rings(&written, START, end).is_some()).collect();
    ringing.sort();
    ringing
}

/// Runs it; everything is counted at Microsoft, and only these alarms went off.
fn rings(what: &str, plan: Plan, counted: usize, expected: &[&str]) {
    let end = plan.calm_at;
    let outcome = run(plan, false);
    assert!(outcome.violations.is_empty(), "{what}: {:?}", outcome.violations);
    assert_eq!((outcome.dead_letters, outcome.counted), (0, counted as u64), "{what}");
    assert_eq!(ringing(&outcome, end), expected, "{what}");
}

#[test]
fn ordinary_days_are_silent() {
    let plan = ordinary(3);
    let orders = plan.orders.len();
    rings("ordinary days", plan, orders, &[]);
}

#[test]
fn an_outage_of_two_and_a_half_hours_rings_for_want_of_answers_alone() {
    for of in [OutageOf::Microsoft, OutageOf::MicrosoftAnswers] {
        let plan = outage(of, 150);
        let orders = plan.orders.len();
        rings(&format!("{of:?}"), plan, orders, &["NoAnswer"]);
    }
}

#[test]
fn a_throttle_of_an_hour_is_silent() {
    let plan = outage(OutageOf::Rate, 60);
    let orders = plan.orders.len();
    rings("throttled", plan, orders, &[]);
}

/// Nothing is wrong with orders that nobody clicked an ad for, but that no landing comes is.
#[test]
fn a_week_without_clicks_rings_for_that_alone() {
    let mut plan = ordinary(7);
    for (order, n) in plan.orders.iter_mut().zip(0..) {
        order.names = Names { session: Some(format!("s{n}")), ..Names::default() };
    }
    plan.visits.clear();
    rings("no clicks", plan, 0, &["NothingCaptured"]);
}

/// The same alarms are not silent whatever happens.
#[test]
fn what_lasts_and_what_costs_messages_rings() {
    // Rows of an account that is held wait, and none of them is given up.
    let outcome = run(outage(OutageOf::Consent, 5 * 60), false);
    assert_eq!(ringing(&outcome, TROUBLE + DAY), ["AuthFailed", "HeldGoals"]);
    let outcome = run(outage(OutageOf::Microsoft, 5 * 60), false);
    let names = ringing(&outcome, TROUBLE + DAY);
    for alarm in ["DeadLetters", "NoAnswer", "Unchecked"] {
        assert!(names.iter().any(|name| name == alarm), "{alarm}: {names:?}");
    }
    let outcome = run(outage(OutageOf::Ledger, 150), false);
    let names = ringing(&outcome, TROUBLE + DAY);
    assert!(names.iter().any(|name| name == "Overdue"), "nobody looks: {names:?}");
}
