//! Whether less of a goal's rows counts than usual, and whether rows are lost for a reason for which
//! few or none were lost before.
//!
//! Usual is what Microsoft's reports said of the four weeks before the days of the last report. What
//! too few rows say is unknown: it is neither usual nor unusual.

use super::report::{DAYS, DayOutcome};

/// How long what a report said is kept.
pub const KEPT_DAYS: i64 = 400;

/// How far back what is usual reaches, counted from today.
pub const LOOK_BACK_DAYS: i64 = DAYS + 28;

/// Rows of the four weeks without which nothing is usual.
const FEWEST_USUAL: u64 = 50;
/// Rows of the last days without which their share says nothing.
const FEWEST_NOW: u64 = 20;

/// Rows of some days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Rows {
    accepted: u64,
    counted: u64,
}

/// The share of a goal's rows that counts, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// Of the latest days that have enough rows together.
    pub now: f64,
    /// Of the four weeks before.
    pub usual: f64,
    /// Whether it is lower than usual by a fifth at least, and by more than chance makes likely.
    pub is_low: bool,
}

impl Rows {
    fn of<'a>(days: impl Iterator<Item = &'a DayOutcome>) -> Self {
        days.fold(Rows::default(), |rows, day| rows.with(day))
    }

    fn with(self, day: &DayOutcome) -> Self {
        Rows { accepted: self.accepted + day.accepted(), counted: self.counted + day.succeeded }
    }

    fn share(self) -> f64 {
        self.counted as f64 / self.accepted.max(1) as f64
    }
}

/// Compares what counts of the days of a report, `fresh`, with what counted before; `known` is what
/// earlier reports said, in any order. `None` where too few rows say anything.
pub fn shares(known: &[DayOutcome], fresh: &[DayOutcome]) -> Option<Shares> {
    let usual = usual(known, fresh)?;
    let mut days: Vec<&DayOutcome> = fresh.iter().collect();
    days.sort_by(|a, b| b.day.cmp(&a.day));
    let sums = days.into_iter().scan(Rows::default(), |rows, day| {
        *rows = rows.with(day);
        Some(*rows)
    });
    let now = sums.into_iter().find(|rows| rows.accepted >= FEWEST_NOW)?;
    let (share, expected) = (now.share(), usual.share());
    // Three standard deviations of a share of so many rows.
    let chance = 3.0 * (expected * (1.0 - expected) / now.accepted as f64).sqrt();
    let is_low = share < expected * 0.8 && share < expected - chance;
    Some(Shares { now: share, usual: expected, is_low })
}

/// Rows lost for this reason that no earlier report had, unless the goal has always lost at least
/// half as many of its rows for it.
pub fn newly_dropped(known: &[DayOutcome], fresh: &[DayOutcome], reason: &str) -> u64 {
    let before = |day: &DayOutcome| {
        known.iter().find(|it| it.day == day.day).map_or(0, |it| it.with_reason(reason))
    };
    let new = fresh.iter().map(|day| day.with_reason(reason).saturating_sub(before(day))).sum();
    let share = |rows: Rows, days: &mut dyn Iterator<Item = &DayOutcome>| {
        let lost: u64 = days.map(|day| day.with_reason(reason)).sum();
        lost as f64 / rows.accepted.max(1) as f64
    };
    let now = share(Rows::of(fresh.iter()), &mut fresh.iter());
    let is_usual = usual(known, fresh)
        .is_some_and(|rows| share(rows, &mut earlier(known, fresh)) * 2.0 >= now);
    if is_usual { 0 } else { new }
}

/// The rows before those of the report, if they are enough to say what is usual.
fn usual(known: &[DayOutcome], fresh: &[DayOutcome]) -> Option<Rows> {
    Some(Rows::of(earlier(known, fresh))).filter(|rows| rows.accepted >= FEWEST_USUAL)
}

fn earlier<'a>(
    known: &'a [DayOutcome], fresh: &[DayOutcome],
) -> impl Iterator<Item = &'a DayOutcome> {
    let first = fresh.iter().map(|day| day.day.clone()).min();
    known.iter().filter(move |day| first.as_ref().is_some_and(|first| day.day < *first))
}
