//! Folding: any order of arrival ends in the same net.

use proptest::prelude::*;
use rust_decimal::Decimal;
use tracklayer_core::ledger::{
    correction::{
        Change, Correction, CorrectionRefusal,
        Effect::{Counted, NoEffect, Refused},
        Folded, Worth, effects_shown, fold,
    },
    observed::Observed,
};

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
    assert_eq!(folded(&[]).net, Some(amount("129.95").decimal()));
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
    assert_eq!(folded.net, Some(amount("129.95").decimal() - Decimal::from(200)));
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

#[test]
fn in_the_same_second_source_then_id_decide() {
    let a = restatement("a", 5, "50");
    let b = restatement("b", 5, "60");
    assert_eq!(net(&[a.clone(), b.clone()]), Worth::Net(usd("60")));
    assert_eq!(net(&[b.clone(), a.clone()]), Worth::Net(usd("60")));
    let other = Correction { source: id("bank"), ..b };
    assert_eq!(net(&[a.clone(), other.clone()]), Worth::Net(usd("50")));
    assert_eq!(net(&[other, a]), Worth::Net(usd("50")));
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

#[test]
fn after_a_claimed_retract_later_revivals_are_shown_as_refused() {
    let retracted = Observed { retract_claimed: Some(1), ..Observed::default() };
    let revived = folded(&[full("f", 1), restatement("n1", 2, "50")]);
    let shown = effects_shown(&revived, &retracted);
    assert_eq!(shown, [Counted, Refused(CorrectionRefusal::AfterRetraction)]);
    assert_eq!(effects_shown(&revived, &Observed::default()), [Counted, Counted]);
    // Still nothing: the second refund is part of it.
    let nothing = folded(&[full("f", 1), refund("r1", 2, "1")]);
    assert_eq!(effects_shown(&nothing, &retracted), [Counted, Counted]);
    // What was refused for another reason keeps that reason.
    let mut euros = restatement("n2", 3, "40");
    euros.change.currency = Some(currency("EUR"));
    let mixed = folded(&[full("f", 1), restatement("n1", 2, "50"), euros]);
    let shown = effects_shown(&mixed, &retracted);
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

/// Up to eight corrections with ids of their own, and an order in which they arrive.
fn shuffled() -> impl Strategy<Value = (Vec<Correction>, Vec<Correction>)> {
    prop::collection::vec(any_correction(), 0..8).prop_flat_map(|mut corrections| {
        for (n, correction) in corrections.iter_mut().enumerate() {
            correction.event_id = id(&format!("c{n}"));
        }
        (Just(corrections.clone()), Just(corrections).prop_shuffle())
    })
}

proptest! {
    #[test]
    fn any_order_of_arrival_ends_in_the_same_net((one, other) in shuffled()) {
        let (one, other) = (folded(&one), folded(&other));
        prop_assert_eq!(one.worth, other.worth);
        prop_assert_eq!(one.net, other.net);
    }

    #[test]
    fn worth_and_net_agree((corrections, _) in shuffled()) {
        let folded = folded(&corrections);
        let net = folded.net.expect("a goal with value");
        match folded.worth {
            Worth::Original => prop_assert_eq!(net, amount("129.95").decimal()),
            Worth::Net(money) => prop_assert_eq!(net, money.amount.decimal()),
            Worth::Nothing => prop_assert!(net <= Decimal::ZERO),
        }
        prop_assert_eq!(folded.effects.len(), corrections.len());
    }
}
