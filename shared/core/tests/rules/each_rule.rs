//! One property or more per rule of reconciliation, over rows that any sequence of corrections,
//! attempts and outcomes can lead to. (Rule 3 is in `correction`, rule 7 in `reply`.)

use proptest::prelude::*;
use rust_decimal::Decimal;
use tracklayer_core::ledger::correction::fold;
use tracklayer_core::ledger::facts::{Facts, click_or_hashes};
use tracklayer_core::ledger::observed::{Adjustment, Kind, RefusalReason};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::money::Money;
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::decide::{Action, next_action};
use tracklayer_core::reconcile::note::Note;

use crate::{story::*, support::*, world::CLICKS};

proptest! {
    #[test]
    fn rule_1_an_apply_carries_the_original_value_always(steps in steps()) {
        let story = follow(&steps, |_| {});
        for sent in story.of_kind(|kind| kind == Kind::Apply) {
            prop_assert_eq!(sent.payload["ConversionValue"].to_string(), "129.95");
            prop_assert_eq!(&sent.payload["ConversionCurrencyCode"], "USD");
        }
    }

    #[test]
    fn rule_2_a_restate_is_the_absolute_net_and_a_retract_has_none(steps in steps()) {
        follow(&steps, |story| {
            let row = &story.row;
            let net = fold(&row.account, &facts(), &row.corrections).net.expect("a value");
            match story.next() {
                Action::Adjust(Adjustment::Restate(money), _) => {
                    assert_eq!(money, Money { amount: net, currency: currency("USD") });
                    let is_claimed = row.observed.is_retract_claimed();
                    assert!(net.decimal() >= Decimal::new(5, 3) && !is_claimed);
                }
                Action::Adjust(Adjustment::Retract, _) => {
                    assert!(net == amount("0") || row.observed.is_retract_claimed());
                }
                _ => {}
            }
        });
    }

    #[test]
    fn rule_2_after_a_retract_that_may_be_taken_only_a_retract_is_sent(steps in steps()) {
        let story = follow(&steps, |_| {});
        let sent = story.of_kind(|kind| kind != Kind::Apply);
        let is_first = |sent: &&Sent| sent.kind == Kind::Retract && may_be_taken(sent);
        let first = sent.iter().position(is_first).unwrap_or(sent.len());
        prop_assert!(sent[first..].iter().all(|sent| sent.kind == Kind::Retract));
    }

    #[test]
    fn rule_4_what_may_be_taken_fixes_goal_identity_and_second(steps in steps()) {
        let story = follow(&steps, |story| {
            let fixed = Facts { goal: id("Purchase"), ..story.row.facts.clone() };
            let money = (fixed.money, &fixed.fingerprint, fixed.occurred_at);
            assert_eq!(money, (facts().money, &facts().fingerprint, sold()));
        });
        let first = story.sent.iter().position(may_be_taken).unwrap_or(story.sent.len());
        for sent in &story.sent[first..] {
            prop_assert_eq!(identity(sent), identity(&story.sent[first]));
        }
    }

    #[test]
    fn rule_4_nothing_that_microsoft_finds_late_is_sent_with_that_click_again(steps in steps()) {
        let story = follow(&steps, |_| {});
        let sent = story.of_kind(|kind| kind == Kind::Apply);
        for (n, late) in sent.iter().enumerate().filter(|(_, sent)| sent.end == End::TooLate) {
            let open = sent[..n].iter().any(|sent| may_be_taken(sent));
            let click = &late.payload["MicrosoftClickId"];
            prop_assert!(open || sent[n + 1..].iter().all(|it| it.payload["MicrosoftClickId"] != *click));
        }
    }

    #[test]
    fn rule_5_one_identity_is_one_key(click in 0_usize..4, upper in prop::bool::ANY, mail in 0..3) {
        let mut facts = nobody();
        facts.identity.email = [None, hash(MAIL), hash(PHONE)][mail as usize];
        let hashes = click_or_hashes(&facts.identity);
        prop_assert_eq!(hashes.is_some(), facts.identity.is_matchable());
        let Some(click) = CLICKS.get(click) else { return Ok(()) };
        let spelled = if upper { click.to_uppercase() } else { (*click).to_owned() };
        facts.identity.click_id = Some(ClickId::parse(&spelled).expect("a click id"));
        prop_assert_eq!(click_or_hashes(&facts.identity), Some((*click).to_owned()));
    }

    #[test]
    fn rule_6_each_revision_is_raised_by_its_own_changes_only(steps in steps()) {
        let mut last: Option<Row> = None;
        follow(&steps, |story| {
            let row = &story.row;
            if let Some(last) = last.replace(row.clone()) {
                let wanted = row.corrections != last.corrections || row.facts != last.facts;
                assert_eq!(row.desired_revision != last.desired_revision, wanted);
                assert_eq!(row.observed_revision != last.observed_revision, row.observed != last.observed);
            }
        });
    }

    /// That nobody else sends what is claimed is checked with each attempt.
    #[test]
    fn rule_8_nothing_is_sent_that_is_not_claimed_in_the_row_first(steps in steps()) {
        follow(&steps, |story| {
            let Some(sent) = story.sent.last().filter(|sent| sent.end == End::Killed) else { return };
            let known = &story.row.observed;
            if sent.kind == Kind::Apply {
                assert!(known.may_count(), "it ends as may_already_count if it ends now");
            } else {
                let claim = known.claim.as_ref().expect("a claim");
                assert_eq!((claim.at, claim.adjustment_time), (sent.at, moment(sent)));
                let value = &sent.payload["AdjustmentValue"];
                let claimed = claim.value.map(|value| value.to_string());
                assert_eq!(claimed.unwrap_or_else(|| "null".to_owned()), value.to_string());
            }
        });
    }

    #[test]
    fn rule_8_a_claim_of_an_original_keeps_others_away_for_ten_minutes(steps in steps()) {
        let story = follow(&steps, |_| {});
        for pair in story.of_kind(|kind| kind == Kind::Apply).windows(2) {
            let known = !matches!(pair[0].end, End::Killed);
            prop_assert!(known || pair[1].at.seconds_since(pair[0].at) >= 600);
        }
    }

    #[test]
    fn rule_8_adjustments_that_may_be_taken_lie_apart_and_their_times_rise(steps in steps()) {
        let story = follow(&steps, |_| {});
        let policy = &story.bench.policy;
        let last_call = story.row.correction_limit().plus_seconds(-policy.run_margin);
        let sent = story.of_kind(|kind| kind != Kind::Apply);
        for (n, next) in sent.iter().enumerate() {
            prop_assert!(moment(next) > story.row.facts.conversion_time && moment(next) <= next.at);
            let Some(last) = sent[..n].iter().rfind(|sent| may_be_taken(sent)) else { continue };
            let near_the_end = last.at.plus_seconds(policy.spacing()) > last_call;
            let apart = if near_the_end { policy.run_margin } else { policy.spacing() };
            prop_assert!(next.at.seconds_since(last.at) >= apart);
            prop_assert!(moment(next) > moment(last));
        }
    }

    /// As if it had never been: the claim, the doubt and the Retract before it are what they were.
    #[test]
    fn rule_8_what_is_known_not_to_be_taken_leaves_no_trace(steps in steps(), end in 0..3) {
        let end = [End::NotTaken, End::Later, End::Failed][end as usize];
        follow(&steps, |story| {
            if !matches!(story.next(), Action::Adjust(..)) {
                return;
            }
            let mut again = Story { row: story.row.clone(), bench: Bench::new(), sent: Vec::new(), ..*story };
            again.attempt(end);
            let (before, after) = (&story.row.observed, &again.row.observed);
            assert_eq!((before.unsettled, &before.adjusted), (after.unsettled, &after.adjusted));
            let kept = |row: &Row| {
                row.observed.claim.as_ref().map(|claim| (claim.at, claim.value, claim.adjustment_time))
            };
            assert_eq!(kept(&story.row), kept(&again.row));
            if end == End::NotTaken {
                let due = again.row.open.as_ref().expect("due").due;
                assert_eq!(due, again.now.plus_seconds(again.bench.policy.run_margin));
            }
        });
    }

    #[test]
    fn rule_8_nothing_is_in_sync_after_an_unknown_adjustment_until_a_later_one_was_taken(
        steps in steps(),
    ) {
        follow(&steps, |story| {
            let sent = story.of_kind(|kind| kind != Kind::Apply);
            let last = sent.iter().rfind(|sent| may_be_taken(sent));
            if last.is_some_and(|last| last.end != End::Accepted) {
                assert_ne!(story.next(), Action::InSync);
            }
        });
    }

    #[test]
    fn rule_8_an_original_refused_or_ended_after_an_unknown_outcome_may_already_count(
        steps in steps(),
    ) {
        follow(&steps, |story| {
            let row = &story.row;
            let over = row.observed.accepted.is_none() && story.sent.iter().any(may_be_taken);
            if let Some(refusal) = row.observed.refusal.as_ref().filter(|_| over) {
                assert_eq!(refusal.reason, RefusalReason::MayAlreadyCount);
            }
        });
    }

    #[test]
    fn rule_9_an_adjustment_goes_after_the_settle_delay_and_before_the_last_useful_moment(
        steps in steps(),
    ) {
        let story = follow(&steps, |_| {});
        let limit = story.row.correction_limit();
        let last_call = limit.plus_seconds(-story.bench.policy.run_margin);
        for sent in story.of_kind(|kind| kind != Kind::Apply) {
            let accepted = story.row.observed.accepted.as_ref().expect("accepted");
            let settled = accepted.at.plus_seconds(story.bench.policy.settle_delay);
            prop_assert!(sent.at >= settled.min(last_call) && sent.at <= limit);
        }
    }

    #[test]
    fn rule_9_what_stands_at_microsoft_is_not_sent_again(steps in steps()) {
        let story = follow(&steps, |_| {});
        let sent = story.of_kind(|kind| kind != Kind::Apply);
        for pair in sent.windows(2).filter(|pair| pair[0].end == End::Accepted) {
            let what = |sent: &Sent| sent.payload["AdjustmentValue"].clone();
            prop_assert!(what(pair[0]) != what(pair[1]));
        }
        let first = sent.first().map(|first| first.payload["AdjustmentValue"].to_string());
        prop_assert!(first.is_none_or(|first| first != "129.95"), "the original stands already");
        // Accepted once, an original is never sent again.
        let applies = story.of_kind(|kind| kind == Kind::Apply);
        let accepted = applies.iter().position(|sent| sent.end == End::Accepted);
        prop_assert!(accepted.is_none_or(|n| n + 1 == applies.len()));
    }

    #[test]
    fn rule_10_another_environment_or_account_is_refused_and_never_in_sync(steps in steps()) {
        follow(&steps, |story| {
            let mut row = story.row.clone();
            row.observed.refusal = None;
            let Some(accepted) = &mut row.observed.accepted else { return };
            accepted.by = sandbox();
            let action = next_action(&row, &story.bench.account, story.now, &story.bench.policy);
            assert_eq!(action, Action::Refuse(RefusalReason::AcceptedElsewhere));
        });
    }

    #[test]
    fn what_is_written_twice_is_written_once(steps in steps()) {
        follow(&steps, |story| {
            let again = match story.next() {
                Action::WaitUntil(until, reason) => Note::Waits(until, reason),
                Action::InSync => Note::InSync,
                Action::Refuse(reason) => Note::Refused(reason),
                _ => return,
            };
            let context = story.bench.context(story.now);
            let once = again.write(&story.row, None, &context).applied_to(&story.row);
            let twice = again.write(&once, None, &context).applied_to(&once);
            assert_eq!((twice.observed, twice.facts), (once.observed, once.facts));
        });
    }
}
