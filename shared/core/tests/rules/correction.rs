//! Folding: any order of arrival ends in the same net.

use proptest::prelude::*;
use rust_decimal::Decimal;
use tracklayer_core::ledger::correction::Effect::{Counted, NoEffect, Refused};
use tracklayer_core::ledger::correction::{
    Change, Correction, CorrectionRefusal, Folded, Worth, effects_shown, fold,
};
use tracklayer_core::ledger::facts::Facts;
use tracklayer_core::ledger::observed::{Adjusted, Claim, Observed};
use tracklayer_core::money::Money;
use tracklayer_core::time::Moment;

use crate::support::*;

fn folded(corrections: &[Correction]) -> Folded {
    fold(&id("main"), &facts(), corrections)
}

fn net(corrections: &[Correction]) -> Worth {
    folded(corrections).worth
}

#[test]
fn without_corrections_the_original_stands() {
    assert_eq!(net(&[]), Worth::Original);
    assert_eq!(folded(&[]).net, Some(amount("129.95")));
}

#[test]
fn refunds_add_up_exactly() {
    let corrections = [refund("r1", 1, "0.1"), refund("r2", 2, "0.2")];
    assert_eq!(net(&corrections), Worth::Net(usd("129.65")));
    let corrections = [refund("r1", 1, "30"), refund("r2", 2, "99.95")];
    assert_eq!(net(&corrections), Worth::Nothing);
}

#[test]
fn a_refund_above_the_original_leaves_nothing() {
    let folded = folded(&[refund("r1", 1, "200")]);
    assert_eq!(folded.worth, Worth::Nothing);
    assert_eq!(folded.net, Some(amount("0")), "never less");
}

#[test]
fn a_restatement_is_absolute_and_a_full_refund_takes_all() {
    let corrections = [refund("r1", 1, "30"), restatement("n1", 2, "50"), refund("r2", 3, "20")];
    assert_eq!(net(&corrections), Worth::Net(usd("30")));
    assert_eq!(net(&[restatement("n1", 1, "500"), full("f", 2)]), Worth::Nothing);
    assert_eq!(net(&[restatement("n1", 1, "0")]), Worth::Nothing);
    assert_eq!(net(&[full("f", 1), restatement("n1", 2, "50")]), Worth::Net(usd("50")));
    assert_eq!(net(&[full("f", 1), refund("r", 2, "1")]), Worth::Nothing);
}

#[test]
fn back_at_the_original_value_is_the_original() {
    let corrections = [refund("r1", 1, "30"), restatement("n1", 2, "129.950")];
    assert_eq!(net(&corrections), Worth::Original);
}

#[test]
fn the_order_of_occurrence_counts_not_of_arrival() {
    let late = [restatement("n1", 2, "50"), refund("r1", 1, "30")];
    assert_eq!(net(&late), Worth::Net(usd("50")));
}

/// At this millisecond.
fn at(text: &str, correction: Correction) -> Correction {
    Correction { occurred_at: Moment::parse_rfc3339(text).expect("a time"), ..correction }
}

#[test]
fn corrections_are_folded_by_milliseconds_then_source_then_id_with_digits_as_numbers() {
    let last_of = |one: &Correction, other: &Correction| {
        let net = net(&[one.clone(), other.clone()]);
        assert_eq!(net, self::net(&[other.clone(), one.clone()]), "whatever came first");
        net
    };
    let (early, late) = (restatement("edit-9", 5, "80"), restatement("edit-10", 5, "60"));
    assert_eq!(last_of(&early, &late), Worth::Net(usd("60")), "9 comes before 10");
    let first = at("2026-04-25T08:00:00.100Z", late.clone());
    let then = at("2026-04-25T08:00:00.900Z", early.clone());
    assert_eq!(last_of(&first, &then), Worth::Net(usd("80")), "milliseconds come first");
    let bank = Correction { source: id("bank"), ..late.clone() };
    assert_eq!(last_of(&bank, &early), Worth::Net(usd("80")), "then the source");
    let zero = restatement("edit-09", 5, "70");
    assert_eq!(last_of(&zero, &early), Worth::Net(usd("80")), "then the bytes");
    let huge = restatement("edit-99999999999999999999999", 5, "50");
    assert_eq!(last_of(&huge, &late), Worth::Net(usd("50")), "of any length");
}

#[test]
fn a_net_below_half_of_the_smallest_unit_counts_as_nothing() {
    let thirds: Vec<_> = (0..3).map(|n| refund(&format!("r{n}"), n, "33.333")).collect();
    let of = |money: Money, corrections: &[Correction]| {
        let facts = Facts { money: Some(money), ..facts() };
        let folded = fold(&id("main"), &facts, corrections);
        let is_nothing = folded.worth == Worth::Nothing;
        assert!(!is_nothing || folded.net == Some(amount("0")), "shown as it is sent");
        folded.worth
    };
    assert_eq!(of(usd("100"), &thirds), Worth::Nothing, "0.001 is left");
    assert_eq!(of(usd("100.004"), &thirds), Worth::Net(usd("0.005")));
    assert_eq!(of(usd("100.003"), &thirds), Worth::Nothing, "0.004 is left");
    let yen = |text: &str| Money { amount: amount(text), currency: currency("JPY") };
    let mut half = refund("r", 1, "99.6");
    half.change.currency = Some(currency("JPY"));
    assert_eq!(of(yen("100"), &[half.clone()]), Worth::Nothing, "0.4 yen");
    assert_eq!(of(yen("100.1"), &[half]), Worth::Net(yen("0.5")));
}

#[test]
fn a_trial_of_nothing_stays_what_it_is_until_it_is_taken_back_whole() {
    let trial = |corrections: &[Correction]| {
        let facts = Facts { money: Some(usd("0")), ..facts() };
        fold(&id("main"), &facts, corrections).worth
    };
    assert_eq!(trial(&[restatement("n", 1, "0")]), Worth::Original);
    assert_eq!(trial(&[refund("r", 1, "0")]), Worth::Original);
    assert_eq!(trial(&[refund("r", 1, "10")]), Worth::Original, "a net below 0 counts as 0");
    assert_eq!(trial(&[restatement("n", 1, "50")]), Worth::Net(usd("50")));
    assert_eq!(trial(&[restatement("n", 1, "50"), refund("r", 2, "50")]), Worth::Original);
    assert_eq!(trial(&[full("f", 1)]), Worth::Nothing);
}

#[test]
fn another_currency_or_account_is_refused_and_changes_nothing() {
    let mut euros = refund("r1", 1, "30");
    euros.change.currency = Some(currency("EUR"));
    let elsewhere = Correction { account: Some(id("other")), ..refund("r2", 2, "30") };
    let here = Correction { account: Some(id("main")), ..refund("r3", 3, "30") };
    let folded = folded(&[euros, elsewhere, here]);
    assert_eq!(folded.worth, Worth::Net(usd("99.95")));
    let expected = [
        Refused(CorrectionRefusal::CurrencyMismatch),
        Refused(CorrectionRefusal::AccountMismatch),
        Counted,
    ];
    assert_eq!(folded.effects, expected);
}

#[test]
fn what_was_refused_when_recorded_stays_refused() {
    let refused = Some(CorrectionRefusal::TooOldForMicrosoft);
    let folded = folded(&[Correction { refused, ..full("f", 1) }]);
    assert_eq!(folded.worth, Worth::Original);
    assert_eq!(folded.effects, [Refused(CorrectionRefusal::TooOldForMicrosoft)]);
}

#[test]
fn a_goal_without_value_can_only_be_taken_back_whole() {
    let fold = |corrections: &[Correction]| fold(&id("main"), &without_value(), corrections);
    let part = fold(&[refund("r1", 1, "30"), restatement("n1", 2, "50")]);
    assert_eq!((part.worth, part.net), (Worth::Original, None));
    assert_eq!(part.effects, [NoEffect, NoEffect]);
    let all = fold(&[full("f", 1), restatement("n1", 2, "50")]);
    assert_eq!((all.worth, all.net), (Worth::Nothing, None));
    assert_eq!(all.effects, [Counted, NoEffect]);
}

/// A Retract that was claimed when the row had one correction.
fn retract(unanswered: bool, before: Option<Claim>) -> Claim {
    Claim {
        at: after(DAY),
        value: None,
        adjustment_time: after(DAY),
        corrections: 1,
        unanswered,
        after_unsettled: before.is_some(),
        before: before.map(Box::new),
    }
}

#[test]
fn after_a_retract_that_was_taken_or_is_unanswered_revivals_are_shown_as_refused() {
    let revived = folded(&[full("f", 1), restatement("n1", 2, "50")]);
    let refused = [Counted, Refused(CorrectionRefusal::AfterRetraction)];
    let claimed = |claim| Observed { claim: Some(claim), ..Observed::default() };
    assert_eq!(effects_shown(&revived, &Observed::default()), [Counted, Counted]);
    let on_its_way = claimed(retract(false, None));
    assert_eq!(effects_shown(&revived, &on_its_way), [Counted, Counted], "it may be taken back");
    let unanswered = claimed(retract(true, None));
    assert_eq!(effects_shown(&revived, &unanswered), refused);
    let again = claimed(retract(false, Some(retract(true, None))));
    assert_eq!(effects_shown(&revived, &again), refused, "the first one is unanswered");
    let adjusted = Adjusted { at: after(DAY), value: None, corrections: 1, tracking_id: None };
    let taken = Observed { adjusted: Some(adjusted), ..on_its_way };
    assert_eq!(effects_shown(&revived, &taken), refused);
    // Still nothing: the second refund is part of it.
    let nothing = folded(&[full("f", 1), refund("r1", 2, "1")]);
    assert_eq!(effects_shown(&nothing, &taken), [Counted, Counted]);
    // What was refused for another reason keeps that reason.
    let mut euros = restatement("n2", 3, "40");
    euros.change.currency = Some(currency("EUR"));
    let mixed = folded(&[full("f", 1), restatement("n1", 2, "50"), euros]);
    let shown = effects_shown(&mixed, &taken);
    assert_eq!(shown[2], Refused(CorrectionRefusal::CurrencyMismatch));
}

fn any_correction() -> impl Strategy<Value = Correction> {
    let change = prop_oneof![
        Just(Change::default()),
        (0_i64..200_000, prop::bool::ANY).prop_map(|(thousandths, restated)| {
            let value = Decimal::new(thousandths, 3).to_string();
            let given = Some(amount(&value));
            let currency = Some(currency("USD"));
            match restated {
                true => Change { new_value: given, currency, ..Change::default() },
                false => Change { amount: given, currency, ..Change::default() },
            }
        }),
    ];
    (0_i64..4, change, "[ab]").prop_map(|(second, change, source)| Correction {
        source: id(&source),
        ..correction("x", second, change)
    })
}

/// Up to eight corrections with ids of their own, some of which read as the same number, and an
/// order in which they arrive.
fn shuffled() -> impl Strategy<Value = (Vec<Correction>, Vec<Correction>)> {
    prop::collection::vec(any_correction(), 0..8).prop_flat_map(|mut corrections| {
        for (n, correction) in corrections.iter_mut().enumerate() {
            correction.event_id = id(&format!("c{}{}", "0".repeat(n), 9 + n % 2));
        }
        (Just(corrections.clone()), Just(corrections).prop_shuffle())
    })
}

proptest! {
    #[test]
    fn rule_3_any_order_of_arrival_ends_in_the_same_net((one, other) in shuffled()) {
        let (one, other) = (folded(&one), folded(&other));
        prop_assert_eq!(one.worth, other.worth);
        prop_assert_eq!(one.net, other.net);
    }

    #[test]
    fn rule_9_the_net_that_is_shown_is_the_one_that_is_sent((corrections, _) in shuffled()) {
        let folded = folded(&corrections);
        let net = folded.net.expect("a goal with value");
        match folded.worth {
            Worth::Original => prop_assert_eq!(net, amount("129.95")),
            Worth::Net(money) => prop_assert_eq!(net, money.amount),
            Worth::Nothing => prop_assert_eq!(net, amount("0")),
        }
        prop_assert_eq!(folded.effects.len(), corrections.len());
    }
}
