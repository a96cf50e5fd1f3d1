//! Cutting a batch into calls.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tracklayer_core::{
    microsoft::payload::MAX_ROWS,
    reconcile::calls::{Call, Item, Operation, SUSPECT_ROWS, calls},
};

use crate::support::id;

fn item(account: &str, operation: Operation, suspect: bool, load: usize) -> Item<usize> {
    Item { account: id(account), operation, suspect, load }
}

fn sizes(calls: &[Call<usize>]) -> Vec<usize> {
    calls.iter().map(|call| call.rows.len()).collect()
}

#[test]
fn nothing_makes_no_call() {
    assert!(calls::<usize>(Vec::new()).is_empty());
}

#[test]
fn a_thousand_rows_are_one_call_and_one_more_are_two() {
    let of =
        |n: usize| calls((0..n).map(|n| item("main", Operation::Conversions, false, n)).collect());
    assert_eq!(sizes(&of(1_000)), [1_000]);
    assert_eq!(sizes(&of(1_001)), [1_000, 1]);
}

#[test]
fn suspects_go_last_in_fifties() {
    let mut items: Vec<_> =
        (0..101).map(|n| item("main", Operation::Conversions, true, n)).collect();
    items.push(item("zeta", Operation::Adjustments, false, 200));
    let calls = calls(items);
    assert_eq!(sizes(&calls), [1, SUSPECT_ROWS, SUSPECT_ROWS, 1]);
    assert_eq!(calls[0].rows, [200]);
}

const ACCOUNTS: [&str; 3] = ["main", "second", "third"];

fn items() -> impl Strategy<Value = Vec<Item<usize>>> {
    let operation = prop_oneof![Just(Operation::Conversions), Just(Operation::Adjustments)];
    let any = (0_usize..3, operation, prop::bool::weighted(0.2));
    prop::collection::vec(any, 0..3_000).prop_map(|list| {
        list.into_iter()
            .enumerate()
            .map(|(n, (account, operation, suspect))| {
                item(ACCOUNTS[account], operation, suspect, n)
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn every_row_is_in_exactly_one_call_of_its_kind(items in items()) {
        let by_load: BTreeMap<usize, _> =
            items.iter().map(|item| (item.load, item.clone())).collect();
        let mut groups: BTreeMap<_, usize> = BTreeMap::new();
        for item in &items {
            *groups.entry((item.account.clone(), item.operation, item.suspect)).or_default() += 1;
        }
        let calls = calls(items);
        let mut seen = vec![false; by_load.len()];
        let mut suspects_began = false;
        let mut last: BTreeMap<_, usize> = BTreeMap::new();
        for call in &calls {
            let suspect = by_load[&call.rows[0]].suspect;
            let limit = if suspect { SUSPECT_ROWS } else { MAX_ROWS };
            prop_assert!(call.rows.len() <= limit);
            prop_assert!(suspect || !suspects_began, "suspects go last");
            suspects_began |= suspect;
            for load in &call.rows {
                let item = &by_load[load];
                prop_assert_eq!(&item.account, &call.account);
                prop_assert_eq!(item.operation, call.operation);
                prop_assert_eq!(item.suspect, suspect);
                prop_assert!(!std::mem::replace(&mut seen[*load], true), "sent twice");
                let group = (call.account.clone(), call.operation, suspect);
                let before = last.insert(group, *load);
                prop_assert!(before.is_none_or(|before| before < *load), "order");
            }
        }
        prop_assert!(seen.iter().all(|seen| *seen), "left out");
        // Full calls and a rest per group: no more, no less.
        let fewest: usize = groups
            .iter()
            .map(|((.., suspect), rows)| {
                rows.div_ceil(if *suspect { SUSPECT_ROWS } else { MAX_ROWS })
            })
            .sum();
        prop_assert_eq!(calls.len(), fewest);
    }
}
