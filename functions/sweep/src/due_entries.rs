//! The due entries of one class, oldest first, over all shards of the index.

use futures::future::try_join_all;
use tracklayer_core::{ledger::index::IndexClass, time::EventTime};
use tracklayer_edge::ports::{Cursor, Index, LedgerError, OpenEntry};

/// Entries of one shard that are read at once.
const PAGE: i32 = 250;

/// A walk over the shards: one page of each at a time, so that the order is nearly that of `due`
/// without holding everything in memory.
#[derive(Debug)]
pub struct DueEntries<'a, L> {
    ledger: &'a L,
    now: EventTime,
    shards: Vec<(String, Option<Cursor>)>,
    /// Entries so far that can't be read.
    pub unreadable: usize,
}

impl<'a, L: Index> DueEntries<'a, L> {
    /// The entries of `class` that are due `now`.
    pub fn new(ledger: &'a L, class: &IndexClass, now: EventTime) -> Self {
        let shards = class.shards().into_iter().map(|shard| (shard, None)).collect();
        DueEntries { ledger, now, shards, unreadable: 0 }
    }

    /// The next entries, oldest first; `None` after the last.
    ///
    /// The place in the index is kept by DynamoDB's cursor, not by reading from the start again:
    /// the index lags behind the rows, and what was just moved could show up twice.
    pub async fn next(&mut self) -> Result<Option<Vec<OpenEntry>>, LedgerError> {
        if self.shards.is_empty() {
            return Ok(None);
        }
        let (ledger, now) = (self.ledger, self.now);
        let shards = std::mem::take(&mut self.shards);
        let read = shards.into_iter().map(|(shard, from)| async move {
            let page = ledger.open(&shard, Some(now), Some(PAGE), from).await?;
            Ok::<_, LedgerError>((shard, page))
        });
        let mut entries = Vec::new();
        for (shard, page) in try_join_all(read).await? {
            entries.extend(page.entries);
            self.unreadable += page.unreadable;
            if page.next.is_some() {
                self.shards.push((shard, page.next));
            }
        }
        entries.sort_by_key(|entry| entry.due);
        Ok(Some(entries))
    }
}
