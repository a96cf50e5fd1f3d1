//! Whatever happens on the way, in the end Microsoft counts what the order log says.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};
use tracklayer_core::{
    ledger::correction::{CorrectionRefusal, Effect},
    reconcile::{decide::Action, state::corrections},
};

use crate::{microsoft::End, support::*, world::World};

/// The value of the sale in thousandths.
const ORIGINAL: i64 = 129_950;

/// A correction of the order log, amounts in thousandths.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    Refund(i64),
    Restatement(i64),
    Full,
}

/// Something that happens.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Sale,
    Correction(usize),
    Pass(i64),
    Work,
    Sweep,
    Signal,
    Receive(usize),
    Advance(usize, End),
    Kill(usize),
    Redrive,
    Hold(bool),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (1_i64..150_000).prop_map(Change::Refund),
        2 => (0_i64..200_000).prop_map(Change::Restatement),
        1 => Just(Change::Restatement(ORIGINAL)),
        1 => Just(Change::Full),
    ]
}

fn end() -> impl Strategy<Value = End> {
    let delay = 0..6 * HOUR;
    prop_oneof![
        9 => delay.clone().prop_map(End::Taken),
        2 => delay.prop_map(End::TakenUnheard),
        2 => Just(End::Lost),
        1 => Just(End::Later),
        1 => Just(End::Refused),
        1 => Just(End::Throttled),
    ]
}

pub fn step() -> impl Strategy<Value = Step> {
    let any = 0_usize..8;
    prop_oneof![
        1 => Just(Step::Sale),
        4 => any.clone().prop_map(Step::Correction),
        2 => (0_i64..600).prop_map(Step::Pass),
        1 => (600_i64..14 * HOUR).prop_map(Step::Pass),
        10 => Just(Step::Work),
        1 => Just(Step::Sweep),
        1 => Just(Step::Signal),
        3 => any.clone().prop_map(Step::Receive),
        24 => (any.clone(), end()).prop_map(|(n, end)| Step::Advance(n, end)),
        1 => any.prop_map(Step::Kill),
        1 => Just(Step::Redrive),
        1 => prop::bool::weighted(0.3).prop_map(Step::Hold),
    ]
}

/// Corrections with the second they happened; several in the same one.
pub fn order_log() -> impl Strategy<Value = Vec<(i64, Change)>> {
    prop::collection::vec((0_i64..4, change()), 0..5)
}

fn text(thousandths: i64) -> Value {
    let digits = format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000);
    serde_json::from_str(&digits).expect("a number")
}

pub fn members(change: Change) -> Value {
    match change {
        Change::Refund(amount) => json!({ "amount": text(amount), "currency": "USD" }),
        Change::Restatement(value) => json!({ "newValue": text(value), "currency": "USD" }),
        Change::Full => json!({}),
    }
}

/// What is left of the sale: the order log read in order; the ids rise with the position.
pub fn net(log: &[(i64, Change)]) -> i64 {
    let mut sorted: Vec<_> = log.to_vec();
    sorted.sort_by_key(|(second, _)| *second);
    sorted.iter().fold(ORIGINAL, |net, (_, change)| match change {
        Change::Refund(amount) => net - amount,
        Change::Restatement(value) => *value,
        Change::Full => 0,
    })
}

pub fn thousandths(text: &str) -> i64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{part:0<3}").parse().expect("digits")
}

pub fn take(world: &mut World, step: Step, corrections: usize) {
    match step {
        Step::Sale => world.sale_arrives(),
        Step::Correction(_) if corrections == 0 => {}
        Step::Correction(n) => world.correction_arrives(n % corrections),
        Step::Pass(seconds) => world.pass(seconds),
        Step::Work if world.row.is_some() => world.wait_for_work(),
        Step::Work => world.sale_arrives(),
        Step::Sweep => world.sweep(),
        Step::Signal if world.row.is_some() => world.send(None),
        Step::Signal => {}
        Step::Receive(n) => world.receive(n),
        Step::Advance(n, end) => world.advance(n, end),
        Step::Kill(n) => world.kill(n),
        Step::Redrive => world.redrive_all(),
        Step::Hold(held) => world.bench.account.held = held,
    }
    world.check();
}

/// Claims far enough apart, times rising and after the conversion, payloads alike, calls bounded.
fn check_traces(world: &World, corrections: usize) {
    let spacing = 12 * HOUR + 15 * 60;
    for pair in world.claims.windows(2) {
        assert!(pair[1].seconds_since(pair[0]) >= spacing, "claims too close: {pair:?}");
    }
    let accepted = world.row().observed.accepted.as_ref().expect("accepted");
    let first = world.claims.first();
    let settled = accepted.at.plus_seconds(12 * HOUR);
    assert!(first.is_none_or(|first| *first >= settled), "before the settle delay");
    let conversion_time = world.row().facts.as_ref().expect("facts").conversion_time;
    let times = &world.adjustment_times;
    assert!(times.iter().all(|time| *time > conversion_time));
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    assert_eq!(world.applies.iter().collect::<BTreeSet<_>>().len(), 1, "another Apply");
    assert_eq!(world.microsoft.counted.len(), 1, "one sale, one conversion");
    assert_eq!(world.microsoft.dropped, 0, "an adjustment was dropped by Microsoft");
    assert!(times.len() <= corrections + world.accidents, "needless adjustments: {times:?}");
}

fn check_money(world: &World, log: &[(i64, Change)]) {
    let counted = world.microsoft.counted.values().next().expect("counted");
    let net = net(log);
    if world.row().observed.retract_claimed.is_none() {
        assert!(!counted.retracted && net > 0);
        let value = thousandths(counted.value.as_deref().expect("a value"));
        return assert_eq!(value, net);
    }
    assert!(counted.retracted, "a claimed Retract must land");
    let (_, effects) = corrections(world.row()).expect("facts");
    let refused = Effect::Refused(CorrectionRefusal::AfterRetraction);
    assert!(net <= 0 || effects.contains(&refused), "a revival after a Retract must show");
}

/// Nothing more is sent, however often somebody asks.
fn check_rest(world: &mut World) {
    let calls = (world.applies.len(), world.claims.len());
    for _ in 0..3 {
        world.send(None);
        world.calm_down();
        world.pass(DAY);
    }
    assert_eq!((world.applies.len(), world.claims.len()), calls);
    assert_eq!(world.bench.context(world.now).next(world.row()), Action::InSync);
    assert_eq!(world.row().open, None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn in_the_end_microsoft_counts_what_the_order_log_says(
        log in order_log(),
        steps in prop::collection::vec(step(), 0..100),
    ) {
        let changes: Vec<_> = log.iter().map(|(second, change)| (*second, members(*change))).collect();
        let mut world = World::new("purchase", Some("129.95"), &changes);
        for step in steps {
            take(&mut world, step, changes.len());
        }
        world.calm_down();
        check_traces(&world, log.len());
        check_money(&world, &log);
        check_rest(&mut world);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_goal_without_value_is_taken_back_whole_or_not_at_all(
        full in prop::bool::ANY,
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let changes = match full {
            true => vec![(1, json!({ "amount": 5, "currency": "USD" })), (2, json!({}))],
            false => vec![(1, json!({ "newValue": 5, "currency": "USD" }))],
        };
        let mut world = World::new("qualified_lead", None, &changes);
        for step in steps {
            take(&mut world, step, changes.len());
        }
        world.calm_down();
        check_traces(&world, 1);
        let counted = world.microsoft.counted.values().next().expect("counted");
        prop_assert_eq!((counted.retracted, &counted.value), (full, &None));
        check_rest(&mut world);
    }
}
