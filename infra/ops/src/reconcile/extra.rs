//! What the ledger has and the file lacks: of the sources and events of the file, from its first
//! order to its last.

use std::collections::{BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use tracklayer_core::id::{EventName, Source};
use tracklayer_core::ledger::row::{Row, RowKey};
use tracklayer_core::time::EventTime;
use tracklayer_edge::ports::Audited as _;

use super::compare::Fate;
use super::orders::Order;
use super::totals::Totals;
use crate::failure::Failure;
use crate::place::Ops;
use crate::screen::Progress;

/// Items that are read together: about half a megabyte.
const PAGE: i32 = 1_000;

/// What the file lists. Of each order only eight bytes are kept: two of a million orders have the
/// same once in 37 million files.
#[derive(Debug, Default)]
pub struct Listed {
    keys: HashSet<u64>,
    /// Rows that other ids of the file stand for.
    others: HashSet<u64>,
    kinds: BTreeSet<(Source, EventName)>,
    times: Option<(EventTime, EventTime)>,
}

impl Listed {
    /// Adds an order; answers whether it was not listed before.
    pub fn add(&mut self, order: &Order) -> bool {
        let (Some(key), Some(at)) = (&order.key, order.at) else { return true };
        let (first, last) = self.times.unwrap_or((at, at));
        self.times = Some((first.min(at), last.max(at)));
        self.kinds.insert((key.source.clone(), key.event.clone()));
        self.keys.insert(hash(key))
    }

    /// What became of the row for which the order's id, or its number, stands.
    pub fn fate(&mut self, row: &Row) -> Fate {
        self.others.insert(hash(&row.key));
        Fate::of(row)
    }

    /// Whether the file should list this row, and doesn't.
    fn lacks(&self, row: &Row) -> bool {
        let is_within =
            |(first, last): (EventTime, EventTime)| (first..=last).contains(&row.facts.occurred_at);
        let kind = (row.key.source.clone(), row.key.event.clone());
        let key = hash(&row.key);
        self.times.is_some_and(is_within)
            && self.kinds.contains(&kind)
            && !self.keys.contains(&key)
            && !self.others.contains(&key)
    }
}

fn hash(key: &RowKey) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// Reads the whole ledger, page by page, and counts what the file lacks.
pub async fn find(ops: &Ops, listed: &Listed, totals: &mut Totals) -> Result<(), Failure> {
    let progress = Progress::new("rows", ops.size_of("ConversionsTable").await);
    let mut after = None;
    loop {
        let page = ops.ledger.rows(after.as_ref(), PAGE).await?;
        progress.add((page.rows.len() + page.unreadable.len()) as u64);
        page.rows.iter().filter(|row| listed.lacks(row)).for_each(|row| totals.add_extra(row));
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}
