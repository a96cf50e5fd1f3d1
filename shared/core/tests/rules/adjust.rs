//! What becomes of corrections, case by case.

use proptest::prelude::*;
use tracklayer_core::ledger::correction::Correction;
use tracklayer_core::ledger::facts::Facts;
use tracklayer_core::ledger::observed::{
    Acceptance, Adjusted, Adjustment, Claim, Kind, RefusalReason,
};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::reconcile::decide::{Action, after_wait, is_rushed, next_action};

use crate::support::*;

/// The row of `accepted_row` is accepted after two hours and may be corrected from here on.
const SETTLED: i64 = 14 * HOUR;
/// A claim of an adjustment and the next one lie so far apart.
const SPACING: i64 = 12 * HOUR + QUARTER;
const QUARTER: i64 = 15 * 60;
const LIMIT: i64 = 90 * DAY;

fn next(row: &Row, seconds: i64) -> Action {
    Bench::new().context(after(seconds)).next(row)
}

fn wait(seconds: i64, reason: WaitReason) -> Action {
    Action::WaitUntil(after(seconds), reason)
}

fn restate(text: &str, seconds: i64) -> Action {
    Action::Adjust(Adjustment::Restate(usd(text)), after(seconds))
}

fn retract(seconds: i64) -> Action {
    Action::Adjust(Adjustment::Retract, after(seconds))
}

fn refunded() -> Row {
    accepted_row(vec![refund("r1", 60, "30")])
}

/// With this value claimed then, and no outcome yet.
fn claimed(mut row: Row, seconds: i64, value: Option<&str>) -> Row {
    row.observed.claim = Some(Claim {
        at: after(seconds),
        value: value.map(amount),
        adjustment_time: after(seconds),
        corrections: row.corrections.len(),
        unanswered: false,
        after_unsettled: false,
        before: None,
    });
    row.observed.unsettled = true;
    row
}

/// The same, and Microsoft took it.
fn adjusted(row: Row, seconds: i64, value: Option<&str>) -> Row {
    let mut row = claimed(row, seconds, value);
    let (at, value, corrections) = (after(seconds), value.map(amount), row.corrections.len());
    row.observed.adjusted = Some(Adjusted { at, value, corrections, tracking_id: None });
    row.observed.unsettled = false;
    row
}

#[test]
fn a_net_that_equals_what_stands_at_microsoft_sends_nothing() {
    assert_eq!(next(&accepted_row(Vec::new()), DAY), Action::InSync);
    assert_eq!(next(&accepted_row(Vec::new()), 200 * DAY), Action::InSync);
    let undone = vec![refund("r", 1, "30"), restatement("n", 2, "129.95")];
    assert_eq!(next(&accepted_row(undone), DAY), Action::InSync);
    let mut row = adjusted(refunded(), SETTLED, Some("99.95"));
    assert_eq!(next(&row, 2 * DAY), Action::InSync);
    row.corrections.push(refund("r2", 70, "0.05"));
    assert_eq!(next(&row, 2 * DAY), restate("99.9", 2 * DAY));
    // Back at the original: Microsoft still has the other value.
    row.corrections.push(restatement("n", 80, "129.95"));
    assert_eq!(next(&row, 2 * DAY), restate("129.95", 2 * DAY));
}

/// A trial of 0 stays at 0 without a word; 0 after a real value is a Restate, as nothing was taken
/// back.
#[test]
fn a_trial_of_nothing_sends_nothing_until_its_net_moves() {
    let trial = |corrections: Vec<Correction>| Row {
        facts: Facts { money: Some(usd("0")), ..facts() },
        ..accepted_row(corrections)
    };
    for still in [restatement("n", 1, "0"), refund("r", 1, "0"), refund("r", 1, "10")] {
        assert_eq!(next(&trial(vec![still]), SETTLED), Action::InSync);
    }
    let paid = trial(vec![restatement("n", 1, "50")]);
    assert_eq!(next(&paid, SETTLED), restate("50", SETTLED));
    let mut back = adjusted(paid, SETTLED, Some("50"));
    back.corrections.push(refund("r", 2, "50"));
    assert_eq!(next(&back, 2 * DAY), restate("0", 2 * DAY));
    assert_eq!(next(&trial(vec![full("f", 1)]), SETTLED), retract(SETTLED));
}

#[test]
fn a_correction_waits_until_the_original_shows() {
    assert_eq!(next(&refunded(), 3 * HOUR), wait(SETTLED, WaitReason::SettleDelay));
    assert_eq!(next(&refunded(), SETTLED), restate("99.95", SETTLED));
    assert_eq!(next(&accepted_row(vec![full("f", 1)]), SETTLED), retract(SETTLED));
}

/// Accepted an hour before the last useful moment, which is 90 days after this second.
fn accepted_late(start: i64) -> Row {
    let mut row = Row { facts: clicked(start), ..refunded() };
    let at = after(start + LIMIT - HOUR);
    row.observed.accepted = Some(Acceptance { at, by: production(), tracking_id: None });
    row
}

#[test]
fn the_last_useful_moment_is_90_days_after_click_or_conversion_whichever_is_earlier() {
    for (clicked, limit) in [(-40 * DAY, 50 * DAY), (5, LIMIT)] {
        let mut row = refunded();
        row.facts = crate::support::clicked(clicked);
        assert_eq!(next(&row, limit), restate("99.95", limit));
        assert_eq!(next(&row, limit + 1), Action::Refuse(RefusalReason::TooOldForMicrosoft));
    }
    let unknown = Row { facts: Facts { click: None, ..facts() }, ..refunded() };
    assert_eq!(next(&unknown, LIMIT), restate("99.95", LIMIT));
}

#[test]
fn the_settle_delay_never_reaches_past_the_last_useful_moment() {
    for start in [-40 * DAY, 0] {
        let (row, limit) = (accepted_late(start), start + LIMIT);
        let last_call = limit - QUARTER;
        assert_eq!(next(&row, limit - HOUR), wait(last_call, WaitReason::SettleDelay));
        assert_eq!(next(&row, last_call), restate("99.95", last_call));
        let policy = Bench::new().policy;
        assert!(is_rushed(&row, after(last_call), &policy));
        assert!(!is_rushed(&row, after(last_call + policy.settle_delay), &policy));
    }
}

#[test]
fn two_claims_lie_a_settle_delay_and_a_run_apart_whatever_became_of_the_first() {
    let again = SETTLED + SPACING;
    let unknown = claimed(refunded(), SETTLED, Some("99.95"));
    let mut taken = adjusted(refunded(), SETTLED, Some("99.95"));
    taken.corrections.push(refund("r2", 70, "1"));
    for (row, reason, net) in [
        (unknown, WaitReason::RepeatAfterUnknown, "99.95"),
        (taken, WaitReason::BetweenAdjustments, "98.95"),
    ] {
        assert_eq!(next(&row, again - 1), wait(again, reason));
        assert_eq!(next(&row, again), restate(net, again));
    }
}

#[test]
fn a_claim_that_may_be_running_is_no_unknown_outcome_yet() {
    let again = SETTLED + SPACING;
    let mut row = claimed(refunded(), SETTLED, Some("99.95"));
    let running = wait(again, WaitReason::BetweenAdjustments);
    assert_eq!(next(&row, SETTLED + QUARTER - 1), running);
    let over = wait(again, WaitReason::RepeatAfterUnknown);
    assert_eq!(next(&row, SETTLED + QUARTER), over);
    row.observed.claim.as_mut().expect("a claim").unanswered = true;
    assert_eq!(next(&row, SETTLED + 1), over);
}

#[test]
fn near_the_end_a_quarter_of_an_hour_between_two_claims_is_enough() {
    for start in [-40 * DAY, 0] {
        let limit = start + LIMIT;
        let of = |claim: i64| {
            let mut row = adjusted(accepted_late(start), claim, Some("99.95"));
            row.observed.accepted.as_mut().expect("accepted").at = after(start);
            row.corrections.push(refund("r2", 70, "1"));
            row
        };
        let in_time = limit - QUARTER - SPACING;
        let far = wait(limit - QUARTER, WaitReason::BetweenAdjustments);
        assert_eq!(next(&of(in_time), in_time + QUARTER), far);
        let near = in_time + 1;
        assert_eq!(next(&of(near), near + QUARTER), restate("98.95", near + QUARTER));
        let reason = WaitReason::BetweenAdjustments;
        assert_eq!(next(&of(near), near + QUARTER - 1), wait(near + QUARTER, reason));
    }
}

#[test]
fn after_an_unknown_outcome_the_net_goes_again_even_if_it_is_the_old_one() {
    let row = claimed(accepted_row(Vec::new()), SETTLED, Some("99.95"));
    let again = SETTLED + SPACING;
    assert_eq!(next(&row, DAY), wait(again, WaitReason::RepeatAfterUnknown));
    assert_eq!(next(&row, again), restate("129.95", again));
}

#[test]
fn after_a_claimed_retract_only_a_retract_goes() {
    let corrections = || vec![full("f", 1), restatement("n", 2, "50")];
    let row = claimed(accepted_row(corrections()), SETTLED, None);
    assert_eq!(next(&row, 2 * DAY), retract(2 * DAY));
    let row = adjusted(accepted_row(corrections()), SETTLED, None);
    assert_eq!(next(&row, 2 * DAY), Action::InSync);
}

#[test]
fn a_correction_on_a_goal_without_value_is_a_retract_or_nothing() {
    let with = |corrections| Row { facts: without_value(), ..accepted_row(corrections) };
    assert_eq!(next(&with(vec![refund("r", 1, "30")]), SETTLED), Action::InSync);
    assert_eq!(next(&with(vec![full("f", 1)]), SETTLED), retract(SETTLED));
}

#[test]
fn the_adjustment_time_is_raised_above_the_conversion_and_the_last_one_sent() {
    let mut row = claimed(refunded(), SETTLED, Some("99.95"));
    row.observed.claim.as_mut().expect("a claim").adjustment_time = after(3 * DAY);
    assert_eq!(next(&row, 2 * DAY), wait(3 * DAY + 1, WaitReason::BetweenAdjustments));
    assert_eq!(next(&row, 3 * DAY + 1), restate("99.95", 3 * DAY + 1));
    let mut ahead = refunded();
    ahead.facts.conversion_time = after(2 * DAY);
    assert_eq!(next(&ahead, 2 * DAY), wait(2 * DAY + 1, WaitReason::BetweenAdjustments));
}

#[test]
fn another_environment_or_ad_account_is_never_in_sync() {
    let row = accepted_row(Vec::new());
    let mut bench = Bench::new();
    let elsewhere = Action::Refuse(RefusalReason::AcceptedElsewhere);
    bench.account.destination = Some(sandbox());
    assert_eq!(bench.context(after(DAY)).next(&row), elsewhere);
    let mut other = production();
    other.account_id = "1002".to_owned();
    bench.account.destination = Some(other);
    assert_eq!(bench.context(after(DAY)).next(&row), elsewhere);
    // Who doesn't know the destination can't compare it.
    bench.account.destination = None;
    assert_eq!(bench.context(after(DAY)).next(&row), Action::InSync);
}

#[test]
fn what_goes_after_a_wait() {
    assert_eq!(after_wait(&row()), Some(Kind::Apply));
    assert_eq!(after_wait(&refunded()), Some(Kind::Restate));
    assert_eq!(after_wait(&accepted_row(vec![full("f", 1)])), Some(Kind::Retract));
    assert_eq!(after_wait(&accepted_row(Vec::new())), None);
}

proptest! {
    #[test]
    fn a_wait_always_ends_later_and_an_adjustment_is_never_dated_ahead(
        accepted in prop::option::of(0_i64..95 * DAY),
        applying in prop::option::of(0_i64..95 * DAY),
        claim in prop::option::of((0_i64..95 * DAY, -DAY..DAY)),
        known in 0_usize..3,
        now in -DAY..95 * DAY,
    ) {
        let mut row = Row { facts: [facts(), hashed(), nobody()][known].clone(), ..refunded() };
        row.observed.accepted = accepted
            .map(|at| Acceptance { at: after(at), by: production(), tracking_id: None });
        row.observed.applying = applying.map(after);
        if let Some((at, ahead)) = claim {
            row = claimed(row, at, Some("99.95"));
            row.observed.claim.as_mut().expect("a claim").adjustment_time = after(at + ahead);
        }
        let bench = Bench::new();
        match next_action(&row, &bench.account, after(now), &bench.policy) {
            Action::WaitUntil(until, _) => prop_assert!(until > after(now)),
            Action::Adjust(_, time) => prop_assert_eq!(time, after(now)),
            _ => {}
        }
    }
}
