//! Accidents that cost money elsewhere, each told once from beginning to end.

use serde_json::json;
use tracklayer_core::ledger::observed::RefusalReason;
use tracklayer_core::reconcile::state::{State, state};

use crate::{microsoft::End, support::*, world::World};

pub const OK: End = End::Taken(60);

/// A sale of 129.95 with these corrections to come, all some seconds after it.
pub fn world(changes: &[serde_json::Value]) -> World {
    let changes: Vec<_> =
        changes.iter().enumerate().map(|(n, change)| (n as i64, change.clone())).collect();
    World::new("purchase", Some("129.95"), &changes)
}

pub fn refund_of(amount: f64) -> serde_json::Value {
    json!({ "amount": amount, "currency": "USD" })
}

pub fn worth(value: f64) -> serde_json::Value {
    json!({ "newValue": value, "currency": "USD" })
}

/// The sale is in and accepted.
pub fn accepted(world: &mut World) {
    world.sale_arrives();
    world.receive(0);
    all(world, OK);
    assert!(world.row().observed.accepted.is_some());
}

/// The oldest run goes to its end; its call ends like this.
pub fn all(world: &mut World, end: End) {
    for _ in 0..3 {
        world.advance(0, end);
    }
    world.check();
}

/// What is due next is received, and claimed if it is an adjustment.
pub fn claimed(world: &mut World) {
    world.wait_for_work();
    world.advance(0, OK);
}

pub fn value(world: &World) -> Option<String> {
    let counted = world.microsoft.counted.values().next().expect("counted");
    (!counted.retracted).then(|| counted.value.clone()).flatten()
}

#[test]
fn a_correction_that_comes_while_another_is_on_its_way_is_not_lost() {
    let mut world = world(&[refund_of(30.0), refund_of(20.0)]);
    accepted(&mut world);
    world.correction_arrives(0);
    claimed(&mut world);
    world.correction_arrives(1);
    // Another worker looks at the row meanwhile, sees the claim and acknowledges.
    world.send(None);
    world.receive(0);
    world.advance(1, OK);
    world.advance(0, OK);
    world.advance(0, OK);
    world.check();
    world.calm_down();
    assert_eq!(value(&world).as_deref(), Some("79.95"));
    assert_eq!(world.claims.len(), 2);
}

#[test]
fn a_refund_that_comes_before_the_original_was_sent_goes_as_a_correction() {
    let mut world = world(&[refund_of(30.0)]);
    world.sale_arrives();
    world.correction_arrives(0);
    world.calm_down();
    assert!(world.applies[0].contains(r#""ConversionValue":129.95"#));
    assert_eq!(value(&world).as_deref(), Some("99.95"));
}

#[test]
fn a_refund_that_comes_before_its_sale_finds_it() {
    let mut world = world(&[refund_of(30.0)]);
    world.correction_arrives(0);
    world.calm_down();
    assert_eq!(value(&world).as_deref(), Some("99.95"));
}

#[test]
fn a_late_adjustment_does_not_undo_a_newer_one() {
    let mut world = world(&[refund_of(30.0), refund_of(20.0)]);
    accepted(&mut world);
    world.correction_arrives(0);
    claimed(&mut world);
    // Sent at the last moment, unheard, and slow at Microsoft.
    world.pass(14 * 60);
    world.advance(0, End::TakenUnheard(6 * HOUR - 1));
    world.advance(0, OK);
    world.correction_arrives(1);
    world.calm_down();
    assert_eq!(value(&world).as_deref(), Some("79.95"));
}

#[test]
fn a_message_that_dies_leaves_its_row_dead_until_it_is_redriven() {
    let mut world = world(&[refund_of(30.0)]);
    world.sale_arrives();
    for _ in 0..12 {
        world.wait_for_work();
        all(&mut world, End::Lost);
    }
    assert_eq!(state(world.row()), (State::Dead, None));
    world.correction_arrives(0);
    world.pass(30 * DAY);
    world.wait_for_work();
    assert_eq!(world.applies.len(), 12, "neither time nor a correction wakes it");
    world.calm_down();
    assert_eq!(value(&world).as_deref(), Some("99.95"));
}

#[test]
fn a_refused_row_rests_until_it_is_redriven() {
    let mut world = world(&[refund_of(30.0)]);
    world.sale_arrives();
    world.receive(0);
    all(&mut world, End::Refused);
    world.correction_arrives(0);
    world.sale_arrives();
    world.pass(DAY);
    world.wait_for_work();
    assert_eq!(world.applies.len(), 1);
    let symbol = Some("OfflineConversionNameInvalid".to_owned());
    let reason = RefusalReason::Microsoft { code: Some(5606), symbol };
    assert_eq!(world.row().observed.refusal.as_ref().expect("refused").reason, reason);
    world.calm_down();
    assert_eq!(world.applies.len(), 2);
    assert_eq!(value(&world).as_deref(), Some("99.95"));
}

#[test]
fn two_workers_with_the_same_message_count_one_sale() {
    let mut world = world(&[]);
    world.sale_arrives();
    world.send(None);
    world.receive(0);
    world.receive(0);
    for _ in 0..3 {
        world.advance(0, OK);
        world.advance(1, OK);
    }
    world.check();
    let first = world.row().observed.accepted.clone();
    world.calm_down();
    assert_eq!(world.row().observed.accepted, first);
    assert_eq!(world.microsoft.counted.len(), 1);
}
