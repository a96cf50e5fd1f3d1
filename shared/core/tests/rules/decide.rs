//! The decision, case by case.

use proptest::prelude::*;
use tracklayer_core::{
    ledger::{
        facts::Facts,
        index::IndexClass,
        observed::{Acceptance, Adjusted, Claim, Kind, Postponed, Refusal, RefusalReason},
        row::Row,
        wait::WaitReason,
    },
    person::identity::Identity,
    reconcile::decide::{
        Action, Adjustment, after_wait, is_about_to_expire, is_rushed, next_action,
    },
};

use crate::support::*;

/// The row of `accepted_row` is accepted after two hours and may be corrected from here on.
const SETTLED: i64 = 14 * HOUR;
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

/// With this value claimed then.
fn claimed(mut row: Row, seconds: i64, value: Option<&str>) -> Row {
    row.observed.claim = Some(Claim {
        at: after(seconds),
        value: value.map(amount),
        adjustment_time: after(seconds),
        after_unsettled: false,
    });
    row
}

fn unmatched() -> Row {
    row_of(Facts { identity: Identity::default(), click: None, ..facts() })
}

#[test]
fn a_refused_row_stays_refused_whatever_came_since() {
    let mut row = refunded();
    let reason = RefusalReason::MayAlreadyCount;
    row.observed.refusal = Some(Refusal { at: after(9), reason: reason.clone() });
    assert_eq!(next(&row, SETTLED), Action::Refuse(reason));
}

#[test]
fn an_orphan_waits_for_its_original_longer_each_time() {
    let mut orphan = Row { facts: None, ..refunded() };
    let reason = WaitReason::OriginalMissing;
    orphan.open = Some(IndexClass::Orphan.entry(&orphan.key, after(0), Some(reason)));
    for (waits, hours) in [(0, 1), (1, 6), (2, 24), (3, 24), (u32::MAX, 24)] {
        orphan.waits = waits;
        assert_eq!(next(&orphan, 0), wait(hours * HOUR, reason));
    }
}

#[test]
fn waits_for_something_else_do_not_make_the_next_look_later() {
    let mut row = refunded();
    let reason = Some(WaitReason::SettleDelay);
    row.open = Some(IndexClass::Wait.entry(&row.key, after(SETTLED), reason));
    row.waits = 2;
    let mut bench = Bench::new();
    bench.account.held = true;
    let action = bench.context(after(SETTLED)).next(&row);
    assert_eq!(action, wait(SETTLED + HOUR, WaitReason::AccountHeld));
}

#[test]
fn the_original_goes_an_hour_after_its_click() {
    assert_eq!(next(&row(), 0), Action::Apply);
    let mut young = row();
    let click = young.facts.as_mut().and_then(|facts| facts.click.as_mut()).expect("a click");
    click.clicked_at = Some(after(-600));
    assert_eq!(next(&young, 0), wait(HOUR - 600, WaitReason::ClickTooYoung));
    assert_eq!(next(&young, HOUR - 600), Action::Apply);
}

#[test]
fn where_the_click_is_unknown_the_hour_counts_from_the_conversion() {
    let row = row_of(Facts { click: None, ..facts() });
    assert_eq!(next(&row, 5), wait(HOUR, WaitReason::ClickTooYoung));
    assert_eq!(next(&row, HOUR), Action::Apply);
}

#[test]
fn a_conversion_ahead_of_our_clock_waits() {
    let early = after(-4 * 60);
    let mut row = row();
    let click = row.facts.as_mut().and_then(|facts| facts.click.as_mut()).expect("a click");
    click.clicked_at = Some(after(-DAY));
    let action = Bench::new().context(early).next(&row);
    assert_eq!(action, wait(0, WaitReason::TimeInFuture));
}

#[test]
fn what_microsoft_wants_later_goes_later() {
    let mut row = row();
    let reason = WaitReason::GoalTooRecent;
    row.observed.postponed = Some(Postponed { until: after(2 * HOUR), reason });
    assert_eq!(next(&row, HOUR), wait(2 * HOUR, reason));
    assert_eq!(next(&row, 2 * HOUR), Action::Apply);
}

#[test]
fn after_90_days_the_original_has_expired() {
    assert_eq!(next(&row(), LIMIT), Action::Apply);
    assert_eq!(next(&row(), LIMIT + 1), Action::Refuse(RefusalReason::Expired));
    assert_eq!(next(&unmatched(), LIMIT + 1), Action::Refuse(RefusalReason::Expired));
}

#[test]
fn without_identity_it_waits_for_a_click_and_keeps_its_reason() {
    let mut row = unmatched();
    assert_eq!(next(&row, 0), wait(HOUR, WaitReason::NoClick));
    let reason = WaitReason::AmbiguousClick;
    row.open = Some(IndexClass::Wait.entry(&row.key, after(HOUR), Some(reason)));
    row.waits = 1;
    assert_eq!(next(&row, HOUR), wait(7 * HOUR, reason));
    // The last look is just past the limit, where it ends as expired.
    row.waits = 9;
    assert_eq!(next(&row, LIMIT - 60), wait(LIMIT + 1, reason));
}

#[test]
fn a_held_account_or_goal_holds_originals_and_corrections() {
    let mut bench = Bench::new();
    bench.account.held_goals = vec!["Purchase".to_owned(), "Lead".to_owned()];
    for row in [row(), refunded()] {
        let action = bench.context(after(SETTLED)).next(&row);
        assert_eq!(action, wait(SETTLED + HOUR, WaitReason::GoalHeld));
    }
    bench.account.held = true;
    let action = bench.context(after(SETTLED)).next(&row());
    assert_eq!(action, wait(SETTLED + HOUR, WaitReason::AccountHeld));
    let other = row_of(Facts { goal: id("purchase"), ..facts() });
    bench.account.held = false;
    assert_eq!(bench.context(after(SETTLED)).next(&other), Action::Apply);
}

#[test]
fn accepted_and_uncorrected_is_in_sync() {
    assert_eq!(next(&accepted_row(Vec::new()), DAY), Action::InSync);
    assert_eq!(next(&accepted_row(Vec::new()), 200 * DAY), Action::InSync);
    let undone = vec![refund("r", 1, "30"), restatement("n", 2, "129.95")];
    assert_eq!(next(&accepted_row(undone), DAY), Action::InSync);
}

#[test]
fn a_correction_waits_until_the_original_shows() {
    assert_eq!(next(&refunded(), 3 * HOUR), wait(SETTLED, WaitReason::SettleDelay));
    assert_eq!(next(&refunded(), SETTLED), restate("99.95", SETTLED));
    assert_eq!(next(&accepted_row(vec![full("f", 1)]), SETTLED), retract(SETTLED));
}

#[test]
fn the_settle_delay_never_reaches_past_the_last_moment() {
    let mut row = refunded();
    row.observed.accepted =
        Some(Acceptance { at: after(LIMIT - HOUR), by: production(), tracking_id: None });
    let last_call = LIMIT - 15 * 60;
    assert_eq!(next(&row, LIMIT - HOUR), wait(last_call, WaitReason::SettleDelay));
    assert_eq!(next(&row, last_call), restate("99.95", last_call));
    assert_eq!(next(&row, LIMIT), restate("99.95", LIMIT));
    assert_eq!(next(&row, LIMIT + 1), Action::Refuse(RefusalReason::TooOldForMicrosoft));
}

#[test]
fn two_claims_lie_a_settle_delay_and_a_run_apart_whatever_became_of_the_first() {
    let row = claimed(refunded(), SETTLED, Some("99.95"));
    let again = SETTLED + 12 * HOUR + 15 * 60;
    assert_eq!(next(&row, again - 1), wait(again, WaitReason::BetweenAdjustments));
    assert_eq!(next(&row, again), restate("99.95", again));
}

#[test]
fn after_an_unknown_outcome_the_net_goes_again_even_if_it_is_the_old_one() {
    let mut row = claimed(accepted_row(Vec::new()), SETTLED, Some("99.95"));
    row.observed.unsettled = true;
    let again = SETTLED + 12 * HOUR + 15 * 60;
    assert_eq!(next(&row, DAY), wait(again, WaitReason::RepeatAfterUnknown));
    assert_eq!(next(&row, again), restate("129.95", again));
}

#[test]
fn after_a_claimed_retract_only_a_retract_goes() {
    let corrections = vec![full("f", 1), restatement("n", 2, "50")];
    let mut row = claimed(accepted_row(corrections), SETTLED, None);
    row.observed.retract_claimed = Some(1);
    row.observed.unsettled = true;
    assert_eq!(next(&row, 2 * DAY), retract(2 * DAY));
    row.observed.unsettled = false;
    row.observed.adjusted = Some(Adjusted { at: after(SETTLED), value: None, tracking_id: None });
    assert_eq!(next(&row, 2 * DAY), Action::InSync);
}

#[test]
fn a_restated_row_is_in_sync_until_the_net_moves() {
    let mut row = claimed(refunded(), SETTLED, Some("99.95"));
    let value = Some(amount("99.95"));
    row.observed.adjusted = Some(Adjusted { at: after(SETTLED), value, tracking_id: None });
    assert_eq!(next(&row, 2 * DAY), Action::InSync);
    row.corrections.push(refund("r2", 70, "0.05"));
    assert_eq!(next(&row, 2 * DAY), restate("99.9", 2 * DAY));
    row.corrections.push(restatement("n", 80, "129.95"));
    assert_eq!(next(&row, 2 * DAY), restate("129.95", 2 * DAY));
}

#[test]
fn a_correction_on_a_goal_without_value_is_a_retract_or_nothing() {
    let with = |corrections| {
        let facts = Some(without_value());
        Row { facts, ..accepted_row(corrections) }
    };
    assert_eq!(next(&with(vec![refund("r", 1, "30")]), SETTLED), Action::InSync);
    assert_eq!(next(&with(vec![full("f", 1)]), SETTLED), retract(SETTLED));
}

#[test]
fn the_adjustment_time_is_raised_above_the_last_one_sent() {
    let mut row = claimed(refunded(), SETTLED, Some("99.95"));
    row.observed.unsettled = true;
    let claim = row.observed.claim.as_mut().expect("a claim");
    claim.adjustment_time = after(3 * DAY);
    assert_eq!(next(&row, 2 * DAY), wait(3 * DAY + 1, WaitReason::BetweenAdjustments));
    assert_eq!(next(&row, 3 * DAY + 1), restate("99.95", 3 * DAY + 1));
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
    // Who doesn't know the destination doesn't context it.
    bench.account.destination = None;
    assert_eq!(bench.context(after(DAY)).next(&row), Action::InSync);
}

#[test]
fn a_row_is_about_to_expire_in_its_last_eight_days_if_it_still_wants_something() {
    assert!(!is_about_to_expire(&row(), after(82 * DAY)));
    assert!(is_about_to_expire(&row(), after(82 * DAY + 1)));
    assert!(is_about_to_expire(&row(), after(90 * DAY)));
    assert!(!is_about_to_expire(&row(), after(90 * DAY + 1)), "it has expired");
    assert!(!is_about_to_expire(&accepted_row(Vec::new()), after(89 * DAY)));
    assert!(is_about_to_expire(&refunded(), after(89 * DAY)), "its refund is still to be sent");
    let mut nobody = row();
    nobody.facts.as_mut().expect("facts").identity = Identity::default();
    assert!(!is_about_to_expire(&nobody, after(89 * DAY)), "nobody who clicked an ad");
}

#[test]
fn an_adjustment_that_can_not_wait_for_its_settle_delay_is_rushed() {
    let mut row = refunded();
    let bench = Bench::new();
    let late = after(90 * DAY - 900);
    row.observed.accepted =
        Some(Acceptance { at: late.plus_seconds(-60), by: production(), tracking_id: None });
    assert!(matches!(bench.context(late).next(&row), Action::Adjust(..)));
    assert!(is_rushed(&row, late, &bench.policy));
    assert!(!is_rushed(&row, late.plus_seconds(bench.policy.settle_delay), &bench.policy));
}

#[test]
fn hashes_alone_wait_for_a_click_where_the_goal_takes_none() {
    let mut bench = Bench::new();
    bench.account.plain_goals = vec!["Purchase".to_owned()];
    let mut hashed = row();
    if let Some(facts) = &mut hashed.facts {
        facts.identity = Identity { email: hash(MAIL), ..Identity::default() };
        facts.click = None;
    }
    let next = |row: &Row, bench: &Bench| bench.context(after(2 * HOUR)).next(row);
    assert!(matches!(next(&hashed, &bench), Action::WaitUntil(_, WaitReason::NoClick)));
    let mut was_held = hashed.clone();
    let held = Some(WaitReason::GoalHeld);
    was_held.open =
        Some(IndexClass::Held("main/Purchase".to_owned()).entry(&hashed.key, sold(), held));
    assert!(matches!(next(&was_held, &bench), Action::WaitUntil(_, WaitReason::NoClick)));
    assert_eq!(next(&row(), &bench), Action::Apply, "a click is enough");
    let mut doubtful = hashed.clone();
    doubtful.observed.apply_unknown = true;
    assert_eq!(next(&doubtful, &bench), Action::Apply, "repeated as it is");
    bench.account.plain_goals.clear();
    assert_eq!(next(&hashed, &bench), Action::Apply);
}

#[test]
fn what_goes_after_a_wait() {
    assert_eq!(after_wait(&row()), Some(Kind::Apply));
    assert_eq!(after_wait(&refunded()), Some(Kind::Restate));
    assert_eq!(after_wait(&accepted_row(vec![full("f", 1)])), Some(Kind::Retract));
    assert_eq!(after_wait(&accepted_row(Vec::new())), None);
    assert_eq!(after_wait(&Row { facts: None, ..refunded() }), None);
}

proptest! {
    #[test]
    fn a_wait_always_ends_later_and_an_adjustment_is_never_dated_ahead(
        accepted in prop::option::of(0_i64..95 * DAY),
        claim in prop::option::of((0_i64..95 * DAY, -DAY..DAY)),
        unsettled in prop::bool::ANY,
        now in -DAY..95 * DAY,
        waits in 0_u32..5,
    ) {
        let mut row = refunded();
        row.waits = waits;
        row.observed.accepted = accepted
            .map(|at| Acceptance { at: after(at), by: production(), tracking_id: None });
        row.observed.unsettled = unsettled;
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
