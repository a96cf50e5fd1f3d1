//! What becomes of an original, case by case.

use tracklayer_core::ledger::facts::Facts;
use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::observed::{Kind, Postponed, Refusal, RefusalReason};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::reconcile::decide::{Action, is_about_to_expire};
use tracklayer_core::reconcile::note::Note;

use crate::support::*;

const LIMIT: i64 = 90 * DAY;

fn next(row: &Row, seconds: i64) -> Action {
    Bench::new().context(after(seconds)).next(row)
}

fn wait(seconds: i64, reason: WaitReason) -> Action {
    Action::WaitUntil(after(seconds), reason)
}

#[test]
fn a_refused_row_stays_refused_whatever_came_since() {
    let mut row = row();
    let reason = RefusalReason::MayAlreadyCount;
    row.observed.refusal = Some(Refusal { at: after(9), reason: reason.clone() });
    assert_eq!(next(&row, DAY), Action::Refuse(reason));
}

/// It may count where it was sent: sent to another account, it could count in both.
#[test]
fn an_attempt_without_an_answer_is_repeated_nowhere_else() {
    let mut bench = Bench::new();
    let mut row = row();
    let claim = Note::ClaimedApply.write(&row, None, &bench.context(after(HOUR)));
    assert!(carry_out(&mut row, &claim));
    let mut unanswered = row.clone();
    let unknown = Note::Unknown(Kind::Apply, mark(), None);
    let unknown = unknown.write(&row, None, &bench.context(after(HOUR + 60)));
    assert!(carry_out(&mut unanswered, &unknown));
    let mut freed = row.clone();
    let not_taken = Note::NotTaken(Kind::Apply, mark(), None);
    let not_taken = not_taken.write(&row, None, &bench.context(after(HOUR + 60)));
    assert!(carry_out(&mut freed, &not_taken));
    let elsewhere = Action::Refuse(RefusalReason::AcceptedElsewhere);
    for (here, again) in [(production(), Action::Apply), (sandbox(), elsewhere)] {
        bench.account.destination = Some(here);
        let next = |row: &Row| bench.context(after(DAY)).next(row);
        assert_eq!((next(&row), next(&unanswered)), (again.clone(), again));
        assert_eq!(next(&freed), Action::Apply, "it is nowhere");
    }
}

#[test]
fn the_original_goes_an_hour_after_its_click_or_else_after_the_conversion() {
    assert_eq!(next(&row(), 0), Action::Apply);
    let young = row_of(clicked(-600));
    assert_eq!(next(&young, 0), wait(HOUR - 600, WaitReason::ClickTooYoung));
    assert_eq!(next(&young, HOUR - 600), Action::Apply);
    for unknown in [Facts { click: None, ..facts() }, hashed()] {
        assert_eq!(next(&row_of(unknown.clone()), 5), wait(HOUR, WaitReason::ClickTooYoung));
        assert_eq!(next(&row_of(unknown), HOUR), Action::Apply);
    }
}

#[test]
fn a_conversion_ahead_of_our_clock_waits() {
    assert_eq!(next(&row_of(clicked(-DAY)), -240), wait(0, WaitReason::TimeInFuture));
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
fn a_claim_keeps_other_runs_away_for_ten_minutes() {
    for facts in [facts(), hashed(), nobody()] {
        let mut row = row_of(facts);
        row.observed.applying = Some(after(DAY));
        assert_eq!(next(&row, DAY + 599), wait(DAY + 600, WaitReason::AttemptRunning));
        assert_ne!(next(&row, DAY + 600), wait(DAY + 600, WaitReason::AttemptRunning));
    }
    let mut row = row();
    row.observed.applying = Some(after(DAY));
    assert_eq!(next(&row, DAY + 600), Action::Apply, "an older one is an unknown outcome");
    row.observed.applying = Some(after(LIMIT));
    assert_eq!(next(&row, LIMIT + 1), wait(LIMIT + 600, WaitReason::AttemptRunning));
    assert_eq!(next(&row, LIMIT + 600), Action::Refuse(RefusalReason::MayAlreadyCount));
}

#[test]
fn after_90_days_it_ends_as_what_is_known_of_it() {
    assert_eq!(next(&row(), LIMIT), Action::Apply);
    assert_eq!(next(&row(), LIMIT + 1), Action::Refuse(RefusalReason::Expired));
    assert_eq!(next(&row_of(nobody()), LIMIT + 1), Action::Refuse(RefusalReason::Unmatched));
    let mut unknown = row();
    unknown.observed.apply_unknown = true;
    assert_eq!(next(&unknown, LIMIT + 1), Action::Refuse(RefusalReason::MayAlreadyCount));
}

#[test]
fn a_click_is_looked_for_six_times_and_the_last_time_a_day_before_the_end() {
    let row = row_of(nobody());
    let mut now = 0;
    for look in [HOUR, 6 * HOUR, 2 * DAY, 10 * DAY, 40 * DAY, LIMIT - DAY] {
        assert_eq!(next(&row, now), wait(look, WaitReason::NoClick));
        assert_eq!(next(&row, look - 1), wait(look, WaitReason::NoClick));
        now = look;
    }
    assert_eq!(next(&row, now), Action::Refuse(RefusalReason::Unmatched));
    // Recorded late, it is looked for less often; the end is the conversion's.
    let late = Row { recorded_at: after(70 * DAY), ..row };
    assert_eq!(next(&late, 80 * DAY), wait(LIMIT - DAY, WaitReason::NoClick));
}

#[test]
fn a_wait_for_a_click_keeps_its_reason_and_needs_no_account() {
    let mut row = row_of(nobody());
    let reason = WaitReason::AmbiguousClick;
    row.open = open(IndexClass::Look, HOUR, Some(reason));
    let mut bench = Bench::new();
    bench.account.held = true;
    assert_eq!(bench.context(after(HOUR)).next(&row), wait(6 * HOUR, reason));
    row.open = open(IndexClass::Wait, HOUR, Some(WaitReason::SettleDelay));
    assert_eq!(next(&row, HOUR), wait(6 * HOUR, WaitReason::NoClick));
}

#[test]
fn hashes_alone_wait_for_a_click_where_the_goal_takes_none() {
    let mut bench = Bench::new();
    bench.account.goals_without_hashes = vec![id("Purchase")];
    let next = |row: &Row, now: i64| bench.context(after(now)).next(row);
    assert_eq!(next(&row_of(hashed()), 2 * HOUR), wait(6 * HOUR, WaitReason::NoClick));
    let end = next(&row_of(hashed()), LIMIT - DAY);
    assert_eq!(end, Action::Refuse(RefusalReason::Expired), "somebody was recognised");
    let held = Row {
        open: open(IndexClass::Held("main/Purchase".to_owned()), 0, Some(WaitReason::GoalHeld)),
        ..row_of(hashed())
    };
    assert_eq!(next(&held, 2 * HOUR), wait(6 * HOUR, WaitReason::NoClick));
    assert_eq!(next(&row(), 2 * HOUR), Action::Apply, "a click is enough");
    let mut doubtful = row_of(hashed());
    doubtful.observed.apply_unknown = true;
    assert_eq!(next(&doubtful, 2 * HOUR), Action::Apply, "repeated as it is");
    assert_eq!(self::next(&row_of(hashed()), 2 * HOUR), Action::Apply);
}

#[test]
fn a_click_that_microsoft_refused_is_none() {
    let refused = vec![facts().identity.click_id.expect("a click id")];
    let alone = row_of(Facts { refused_clicks: refused.clone(), ..facts() });
    assert_eq!(next(&alone, 2 * HOUR), wait(6 * HOUR, WaitReason::NoClick));
    let mut with_hash = row_of(Facts { refused_clicks: refused, ..facts() });
    with_hash.facts.identity.email = hash(MAIL);
    assert_eq!(next(&with_hash, 2 * HOUR), Action::Apply);
}

#[test]
fn a_held_account_or_goal_holds_originals_and_corrections() {
    let mut bench = Bench::new();
    bench.account.held_goals = vec![id("Purchase"), id("Lead")];
    for row in [row(), accepted_row(vec![refund("r1", 60, "30")])] {
        let action = bench.context(after(DAY)).next(&row);
        assert_eq!(action, wait(DAY + HOUR, WaitReason::GoalHeld));
    }
    bench.account.held = true;
    let action = bench.context(after(DAY)).next(&row());
    assert_eq!(action, wait(DAY + HOUR, WaitReason::AccountHeld));
    let other = row_of(Facts { goal: id("purchase"), ..facts() });
    bench.account.held = false;
    assert_eq!(bench.context(after(DAY)).next(&other), Action::Apply);
}

#[test]
fn a_row_is_about_to_expire_in_its_last_eight_days_if_it_still_wants_something() {
    assert!(!is_about_to_expire(&row(), after(82 * DAY)));
    assert!(is_about_to_expire(&row(), after(82 * DAY + 1)));
    assert!(is_about_to_expire(&row(), after(90 * DAY)));
    assert!(!is_about_to_expire(&row(), after(90 * DAY + 1)), "it has expired");
    assert!(!is_about_to_expire(&accepted_row(Vec::new()), after(89 * DAY)));
    let refunded = accepted_row(vec![refund("r1", 60, "30")]);
    assert!(is_about_to_expire(&refunded, after(89 * DAY)), "its refund is still to be sent");
    let early = Row { facts: clicked(-40 * DAY), ..refunded };
    assert!(is_about_to_expire(&early, after(49 * DAY)), "its click is older");
    assert!(!is_about_to_expire(&row_of(nobody()), after(89 * DAY)), "nobody who clicked an ad");
}

/// Its goal takes no hashes: the row waits for a click, like most orders of a shop.
#[test]
fn a_row_by_mail_alone_for_which_a_click_is_looked_for_is_not_about_to_expire() {
    let mut bench = Bench::new();
    bench.account.goals_without_hashes.push(id("Purchase"));
    let mut row = row_of(hashed());
    assert!(is_about_to_expire(&row, after(89 * DAY)), "Microsoft can match it");
    let Action::WaitUntil(until, reason) = bench.context(after(HOUR)).next(&row) else {
        panic!("it waits")
    };
    assert_eq!(reason, WaitReason::NoClick);
    let noted = Note::Waits(until, reason).write(&row, None, &bench.context(after(HOUR)));
    assert!(carry_out(&mut row, &noted));
    assert!(!is_about_to_expire(&row, after(89 * DAY)));
    row.open = open(IndexClass::Held("main".to_owned()), HOUR, Some(WaitReason::AccountHeld));
    assert!(is_about_to_expire(&row, after(89 * DAY)), "a person must act");
}
