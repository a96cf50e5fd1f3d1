//! When Lambda ends a run, and what may still begin before that.

use std::time::Duration;

use crate::ports::Clock;

/// When Lambda ends a run, by the clock's monotonic time: a clock that is set meanwhile does not
/// move it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Duration);

impl Deadline {
    /// From the invocation's deadline in milliseconds since 1970.
    pub fn at_epoch_ms(deadline_ms: u64, clock: &impl Clock) -> Self {
        let left = i64::try_from(deadline_ms).unwrap_or(i64::MAX).saturating_sub(clock.now_ms());
        Deadline(clock.monotonic() + Duration::from_millis(u64::try_from(left).unwrap_or(0)))
    }

    /// A deadline that is earlier by `reserve`, which is kept free for something else.
    pub fn earlier(self, reserve: Duration) -> Self {
        Deadline(self.0.saturating_sub(reserve))
    }

    /// The time that is left; zero once it is over.
    pub fn left(&self, clock: &impl Clock) -> Duration {
        self.0.saturating_sub(clock.monotonic())
    }

    /// Whether something that may take so long ends in time.
    pub fn allows(&self, time: Duration, clock: &impl Clock) -> bool {
        self.left(clock) >= time
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    struct At(Cell<u64>);

    impl Clock for At {
        fn now_ms(&self) -> i64 {
            1_800_000_000_000 + i64::try_from(self.0.get()).expect("small")
        }

        fn monotonic(&self) -> Duration {
            Duration::from_millis(self.0.get())
        }
    }

    #[test]
    fn nothing_begins_that_could_outlive_the_reserve() {
        let clock = At(Cell::new(0));
        let deadline = Deadline::at_epoch_ms(1_800_000_060_000, &clock);
        let (question, earlier) =
            (Duration::from_secs(10), deadline.earlier(Duration::from_secs(5)));
        clock.0.set(45_000);
        assert_eq!(deadline.left(&clock), Duration::from_secs(15));
        assert!(earlier.allows(question, &clock));
        clock.0.set(45_001);
        assert!(!earlier.allows(question, &clock));
        clock.0.set(70_000);
        assert_eq!(deadline.left(&clock), Duration::ZERO);
        let over = Deadline::at_epoch_ms(0, &clock).earlier(Duration::from_secs(5));
        assert!(!over.allows(Duration::from_millis(1), &clock), "over already");
    }
}
