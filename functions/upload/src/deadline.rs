//! When a run must end, and how much of it a call may take.

use std::time::Duration;

use tracklayer_edge::ports::Clock;

/// Time kept free at the end of a run for writing what was learned; less in short runs.
const MAX_WRITE_TIME: Duration = Duration::from_secs(10);
/// The longest that a call may take.
const MAX_CALL_TIME: Duration = Duration::from_secs(60);

/// When Lambda ends the run.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    /// By the clock's monotonic time.
    end: Duration,
    call_time: Duration,
    write_time: Duration,
}

impl Deadline {
    /// From the invocation's deadline in milliseconds since 1970. A call gets half of what is left
    /// at the start, at most a minute.
    pub fn at_epoch_ms(deadline: u64, clock: &impl Clock) -> Self {
        let left = i64::try_from(deadline).unwrap_or(i64::MAX).saturating_sub(clock.now_ms());
        let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
        Deadline {
            end: clock.monotonic() + left,
            call_time: MAX_CALL_TIME.min(left / 2),
            write_time: MAX_WRITE_TIME.min(left / 4),
        }
    }

    /// How long a call may take; `None` if one begun now could outlive the time to write.
    pub(crate) fn for_call(&self, clock: &impl Clock) -> Option<Duration> {
        let end = clock.monotonic() + self.call_time + self.write_time;
        (end <= self.end).then_some(self.call_time)
    }
}
