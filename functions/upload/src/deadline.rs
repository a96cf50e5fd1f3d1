//! How much of a run a call may take.

use std::time::Duration;

use tracklayer_edge::{flows::sign_in::LONGEST_QUESTION, lambda::deadline::Deadline, ports::Clock};

/// Time kept free at the end of a run for writing what was learned; less in short runs.
const MAX_WRITE_TIME: Duration = Duration::from_secs(10);
/// The longest that a call may take.
const MAX_CALL_TIME: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
pub struct RunTime {
    pub deadline: Deadline,
    call: Duration,
    write: Duration,
}

impl RunTime {
    /// A call gets half of what is left at the start, at most a minute.
    pub fn new(deadline: Deadline, clock: &impl Clock) -> Self {
        let left = deadline.left(clock);
        RunTime { deadline, call: MAX_CALL_TIME.min(left / 2), write: MAX_WRITE_TIME.min(left / 4) }
    }

    /// How long a question to the identity service may take.
    pub fn for_question(&self) -> Duration {
        LONGEST_QUESTION.min(self.call)
    }

    /// How long a call may take; `None` if one begun now could outlive the time to write.
    pub fn for_call(&self, clock: &impl Clock) -> Option<Duration> {
        self.deadline.allows(self.call + self.write, clock).then_some(self.call)
    }
}
