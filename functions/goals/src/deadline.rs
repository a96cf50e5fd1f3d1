//! When Lambda ends a run, and what may still begin before that.

use std::time::Duration;

use tracklayer_edge::ports::Clock;

/// Kept free for writing what a check found.
const WRITE_TIME: Duration = Duration::from_secs(5);

/// When Lambda ends the run, by the clock's monotonic time.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Duration);

impl Deadline {
    /// From the invocation's deadline in milliseconds since 1970.
    #[must_use]
    pub fn at_epoch_ms(deadline: u64, clock: &impl Clock) -> Self {
        let left = i64::try_from(deadline).unwrap_or(i64::MAX).saturating_sub(clock.now_ms());
        Deadline(clock.monotonic() + Duration::from_millis(u64::try_from(left).unwrap_or(0)))
    }

    /// Whether a question that may take so long ends in time to write down its answer.
    #[must_use]
    pub fn allows(&self, question: Duration, clock: &impl Clock) -> bool {
        clock.monotonic() + question + WRITE_TIME <= self.0
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
    fn no_question_begins_that_could_outlive_the_time_to_write() {
        let clock = At(Cell::new(0));
        let deadline = Deadline::at_epoch_ms(1_800_000_060_000, &clock);
        let question = Duration::from_secs(10);
        clock.0.set(45_000);
        assert!(deadline.allows(question, &clock));
        clock.0.set(45_001);
        assert!(!deadline.allows(question, &clock));
        assert!(!Deadline::at_epoch_ms(0, &clock).allows(Duration::ZERO, &clock), "over already");
    }
}
