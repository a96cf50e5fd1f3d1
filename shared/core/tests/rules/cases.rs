//! What real shops and CRMs send, and what Microsoft makes of it, each told once.

use serde_json::json;
use tracklayer_core::ledger::correction::{CorrectionRefusal, Effect};
use tracklayer_core::reconcile::state::{State, corrections, state};

use crate::histories::*;
use crate::microsoft::End;
use crate::support::*;
use crate::world::{CLICKS, World};

// --- what really came later, and what was never taken

/// The buyer clicks a brand ad after the order: Microsoft refuses that click, and the order goes
/// with the hash of its e-mail address.
#[test]
fn a_click_after_the_sale_does_not_cost_the_sale() {
    let person = json!({ "hashedEmail": MAIL, "sessionId": "S" });
    let mut world = World::later(2 * HOUR, "purchase", Some("129.95"), &[], person);
    world.clicks.clear();
    world.click_is_seen(1);
    world.sale_arrives();
    world.receive(0);
    all(&mut world, OK);
    assert_eq!(state(world.row()), (State::Queued, None));
    world.wait_for_work();
    all(&mut world, OK);
    assert!(world.applies[0].contains("MicrosoftClickId"), "{}", world.applies[0]);
    let sent = &world.applies[1];
    assert!(!sent.contains("MicrosoftClickId") && sent.contains(MAIL), "{sent}");
    assert_eq!(value(&world).as_deref(), Some("129.95"));
}

#[test]
fn a_click_after_the_sale_gives_way_to_another_one_or_the_row_waits_on() {
    let mut world = world(&[]);
    world.click_is_seen(1);
    world.clicks.truncate(1);
    world.sale_arrives();
    world.receive(0);
    all(&mut world, OK);
    world.wait_for_work();
    all(&mut world, OK);
    assert_eq!(state(world.row()), (State::Waiting, Some("no_click".to_owned())));
    world.click_is_seen(2);
    world.wait_for_work();
    all(&mut world, OK);
    assert!(world.applies[1].contains(CLICKS[2]), "{}", world.applies[1]);
    assert_eq!(state(world.row()), (State::Accepted, None));
}

/// Sent, and the run dies before a word is written; meanwhile a better click is tied.
#[test]
fn a_better_click_does_not_change_what_may_have_been_sent() {
    for end in [OK, End::Lost] {
        let mut world = world(&[]);
        world.sale_arrives();
        world.receive(0);
        world.advance(0, OK);
        world.advance(0, end);
        world.kill(0);
        world.click_is_seen(2);
        world.send(None);
        world.receive(0);
        world.advance(0, OK);
        assert_eq!(world.applies.len(), 1, "somebody may be at it for ten minutes");
        world.calm_down();
        assert_eq!(world.applies, [world.applies[0].clone(), world.applies[0].clone()]);
    }
}

#[test]
fn a_better_click_counts_as_long_as_nothing_was_taken() {
    for end in [End::Throttled, End::Unreached] {
        let mut world = world(&[]);
        world.sale_arrives();
        world.receive(0);
        all(&mut world, end);
        world.click_is_seen(2);
        world.calm_down();
        assert!(world.applies[1].contains(CLICKS[2]), "{}", world.applies[1]);
    }
}

/// 117 for the whole call, or a connection that never stood, after the claim.
#[test]
fn a_restate_that_was_not_taken_goes_again_in_a_quarter_of_an_hour() {
    for end in [End::Throttled, End::Unreached] {
        let mut world = world(&[refund_of(30.0)]);
        accepted(&mut world);
        world.correction_arrives(0);
        claimed(&mut world);
        world.advance(0, end);
        let refused = world.now;
        world.advance(0, OK);
        world.wait_for_work();
        assert_eq!(world.now, refused.plus_seconds(15 * 60));
        all(&mut world, OK);
        world.pass(DAY);
        assert_eq!(value(&world).as_deref(), Some("99.95"));
    }
}

/// The refund failed at the bank while its Retract was on its way; the call met a pause.
#[test]
fn a_retract_that_was_taken_back_bars_nothing() {
    for before in [None, Some(refund_of(10.0))] {
        let all: Vec<_> = [json!({}), worth(129.95)].into_iter().chain(before.clone()).collect();
        let mut world = world(&all);
        accepted(&mut world);
        if before.is_some() {
            world.correction_arrives(2);
            claimed(&mut world);
            world.advance(0, OK);
            world.advance(0, OK);
        }
        world.correction_arrives(0);
        claimed(&mut world);
        world.correction_arrives(1);
        let waiting = (State::Waiting, Some("between_adjustments".to_owned()));
        assert_eq!(state(world.row()), waiting, "it is not lost yet");
        assert!(!corrections(world.row()).1.iter().any(|it| matches!(it, Effect::Refused(_))));
        world.advance(0, End::Throttled);
        world.advance(0, OK);
        assert_eq!(world.row().observed.claim.is_some(), before.is_some());
        world.calm_down();
        let left = if before.is_some() { "119.95" } else { "129.95" };
        assert_eq!(value(&world).as_deref(), Some(left));
    }
}

/// Two Retracts were claimed, the first one unanswered, the second one not taken.
#[test]
fn a_retract_without_answer_is_not_forgotten_for_a_later_one_that_was_not_taken() {
    let mut world = world(&[json!({}), worth(50.0)]);
    accepted(&mut world);
    world.correction_arrives(0);
    claimed(&mut world);
    world.advance(0, End::TakenUnheard(60));
    world.advance(0, OK);
    claimed(&mut world);
    world.advance(0, End::Throttled);
    world.advance(0, OK);
    world.correction_arrives(1);
    let refused = Effect::Refused(CorrectionRefusal::AfterRetraction);
    assert_eq!(corrections(world.row()).1[1], refused, "the answer says so");
    world.calm_down();
    assert_eq!((value(&world), state(world.row())), (None, (State::Retracted, None)));
}

// --- money and time

#[test]
fn two_edits_of_one_second_count_in_their_order() {
    let edit = |id: &str, at: &str, value: i64| {
        json!({ "eventId": id, "newValue": value, "currency": "USD",
            "occurredAt": format!("2026-04-24T10:00:00.{at}Z") })
    };
    let mut world = world(&[edit("edit-10", "900", 60), edit("edit-9", "100", 80)]);
    accepted(&mut world);
    world.correction_arrives(0);
    world.correction_arrives(1);
    world.calm_down();
    assert_eq!(value(&world).as_deref(), Some("60"));
}

#[test]
fn a_new_value_after_a_retraction_is_told_at_the_door() {
    let mut world = world(&[json!({}), worth(129.95)]);
    accepted(&mut world);
    world.correction_arrives(0);
    claimed(&mut world);
    world.advance(0, OK);
    world.advance(0, OK);
    world.correction_arrives(1);
    let (_, effects) = corrections(world.row());
    assert_eq!(effects[1], Effect::Refused(CorrectionRefusal::AfterRetraction));
    assert_eq!((state(world.row()), &world.row().open), ((State::Retracted, None), &None));
}

#[test]
fn a_trial_of_nothing_is_not_retracted_for_a_correction_to_nothing() {
    for still in [worth(0.0), refund_of(0.0)] {
        let mut world = World::new("purchase", Some("0"), &[(1, still)]);
        accepted(&mut world);
        world.correction_arrives(0);
        world.calm_down();
        assert_eq!((value(&world).as_deref(), world.claims.len()), (Some("0"), 0));
    }
}

/// A lead that was sold 40 days after its click: Microsoft forgets the click on day 90.
#[test]
fn a_refund_goes_at_once_on_the_last_day_of_the_click_and_is_refused_after_it() {
    let sale = |clicked: i64| {
        let mut world = world(&[refund_of(30.0)]);
        accepted(&mut world);
        let click = world.row.as_mut().expect("a row").facts.click.as_mut();
        click.expect("a click").clicked_at = Some(after(-clicked));
        world
    };
    let mut late = sale(90 * DAY);
    late.correction_arrives(0);
    let refused = Effect::Refused(CorrectionRefusal::TooOldForMicrosoft);
    assert_eq!(corrections(late.row()).1, [refused]);
    assert_eq!(state(late.row()), (State::Refused, Some("too_old_for_microsoft".to_owned())));
    let mut in_time = sale(90 * DAY - 4 * HOUR);
    in_time.correction_arrives(0);
    claimed(&mut in_time);
    assert_eq!(in_time.claims, [after(4 * HOUR - 15 * 60)], "not after the settle delay");
}

#[test]
fn two_refunds_in_the_last_half_day_both_go() {
    let changes = [(1, refund_of(30.0)), (2, refund_of(20.0))];
    let person = json!({ "sessionId": "S" });
    let mut world = World::later(89 * DAY, "purchase", Some("129.95"), &changes, person);
    accepted(&mut world);
    world.pass(13 * HOUR);
    world.correction_arrives(0);
    claimed(&mut world);
    world.advance(0, End::Taken(0));
    world.advance(0, OK);
    world.correction_arrives(1);
    claimed(&mut world);
    world.advance(0, End::Taken(0));
    world.advance(0, OK);
    world.pass(1);
    assert_eq!(value(&world).as_deref(), Some("79.95"));
    assert_eq!(world.claims[1].seconds_since(world.claims[0]), 15 * 60);
}

/// A shop whose buyers mostly clicked no ad.
#[test]
fn an_order_without_click_is_looked_at_six_times_and_ends_without_a_dead_letter() {
    let mut world = world(&[]);
    world.clicks.clear();
    world.sale_arrives();
    let mut looks = 0;
    while state(world.row()).0 == State::Waiting {
        world.wait_for_work();
        all(&mut world, OK);
        looks += 1;
    }
    assert_eq!((looks, world.now), (6, after(89 * DAY)));
    assert_eq!(state(world.row()), (State::Refused, Some("unmatched".to_owned())));
    assert_eq!((&world.row().open, world.dead_letters.len()), (&None, 0));
    world.send(None);
    world.receive(0);
    all(&mut world, OK);
    assert_eq!((world.dead_letters.len(), world.messages.len()), (0, 0), "nor does a redrive help");
}
