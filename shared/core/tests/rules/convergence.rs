//! Whatever happens on the way, in the end Microsoft counts what the order log says.

use proptest::prelude::*;
use serde_json::{Value, json};
use tracklayer_core::ledger::correction::{CorrectionRefusal, Effect};
use tracklayer_core::ledger::observed::RefusalReason;
use tracklayer_core::reconcile::decide::Action;
use tracklayer_core::reconcile::state::{State, corrections, state};

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
    /// What somebody has received is delivered once more.
    ReceiveAgain(usize),
    Advance(usize, End),
    Kill(usize),
    Redrive,
    Hold(bool),
    /// A click becomes known that may be better, or wrong.
    Click(usize),
    /// The mapping names another goal.
    Rename,
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
        1 => Just(End::Unreached),
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
        1 => any.clone().prop_map(Step::ReceiveAgain),
        24 => (any.clone(), end()).prop_map(|(n, end)| Step::Advance(n, end)),
        1 => any.prop_map(Step::Kill),
        1 => Just(Step::Redrive),
        1 => prop::bool::weighted(0.3).prop_map(Step::Hold),
        2 => (0_usize..3).prop_map(Step::Click),
        1 => Just(Step::Rename),
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

/// The same as Microsoft counts it: below half a cent it is nothing.
pub fn worth(log: &[(i64, Change)]) -> i64 {
    Some(net(log)).filter(|net| *net >= 5).unwrap_or(0)
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
        Step::ReceiveAgain(n) => world.receive_again(n),
        Step::Advance(n, end) => world.advance(n, end),
        Step::Kill(n) => world.kill(n),
        Step::Redrive => world.redrive_all(),
        Step::Hold(held) => world.bench.account.held = held,
        Step::Click(n) => world.click_is_seen(n),
        Step::Rename => world.goal = id("Purchases"),
    }
    world.check();
}

/// Claims far enough apart, times rising and after the conversion, calls bounded. That one Apply
/// follows another only unchanged or known not to be taken is checked with each call.
fn check_traces(world: &World, corrections: usize) {
    let (row, policy) = (world.row(), &world.bench.policy);
    let last_call = row.correction_limit().plus_seconds(-policy.run_margin);
    for pair in world.claims.windows(2) {
        let near_the_end = pair[0].plus_seconds(policy.spacing()) > last_call;
        let apart = if near_the_end { policy.run_margin } else { policy.spacing() };
        assert!(pair[1].seconds_since(pair[0]) >= apart, "claims too close: {pair:?}");
    }
    let accepted = row.observed.accepted.as_ref().expect("accepted");
    let settled = accepted.at.plus_seconds(policy.settle_delay).min(last_call);
    let first = world.claims.first();
    assert!(first.is_none_or(|first| *first >= settled), "before the settle delay");
    let times = &world.adjustment_times;
    assert!(times.iter().all(|time| *time > row.facts.conversion_time));
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    assert_eq!(world.microsoft.counted.len(), 1, "one sale, one conversion");
    assert!(times.len() <= corrections + world.accidents, "needless adjustments: {times:?}");
}

/// A row that was never accepted says why, and whether it may count.
fn check_end(world: &World) {
    let row = world.row();
    let over = world.now > row.limit();
    match row.observed.refusal.as_ref().expect("refused").reason {
        RefusalReason::Unmatched => assert_eq!(world.may_have, None),
        RefusalReason::Expired => assert_eq!((over, &world.may_have), (true, &None)),
        RefusalReason::MayAlreadyCount => assert!(over || world.is_lost(), "{row:?}"),
        _ => panic!("{row:?}"),
    }
    let counted = world.microsoft.counted.len();
    assert!(counted <= usize::from(world.may_have.is_some()));
}

fn check_money(world: &World, log: &[(i64, Change)]) {
    let counted = world.microsoft.counted.values().next().expect("counted");
    let net = worth(log);
    if !world.row().observed.is_retract_claimed() {
        assert!(!counted.retracted && net > 0);
        let value = thousandths(counted.value.as_deref().expect("a value"));
        return assert_eq!(value, net);
    }
    assert!(counted.retracted, "a claimed Retract must land");
    let (_, effects) = corrections(world.row());
    let refused = Effect::Refused(CorrectionRefusal::AfterRetraction);
    assert!(net == 0 || effects.contains(&refused), "a revival after a Retract must show");
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

fn changes(log: &[(i64, Change)]) -> Vec<(i64, Value)> {
    log.iter().map(|(second, change)| (*second, members(*change))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn in_the_end_microsoft_counts_what_the_order_log_says(
        log in order_log(),
        hashed in prop::bool::ANY,
        clicked in prop::bool::weighted(0.7),
        steps in prop::collection::vec(step(), 0..100),
    ) {
        let person = if hashed { json!({ "hashedEmail": MAIL }) } else { json!({}) };
        let changes = changes(&log);
        let mut world = World::later(2 * HOUR, "purchase", Some("129.95"), &changes, person);
        world.clicks.truncate(usize::from(clicked));
        for step in steps {
            take(&mut world, step, changes.len());
        }
        world.click_is_seen(0);
        world.calm_down();
        if world.row().observed.accepted.is_none() {
            check_end(&world);
        } else if state(world.row()).1.as_deref() != Some("too_old_for_microsoft") {
            prop_assert_eq!(world.microsoft.dropped, 0, "an adjustment was dropped by Microsoft");
            check_traces(&world, log.len());
            check_money(&world, &log);
            check_rest(&mut world);
        }
    }

    /// A sale that is 89 days old: what can't be sent in time any more is shown.
    #[test]
    fn near_the_end_what_microsoft_does_not_get_is_shown(
        log in order_log(),
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let changes = changes(&log);
        let person = json!({ "sessionId": "S" });
        let mut world = World::later(89 * DAY, "purchase", Some("129.95"), &changes, person);
        for step in steps {
            take(&mut world, step, changes.len());
        }
        world.calm_down();
        if world.row().observed.accepted.is_none() {
            let shown = matches!(state(world.row()), (State::Refused, Some(_)));
            prop_assert!(shown, "{:?}", world.row());
            return Ok(());
        }
        check_traces(&world, log.len());
        let limit = world.row().correction_limit();
        prop_assert!(world.claims.iter().all(|claim| *claim <= limit), "sent for nothing");
        if state(world.row()).0 != State::Refused {
            check_money(&world, &log);
        }
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
        if world.row().observed.accepted.is_none() {
            check_end(&world);
            return Ok(());
        }
        check_traces(&world, 1);
        let counted = world.microsoft.counted.values().next().expect("counted");
        prop_assert_eq!((counted.retracted, &counted.value), (full, &None));
        check_rest(&mut world);
    }
}
