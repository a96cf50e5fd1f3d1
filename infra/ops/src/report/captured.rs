//! How many clicks were captured, and how many links from them to leads, carts and orders were made.

use tracklayer_core::reconcile::attribution::{KEPT, Sighting};
use tracklayer_core::time::EventTime;

use super::period::Period;
use crate::failure::Failure;
use crate::place::Ops;
use crate::screen::Progress;

/// Clicks and links of the days of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// Landings with a click id.
    pub clicks: u64,
    /// Links made or repeated.
    pub links: u64,
}

impl Captured {
    /// Reads all clicks, page by page; nothing where those of the first days are deleted already.
    pub async fn read(ops: &Ops, period: Period) -> Result<Option<Self>, Failure> {
        if is_gone(period, ops.now()) {
            return Ok(None);
        }
        let progress = Progress::new("clicks", ops.size_of("ClicksTable").await);
        let (mut captured, mut after) = (Captured::default(), None);
        loop {
            let page = ops.clicks.page(after).await?;
            progress.add((page.sightings.len() + page.ties.len()) as u64);
            captured.clicks += within(page.sightings.iter().map(Sighting::at), period);
            captured.links += within(page.ties.into_iter(), period);
            after = page.next;
            if after.is_none() {
                return Ok(Some(captured));
            }
        }
    }
}

fn within(times: impl Iterator<Item = EventTime>, period: Period) -> u64 {
    times.filter(|at| period.day(*at).is_some()).count() as u64
}

/// Clicks are deleted after a while.
fn is_gone(period: Period, now: EventTime) -> bool {
    period.from.start().plus_seconds(KEPT) < now
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::period::Day;

    #[test]
    fn clicks_that_are_deleted_are_unknown() {
        let day = Day::parse("2026-04-24").expect("a day");
        let now = day.start().plus_seconds(9);
        let from = |days: i64| Period { from: day.plus(-days), to: day };
        assert!(!is_gone(from(30), now) && !is_gone(from(91), now) && is_gone(from(92), now));
        assert_eq!(within([now, day.plus(1).start()].into_iter(), from(1)), 1);
    }
}
