//! However many corrections wait under the ids of one order: its row takes 50, and none of the others
//! is lost in silence.

use proptest::prelude::*;
use tracklayer_core::ledger::correction::{Correction, CorrectionRefusal, MAX_CORRECTIONS};
use tracklayer_core::ledger::orphan::Orphan;
use tracklayer_core::reconcile::orphans::{Original, take};

use crate::support::{at, original, orphan, refund};

/// Corrections under one id; some name its event, some another one, some none.
fn waiting(name: &'static str) -> impl Strategy<Value = Vec<Correction>> {
    let events = [None, Some("purchase"), Some("phone_sale")];
    prop::collection::vec(prop::sample::select(events.to_vec()), 1..=MAX_CORRECTIONS).prop_map(
        move |named| {
            let one = |(n, event): (usize, &Option<&str>)| refund(&format!("{name}{n}"), *event);
            named.iter().enumerate().map(one).collect()
        },
    )
}

fn is_for_sale(correction: &Correction) -> bool {
    correction.original_event.as_ref().is_none_or(|event| event.as_str() == "purchase")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_row_takes_fifty_and_every_other_one_ends_named_and_counted_once(
        known in 0..=MAX_CORRECTIONS,
        ids in prop::collection::vec(prop_oneof![waiting("a"), waiting("b")], 1..4),
    ) {
        let sale = original("purchase", 10);
        let mut row = sale;
        row.corrections = (0..known).map(|n| refund(&format!("known{n}"), None)).collect();
        let (mut lost, mut left, mut meant) = (Vec::new(), Vec::<Orphan>::new(), known);
        for waits in &ids {
            let waits = orphan(waits, 0);
            meant += waits.corrections.iter().filter(|it| is_for_sale(it)).count();
            let Some(moved) = at(60, |context| take(Original::own(&row), &waits, context)) else {
                prop_assert!(!waits.corrections.iter().any(is_for_sale));
                continue;
            };
            prop_assert!(moved.row.desired_revision > row.desired_revision);
            let again = at(60, |context| take(Original::own(&moved.row), &moved.orphan, context));
            prop_assert_eq!(again, None, "what has ended is told once");
            row = moved.row;
            lost.extend(moved.lost);
            left.push(moved.orphan);
        }
        prop_assert_eq!(row.corrections.len(), meant.min(MAX_CORRECTIONS));
        prop_assert_eq!(lost.len(), meant.saturating_sub(MAX_CORRECTIONS));
        let ended = left.iter().flat_map(|orphan| &orphan.corrections).filter(|it| is_for_sale(it));
        let refusals: Vec<_> = ended.map(|it| it.refused).collect();
        prop_assert_eq!(refusals.len(), lost.len());
        let too_many = Some(CorrectionRefusal::TooManyCorrections);
        prop_assert!(refusals.iter().all(|refused| *refused == too_many));
        for orphan in &left {
            let still_waits = orphan.waiting().next().is_some();
            prop_assert_eq!(orphan.open.is_some(), still_waits, "nobody looks for what has ended");
            prop_assert!(orphan.waiting().all(|it| !is_for_sale(it)), "of another event");
        }
    }
}
