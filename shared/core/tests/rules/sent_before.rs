//! Sales that Microsoft got by other means, recorded as accepted.

use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::to_value;
use tracklayer_core::ledger::correction::{Correction, CorrectionRefusal, Worth, fold};
use tracklayer_core::ledger::facts::Click;
use tracklayer_core::ledger::observed::{Adjustment, Kind, RefusalReason};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::microsoft::payload::OfflineConversion;
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::decide::{Action, next_action};
use tracklayer_core::reconcile::intake::{append, facts_of, sent_before};
use tracklayer_core::time::EventTime;

use crate::intake::sale;
use crate::story::*;
use crate::support::*;

fn uploaded(now: EventTime) -> Row {
    let click = Ok((ClickId::parse(CLICK).expect("a click id"), Click::BROUGHT));
    sent_before(&sale(), facts_of(&sale(), &click), production(), now, 400)
}

#[test]
fn a_sale_that_was_sent_before_is_never_sent_and_its_corrections_are() {
    let mut bench = Bench::new();
    let row = uploaded(after(DAY));
    assert_eq!((row.open.as_ref(), row.observed_revision), (None, 1));
    assert_eq!(row.facts.conversion_time, sold(), "the second that Microsoft knows");
    for days in [1, 30, 91] {
        assert_eq!(bench.context(after(days * DAY)).next(&row), Action::InSync);
    }
    let early = append(&row, refund("r1", 60, "30"), &bench.context(after(DAY)));
    let due = early.open.as_ref().expect("it is due").due;
    assert!(due > after(DAY), "Microsoft may have got it a moment ago");
    let next = next_action(&early, &bench.account, due, &bench.policy);
    assert_eq!(next, Action::Adjust(Adjustment::Restate(usd("99.95")), due));
    let late = append(&row, refund("r1", 60, "30"), &bench.context(after(91 * DAY)));
    assert_eq!(late.corrections[0].refused, Some(CorrectionRefusal::TooOldForMicrosoft));
    // Another ad account knows nothing of it.
    bench.account.destination = Some(sandbox());
    let next = next_action(&early, &bench.account, due, &bench.policy);
    assert_eq!(next, Action::Refuse(RefusalReason::AcceptedElsewhere));
}

proptest! {
    /// Whatever corrections come, however they and its redrives end, and whatever click is seen since.
    #[test]
    fn what_was_sent_before_is_corrected_by_its_own_key_and_never_applied(steps in steps()) {
        let story = follow_row(uploaded, &steps, |story| {
            let row = &story.row;
            assert_eq!(row.facts, uploaded(story.now).facts);
            let net = fold(&row.account, &row.facts, &row.corrections).net.expect("a value");
            let retracts = row.observed.is_retract_claimed();
            match story.next() {
                Action::Apply => panic!("Microsoft has it: {row:?}"),
                Action::Adjust(Adjustment::Restate(money), _) => {
                    assert!(money.amount == net && !retracts);
                }
                Action::Adjust(Adjustment::Retract, _) => assert!(net == amount("0") || retracts),
                Action::InSync if row.corrections.is_empty() => {}
                _ => assert!(!row.corrections.is_empty()),
            }
        });
        let own = to_value(OfflineConversion::new(&story.row.facts)).expect("JSON");
        for sent in &story.sent {
            prop_assert!(sent.kind != Kind::Apply);
            prop_assert_eq!(identity(sent), identity_of(&own));
        }
    }

    /// Two days later, when nothing is waited for.
    #[test]
    fn corrections_of_what_was_sent_before_may_come_in_any_order(
        (one, other) in corrections().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        let bench = Bench::new();
        let next = |corrections: Vec<Correction>| {
            let context = bench.context(after(DAY));
            let add = |row, correction| append(&row, correction, &context);
            let row = corrections.into_iter().fold(uploaded(after(DAY)), add);
            bench.context(after(3 * DAY)).next(&row)
        };
        let uploaded = uploaded(after(DAY));
        let wanted = match fold(&uploaded.account, &uploaded.facts, &one).worth {
            Worth::Original => Action::InSync,
            Worth::Net(money) => Action::Adjust(Adjustment::Restate(money), after(3 * DAY)),
            Worth::Nothing => Action::Adjust(Adjustment::Retract, after(3 * DAY)),
        };
        prop_assert_eq!(next(one), wanted.clone());
        prop_assert_eq!(next(other), wanted);
    }
}

/// Some of them bring it back to what it was.
fn corrections() -> impl Strategy<Value = Vec<Correction>> {
    let value = prop_oneof![1 => Just(129_950), 4 => 0_i64..200_000];
    let any = (0_i64..4, 0..4, value).prop_map(|(second, kind, thousandths)| {
        let value = Decimal::new(thousandths, 3).to_string();
        match kind {
            0 => full("x", second),
            1 => restatement("x", second, &value),
            _ => refund("x", second, &value),
        }
    });
    prop::collection::vec(any, 0..6).prop_map(|corrections| {
        let number =
            |(n, it): (usize, Correction)| Correction { event_id: id(&format!("c{n}")), ..it };
        corrections.into_iter().enumerate().map(number).collect()
    })
}
