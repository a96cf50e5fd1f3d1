//! Cuts a batch into calls: per account and operation, at most 1,000 rows each.
//!
//! Rows that were tried often come last, in small calls: one of them may spoil its call, take too
//! long, or kill the function, and must not take the others with it.

use std::collections::BTreeMap;

use crate::{id::AccountName, microsoft::payload::MAX_ROWS};

/// From this try on a row is sent with care: of an original, the receives of its message; of a
/// correction, the claims since Microsoft last took something of the row.
pub const CAREFUL_FROM: u32 = 4;

/// Rows of the largest careful call.
const MAX_CAREFUL_ROWS: usize = 50;
/// Careful calls of one account in one run.
const MAX_CAREFUL_CALLS: usize = 30;
/// Careful calls in a row that failed as a whole end them for this run.
const MAX_FAILURES: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// `OfflineConversions/Apply`.
    Conversions,
    /// `OfflineConversionAdjustments/Apply`.
    Adjustments,
}

/// One row that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<T> {
    pub account: AccountName,
    pub operation: Operation,
    pub load: T,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<T> {
    pub account: AccountName,
    pub operation: Operation,
    /// Its rows, in the order they came.
    pub rows: Vec<T>,
}

/// Cuts `items` into calls as large as possible; every item is in exactly one.
pub fn calls<T>(items: Vec<Item<T>>) -> Vec<Call<T>> {
    let cut = |group: Call<T>| {
        let Call { account, operation, rows } = group;
        let call = move |rows| Call { account: account.clone(), operation, rows };
        chunks(rows, MAX_ROWS).into_iter().map(call)
    };
    groups(items).into_iter().flat_map(cut).collect()
}

/// `items` by account and operation, in the order they came.
pub fn groups<T>(items: Vec<Item<T>>) -> Vec<Call<T>> {
    let mut groups: BTreeMap<(Operation, AccountName), Vec<T>> = BTreeMap::new();
    for item in items {
        groups.entry((item.operation, item.account)).or_default().push(item.load);
    }
    let call = |((operation, account), rows)| Call { account, operation, rows };
    groups.into_iter().map(call).collect()
}

fn chunks<T>(rows: Vec<T>, limit: usize) -> Vec<Vec<T>> {
    let mut rows = rows.into_iter().peekable();
    let mut chunks = Vec::new();
    while rows.peek().is_some() {
        chunks.push(rows.by_ref().take(limit).collect());
    }
    chunks
}

/// How large the careful calls of one account are: one row at first, twice as many after each
/// answer, one again after a call that failed as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Care {
    rows: usize,
    calls: usize,
    failures: usize,
}

impl Default for Care {
    fn default() -> Self {
        Care { rows: 1, calls: 0, failures: 0 }
    }
}

impl Care {
    /// How many rows the next call may carry; `None` when no more are sent in this run.
    pub fn next_rows(&self) -> Option<usize> {
        (self.calls < MAX_CAREFUL_CALLS && self.failures < MAX_FAILURES).then_some(self.rows)
    }

    /// Microsoft answered the call, whatever it made of its rows.
    pub fn answered(&mut self) {
        let rows = (2 * self.rows).min(MAX_CAREFUL_ROWS);
        *self = Care { rows, calls: self.calls + 1, failures: 0 };
    }

    /// The call failed as a whole.
    pub fn failed(&mut self) {
        *self = Care { rows: 1, calls: self.calls + 1, failures: self.failures + 1 };
    }
}
