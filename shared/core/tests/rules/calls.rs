//! Cutting a batch into calls, and the care with rows that were tried often.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tracklayer_core::ledger::row::RowKey;
use tracklayer_core::microsoft::payload::MAX_ROWS;
use tracklayer_core::reconcile::calls::{Call, Care, Item, Operation, calls, groups};

use crate::support::*;

fn item(account: &str, operation: Operation, load: usize) -> Item<usize> {
    Item { account: id(account), operation, load }
}

fn sizes(calls: &[Call<usize>]) -> Vec<usize> {
    calls.iter().map(|call| call.rows.len()).collect()
}

#[test]
fn a_thousand_rows_are_one_call_and_one_more_are_two() {
    let of = |n: usize| calls((0..n).map(|n| item("main", Operation::Conversions, n)).collect());
    assert_eq!(sizes(&of(0)), [0_usize; 0]);
    assert_eq!(sizes(&of(1_000)), [1_000]);
    assert_eq!(sizes(&of(1_001)), [1_000, 1]);
}

const ACCOUNTS: [&str; 3] = ["main", "second", "third"];

fn items() -> impl Strategy<Value = Vec<Item<usize>>> {
    let operation = prop_oneof![Just(Operation::Conversions), Just(Operation::Adjustments)];
    prop::collection::vec((0_usize..3, operation), 0..3_000).prop_map(|list| {
        let items = list.into_iter().enumerate();
        items.map(|(n, (account, operation))| item(ACCOUNTS[account], operation, n)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn every_row_is_in_exactly_one_call_of_its_kind(items in items()) {
        let by_load: BTreeMap<usize, _> =
            items.iter().map(|item| (item.load, item.clone())).collect();
        let groups = groups(items.clone());
        let calls = calls(items);
        let mut seen = vec![false; by_load.len()];
        let mut last: BTreeMap<_, usize> = BTreeMap::new();
        for call in &calls {
            prop_assert!((1..=MAX_ROWS).contains(&call.rows.len()));
            for load in &call.rows {
                let item = &by_load[load];
                prop_assert_eq!((&item.account, item.operation), (&call.account, call.operation));
                prop_assert!(!std::mem::replace(&mut seen[*load], true), "sent twice");
                let before = last.insert((call.account.clone(), call.operation), *load);
                prop_assert!(before.is_none_or(|before| before < *load), "order");
            }
        }
        prop_assert!(seen.iter().all(|seen| *seen), "left out");
        // Full calls and a rest per group: no more, no less.
        let fewest: usize = groups.iter().map(|group| group.rows.len().div_ceil(MAX_ROWS)).sum();
        prop_assert_eq!(calls.len(), fewest);
    }
}

// --- care

/// The sizes of the careful calls of a run in which each ends like this.
fn careful(answers: &[bool]) -> Vec<usize> {
    let mut care = Care::default();
    let mut sizes = Vec::new();
    for answered in answers {
        let Some(rows) = care.next_rows() else { break };
        sizes.push(rows);
        if *answered {
            care.answered();
        } else {
            care.failed();
        }
    }
    sizes
}

#[test]
fn careful_calls_start_at_one_row_and_grow_with_each_answer() {
    assert_eq!(careful(&[true; 8]), [1, 2, 4, 8, 16, 32, 50, 50]);
    assert_eq!(careful(&[true, true, false, true, false, false, true]), [1, 2, 4, 1, 2, 1, 1]);
    assert_eq!(careful(&[false; 9]), [1, 1, 1], "the world is ill");
    let rows: usize = careful(&[true; 99]).iter().sum();
    assert!(rows > MAX_ROWS, "one run takes a whole batch of messages: {rows}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_size_of_a_careful_call_is_what_its_answers_allow(
        answers in prop::collection::vec(prop::bool::weighted(0.7), 0..60),
    ) {
        let sizes = careful(&answers);
        for (n, rows) in sizes.iter().enumerate() {
            let before = &answers[..n];
            let answered = before.iter().rev().take_while(|answered| **answered).count();
            prop_assert_eq!(*rows, 50.min(1 << answered.min(10)), "call {}", n);
            let failed = before.iter().rev().take_while(|answered| !**answered).count();
            prop_assert!(n < 30 && failed < 3, "call {} after {} failures", n, failed);
        }
        // It ends for no other reason than these.
        let ended = answers[..sizes.len()].ends_with(&[false; 3]) || sizes.len() == 30;
        prop_assert!(ended || sizes.len() == answers.len());
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
