use std::time::Duration;

use tracklayer_core::time::EventTime;

pub trait Clock {
    /// Milliseconds since 1970. May be set, back as well.
    fn now_ms(&self) -> i64;

    /// Time since some fixed moment. Only ever goes on.
    fn monotonic(&self) -> Duration;

    /// Now, in whole seconds.
    fn now(&self) -> EventTime {
        EventTime::from_epoch(self.now_ms().div_euclid(1_000))
    }
}
