//! Cuts a batch into calls: per account and operation, at most 1,000 rows each.

use std::collections::BTreeMap;

use crate::{id::AccountName, microsoft::payload::MAX_ROWS};

/// Rows per call of messages that keep coming back without a trace of an attempt: one of them may
/// be what kills the function each time, and must not take the others with it.
pub const SUSPECT_ROWS: usize = 50;

/// From this many receives on a message without an attempt is suspect.
pub const SUSPECT_RECEIVES: u32 = 4;

/// The two operations.
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
    /// Its account.
    pub account: AccountName,
    /// Where it goes.
    pub operation: Operation,
    /// See [`SUSPECT_RECEIVES`].
    pub suspect: bool,
    /// What is sent.
    pub load: T,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<T> {
    /// Its account.
    pub account: AccountName,
    /// Where it goes.
    pub operation: Operation,
    /// Its rows, in the order they came.
    pub rows: Vec<T>,
}

/// Cuts `items` into calls; every item is in exactly one, suspects come last in small ones.
#[must_use]
pub fn calls<T>(items: Vec<Item<T>>) -> Vec<Call<T>> {
    let mut groups: BTreeMap<(bool, Operation, AccountName), Vec<T>> = BTreeMap::new();
    for item in items {
        let group = (item.suspect, item.operation, item.account);
        groups.entry(group).or_default().push(item.load);
    }
    let cut = |((suspect, operation, account), rows): ((bool, Operation, AccountName), Vec<T>)| {
        let limit = if suspect { SUSPECT_ROWS } else { MAX_ROWS };
        chunks(rows, limit).into_iter().map(move |rows| Call {
            account: account.clone(),
            operation,
            rows,
        })
    };
    groups.into_iter().flat_map(cut).collect()
}

fn chunks<T>(rows: Vec<T>, limit: usize) -> Vec<Vec<T>> {
    let mut rows = rows.into_iter().peekable();
    let mut chunks = Vec::new();
    while rows.peek().is_some() {
        chunks.push(rows.by_ref().take(limit).collect());
    }
    chunks
}
