//! When a run works.

use std::time::Duration;

use tracklayer_core::time::EventTime;
use tracklayer_edge::{lambda::deadline::Deadline, ports::Clock};

/// No new work with less time left: a group of signals may take this long when AWS is slow.
const RESERVE: Duration = Duration::from_secs(40);

/// When and until when a run works.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// The time that the run decides with.
    pub now: EventTime,
    pub deadline: Deadline,
}

impl Span {
    /// From now until Lambda ends the run.
    pub fn new(deadline: Deadline, clock: &impl Clock) -> Self {
        Span { now: clock.now(), deadline }
    }

    /// Whether there is time for more work.
    pub fn has_time(&self, clock: &impl Clock) -> bool {
        self.deadline.allows(RESERVE, clock)
    }
}

#[cfg(test)]
mod tests {
    use tracklayer_edge::lambda::clock::SystemClock;

    use super::*;

    #[test]
    fn a_run_stops_before_its_deadline() {
        let clock = SystemClock::default();
        let at = |ms: i64| {
            let end = u64::try_from(clock.now_ms() + ms).expect("after 1970");
            Span::new(Deadline::at_epoch_ms(end, &clock), &clock)
        };
        assert!(at(60_000).has_time(&clock));
        assert!(!at(30_000).has_time(&clock));
        assert!(!at(-1).has_time(&clock));
    }
}
