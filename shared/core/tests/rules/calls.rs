//! Cutting a batch into calls, and the care with rows that were tried often.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tracklayer_core::ledger::row::RowKey;
use tracklayer_core::microsoft::payload::MAX_ROWS;
use tracklayer_core::reconcile::calls::Care;

use crate::support::*;

/// The calls of a run in which each ends like this, and the rows that are left.
fn calls(mut care: Care, rows: usize, answers: &[bool]) -> (Vec<Vec<usize>>, Vec<usize>) {
    let mut rows: Vec<usize> = (0..rows).collect();
    let mut calls = Vec::new();
    for answered in answers {
        let Some(call) = care.next_call(&mut rows) else { break };
        calls.push(call);
        if *answered {
            care.answered();
        } else {
            care.failed();
        }
    }
    (calls, rows)
}

fn sizes(care: Care, rows: usize, answers: &[bool]) -> Vec<usize> {
    calls(care, rows, answers).0.iter().map(Vec::len).collect()
}

#[test]
fn a_thousand_rows_are_one_call_and_one_more_are_two() {
    let of = |rows| sizes(Care::NONE, rows, &[true; 9]);
    assert_eq!(of(0), [0_usize; 0]);
    assert_eq!(of(1_000), [1_000]);
    assert_eq!(of(1_001), [1_000, 1]);
    assert_eq!(
        sizes(Care::NONE, 3_000, &[false, true, true]),
        [1_000; 3],
        "whatever the first one met"
    );
}

proptest! {
    #[test]
    fn every_row_is_in_exactly_one_call_or_left(
        full in any::<bool>(), rows in 0_usize..3_000,
        answers in prop::collection::vec(prop::bool::weighted(0.7), 0..60),
    ) {
        let care = if full { Care::full(rows) } else { Care::NONE };
        let (calls, left) = calls(care, rows, &answers);
        prop_assert!(calls.iter().all(|call| (1..=MAX_ROWS).contains(&call.len())));
        // Full calls and a rest: no more.
        prop_assert!(full || calls.len() <= rows.div_ceil(MAX_ROWS));
        let all: Vec<usize> = calls.into_iter().flatten().chain(left).collect();
        prop_assert_eq!(all, (0..rows).collect::<Vec<_>>(), "in their order");
    }
}

// --- care

/// The sizes of the careful calls of a run with so many rows in which each ends like this.
fn careful(rows: usize, answers: &[bool]) -> Vec<usize> {
    sizes(Care::full(rows), rows, answers)
}

#[test]
fn careful_calls_start_at_one_row_and_grow_with_each_answer() {
    let all = |rows| careful(rows, &[true; 99]);
    assert_eq!(all(1_000), [1, 5, 25, 125, 200, 200, 200, 200, 44]);
    assert_eq!(all(100), [1, 5, 20, 20, 20, 20, 14]);
    assert_eq!(all(20), [1, 4, 4, 4, 4, 3]);
    assert_eq!(all(5), [1; 5]);
    assert_eq!(all(0), [0_usize; 0]);
    let mixed = [true, true, false, true, false, false, true];
    assert_eq!(careful(1_000, &mixed), [1, 5, 25, 1, 5, 1, 1]);
    assert_eq!(careful(1_000, &[false; 9]), [1, 1, 1], "the world is ill");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_size_of_a_careful_call_is_what_its_answers_allow(
        rows in 1_usize..=MAX_ROWS,
        answers in prop::collection::vec(prop::bool::weighted(0.7), 0..60),
    ) {
        let sizes = careful(rows, &answers);
        let mut left = rows;
        for (n, size) in sizes.iter().enumerate() {
            let before = &answers[..n];
            let answered = before.iter().rev().take_while(|answered| **answered).count();
            let grown = 5_usize.pow(answered.min(5) as u32);
            prop_assert_eq!(*size, grown.min(rows.div_ceil(5)).min(left), "call {}", n);
            left -= size;
            let failed = before.iter().rev().take_while(|answered| !**answered).count();
            prop_assert!(n < 30 && failed < 3, "call {} after {} failures", n, failed);
        }
        // It ends for no other reason than these.
        let ended = answers[..sizes.len()].ends_with(&[false; 3]) || sizes.len() == 30;
        prop_assert!(ended || left == 0 || sizes.len() == answers.len());
    }

    #[test]
    fn the_order_of_careful_rows_is_another_one_with_each_try(first in 0_u32..1_000_000) {
        let keys: Vec<RowKey> = (0..200)
            .map(|n| RowKey { event_id: id(&(first + n).to_string()), ..key() })
            .collect();
        let order = |round: u32| {
            let mut order: Vec<usize> = (0..keys.len()).collect();
            order.sort_by_key(|n| keys[*n].shuffled(round));
            order
        };
        let orders: Vec<_> = (4..=12).map(order).collect();
        prop_assert_eq!(order(4), orders[0].clone(), "of one try it is always the same");
        prop_assert_eq!(orders.iter().collect::<BTreeSet<_>>().len(), orders.len());
        // Whatever row spoils the calls: hardly another one is behind it in all nine tries.
        for poison in [0, 99, 199] {
            let position =
                |order: &[usize], n| order.iter().position(|it| *it == n).expect("there");
            let behind = |n: &usize| {
                orders.iter().all(|order| position(order, *n) >= position(order, poison))
            };
            prop_assert!((0..keys.len()).filter(behind).count() < 60);
        }
    }
}
