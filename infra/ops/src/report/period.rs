//! Days in UTC, and the days of a report.

use std::fmt;

use tracklayer_core::time::{DAY, EventTime};

/// The days of a report that names none.
const DEFAULT_DAYS: i64 = 30;

/// A day in UTC, as the number of days since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(i64);

impl Day {
    /// Reads `2026-04-24`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = |_| "must be a day such as 2026-04-24".to_owned();
        EventTime::parse_rfc3339(&format!("{text}T00:00:00Z")).map(Day::of).map_err(bad)
    }

    /// The day in which this moment lies.
    pub fn of(time: EventTime) -> Self {
        Day(time.epoch().div_euclid(DAY))
    }

    /// Its first second.
    pub fn start(self) -> EventTime {
        EventTime::from_epoch(self.0 * DAY)
    }

    /// The day so many days later.
    pub fn plus(self, days: i64) -> Self {
        Day(self.0 + days)
    }
}

/// As in `2026-04-24`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.start().to_string();
        f.write_str(start.get(..10).unwrap_or(&start))
    }
}

/// The days of a report, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first.
    pub from: Day,
    /// The last.
    pub to: Day,
}

impl Period {
    /// From what was asked for; the last 30 days, today included, where nothing was.
    pub fn of(from: Option<Day>, to: Option<Day>, now: EventTime) -> Result<Self, String> {
        let to = to.unwrap_or_else(|| Day::of(now).max(from.unwrap_or(Day(0))));
        let from = from.unwrap_or_else(|| to.plus(1 - DEFAULT_DAYS));
        if from > to {
            return Err(format!("{from} is after {to}"));
        }
        Ok(Period { from, to })
    }

    /// The day of this moment, if it is one of these.
    pub fn day(&self, time: EventTime) -> Option<Day> {
        Some(Day::of(time)).filter(|day| (self.from..=self.to).contains(day))
    }

    /// All of them, in order.
    pub fn days(self) -> impl Iterator<Item = Day> {
        (self.from.0..=self.to.0).map(Day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).expect("a day")
    }

    #[test]
    fn days_are_those_of_utc_and_both_ends_count() {
        assert_eq!(day("2026-04-24").to_string(), "2026-04-24");
        for text in ["2026-02-30", "24.04.2026", "2026-04-24T00:00:00Z", ""] {
            assert!(Day::parse(text).is_err(), "{text}");
        }
        let at = |text| EventTime::parse_rfc3339(text).expect("a time");
        let period = Period { from: day("2026-04-23"), to: day("2026-04-24") };
        assert_eq!(period.day(at("2026-04-25T01:59:59+02:00")), Some(day("2026-04-24")));
        assert_eq!(period.day(at("2026-04-25T02:00:00+02:00")), None);
        assert_eq!(period.day(at("2026-04-23T00:00:00Z")), Some(day("2026-04-23")));
        assert_eq!(period.days().count(), 2);
    }

    #[test]
    fn a_period_is_the_last_thirty_days_unless_named() {
        let now = day("2026-04-24").start().plus_seconds(9);
        let of = |from: Option<&str>, to: Option<&str>| {
            let period = Period::of(from.map(day), to.map(day), now);
            period.map(|it| (it.from.to_string(), it.to.to_string()))
        };
        let named = |from: &str, to: &str| Ok((from.to_owned(), to.to_owned()));
        assert_eq!(of(None, None), named("2026-03-26", "2026-04-24"));
        assert_eq!(of(None, Some("2026-01-30")), named("2026-01-01", "2026-01-30"));
        assert_eq!(of(Some("2026-04-20"), None), named("2026-04-20", "2026-04-24"));
        assert!(of(Some("2026-04-21"), Some("2026-04-20")).is_err());
    }
}
