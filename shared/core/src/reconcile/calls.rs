//! How large the calls are in which an account's rows are sent.
//!
//! Rows that were tried often come last, in small calls: one of them may spoil its call, take too
//! long, or kill the function, and must not take the others with it.

use crate::microsoft::payload::MAX_ROWS;

/// From this try on a row is sent with care: of an original, the receives of its message; of a
/// correction, the claims since Microsoft last took something of the row.
pub const CAREFUL_FROM: u32 = 4;

/// A careful call has this many times the rows of the one before it, and never more than the
/// account's rows divided by it. A run has time for ten calls of five seconds each: a row that it does not reach
/// has used up a receive in vain, and so has one that shared a call with a bad row.
const STEP: usize = 5;
/// Careful calls of one account in one run.
const MAX_CALLS: usize = 30;
/// Calls in a row that failed as a whole end them for this run.
const MAX_FAILURES: usize = 3;

/// How large the next call of one account is: it begins small, grows with each answer, and is small
/// again after a call that failed as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Care {
    smallest: usize,
    largest: usize,
    rows: usize,
    calls: usize,
    failures: usize,
}

impl Care {
    /// For rows that were not tried often: every call is as large as Microsoft takes it.
    pub const NONE: Care = Care::between(MAX_ROWS, MAX_ROWS);

    /// For so many rows of one account that were tried often: one row at first.
    pub fn full(rows: usize) -> Self {
        Care::between(1, rows.div_ceil(STEP).min(MAX_ROWS))
    }

    const fn between(smallest: usize, largest: usize) -> Self {
        Care { smallest, largest, rows: smallest, calls: 0, failures: 0 }
    }

    /// Takes the rows of the next call off `rows`; `None` when none are left, or no more are sent in
    /// this run.
    pub fn next_call<T>(&self, rows: &mut Vec<T>) -> Option<Vec<T>> {
        let ends = self.calls >= MAX_CALLS || self.failures >= MAX_FAILURES;
        let many = self.rows.min(rows.len());
        (many > 0 && !ends).then(|| rows.drain(..many).collect())
    }

    /// Microsoft answered the call, whatever it made of its rows.
    pub fn answered(&mut self) {
        let rows = (STEP * self.rows).min(self.largest);
        *self = Care { rows, calls: self.calls + 1, failures: 0, ..*self };
    }

    /// The call failed as a whole.
    pub fn failed(&mut self) {
        let rows = self.smallest;
        *self = Care { rows, calls: self.calls + 1, failures: self.failures + 1, ..*self };
    }
}
