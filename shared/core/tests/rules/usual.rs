//! When less counts than usual, and when corrections are dropped that usually are not.

use proptest::prelude::*;
use tracklayer_core::microsoft::report::DayOutcome;
use tracklayer_core::microsoft::usual::{newly_dropped, shares};

const ORIGINAL: &str = "AdjustmentOriginalNotFound";
const EXPIRED: &str = "HistoricalClickDataExpired";

/// A day of June 2026: rows that count, and rows that don't, all for one reason.
fn day(number: u32, counted: u64, lost: u64, reason: &str) -> DayOutcome {
    DayOutcome {
        day: format!("2026-06-{number:02}"),
        succeeded: counted,
        unattributed: lost,
        reasons: [(reason.to_owned(), lost)].into(),
    }
}

/// Four weeks of so many rows each day.
fn weeks(counted: u64, lost: u64, reason: &str) -> Vec<DayOutcome> {
    (1..=21).map(|number| day(number, counted, lost, reason)).collect()
}

const OTHER: &str = "NoMatchingClickFound";

#[test]
fn a_share_is_low_where_chance_does_not_explain_it() {
    let low = |known: &[DayOutcome], fresh: &[DayOutcome]| shares(known, fresh).map(|it| it.is_low);
    let known = weeks(60, 40, OTHER);
    assert_eq!(low(&known, &[day(28, 60, 40, OTHER)]), Some(false));
    assert_eq!(low(&known, &[day(28, 49, 51, OTHER)]), Some(false), "less than a fifth");
    assert_eq!(low(&known, &[day(28, 44, 56, OTHER)]), Some(true));
    assert_eq!(low(&known, &[day(28, 9, 11, OTHER)]), Some(false), "chance");
    assert_eq!(low(&known, &[day(28, 0, 20, OTHER)]), Some(true), "no chance");
    let bad_day = [day(22, 60, 40, OTHER), day(28, 20, 80, OTHER)];
    assert_eq!(low(&known, &bad_day), Some(true), "one bad day is seen on that day");
    let reversed: Vec<_> = bad_day.into_iter().rev().collect();
    assert_eq!(low(&known, &reversed), Some(true));
    let few = [day(27, 0, 10, OTHER), day(28, 0, 9, OTHER)];
    assert_eq!(low(&known, &few), None, "19 rows");
    assert_eq!(low(&weeks(2, 0, OTHER), &[day(28, 0, 20, OTHER)]), None, "nothing is usual yet");
    assert_eq!(low(&known, &[]), None, "no report");
    // What was known of the report's own days is no part of what is usual.
    let same = [known.clone(), vec![day(28, 0, 900, OTHER)]].concat();
    assert_eq!(shares(&same, &[day(28, 60, 40, OTHER)]), shares(&known, &[day(28, 60, 40, OTHER)]));
}

#[test]
fn corrections_that_are_dropped_count_once_and_only_where_that_is_unusual() {
    let fresh = [day(27, 10, 0, ORIGINAL), day(28, 10, 2, ORIGINAL)];
    assert_eq!(newly_dropped(&[], &fresh, ORIGINAL), 2, "nothing is known yet");
    assert_eq!(newly_dropped(&fresh, &fresh, ORIGINAL), 0, "known from the last report");
    assert_eq!(newly_dropped(&[day(28, 11, 1, ORIGINAL)], &fresh, ORIGINAL), 1);
    assert_eq!(newly_dropped(&[], &fresh, EXPIRED), 0);
    assert_eq!(newly_dropped(&weeks(9, 1, OTHER), &fresh, ORIGINAL), 2, "none before");
    assert_eq!(newly_dropped(&weeks(10, 1, ORIGINAL), &fresh, ORIGINAL), 0, "as ever");
    assert_eq!(newly_dropped(&weeks(100, 1, ORIGINAL), &fresh, ORIGINAL), 2, "ten times as many");
}

fn days() -> impl Strategy<Value = Vec<DayOutcome>> {
    let one = (1..=28_u32, 0..200_u64, 0..200_u64);
    prop::collection::vec(
        one.prop_map(|(number, counted, lost)| day(number, counted, lost, ORIGINAL)),
        0..28,
    )
}

proptest! {
    #[test]
    fn a_share_is_never_low_where_as_much_counts_as_usual(known in days(), fresh in days()) {
        if let Some(shares) = shares(&known, &fresh) {
            prop_assert!((0.0..=1.0).contains(&shares.now) && (0.0..=1.0).contains(&shares.usual));
            prop_assert!(!shares.is_low || shares.now < shares.usual * 0.8);
        }
        let all: u64 = fresh.iter().map(|day| day.with_reason(ORIGINAL)).sum();
        prop_assert!(newly_dropped(&known, &fresh, ORIGINAL) <= all);
    }
}
