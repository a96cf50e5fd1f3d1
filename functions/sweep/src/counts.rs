//! What is open, by account: three metrics from the index alone.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use tracklayer_core::ledger::index::IndexClass;
use tracklayer_edge::ports::{Index, LedgerError};

/// Pages of one index key that are counted (1 MB, some thousand entries each): with more than that
/// open, the exact number is not what a person needs first.
const PAGES: usize = 5;

/// Classes and the metric they are counted in; with them go those of rows with hashes alone, which
/// are named after goals. Held rows are left out: the check that holds them counts their
/// goals.
const COUNTED: [(&str, IndexClass); 4] = [
    ("Waiting", IndexClass::Wait),
    ("Waiting", IndexClass::Orphan),
    ("Refused", IndexClass::Refused),
    ("Dead", IndexClass::Dead),
];

/// Entries by account and metric.
pub type Counts = BTreeMap<String, BTreeMap<&'static str, usize>>;

/// Counts the open rows, among them those that wait in the classes `plain`.
///
/// # Errors
/// If the index can't be read.
pub async fn count(
    ledger: &impl Index,
    plain: impl Iterator<Item = IndexClass>,
) -> Result<Counts, LedgerError> {
    let mut counts = Counts::new();
    for (metric, class) in COUNTED.into_iter().chain(plain.map(|class| ("Waiting", class))) {
        let shards = class.shards();
        let tallies = shards.iter().map(|shard| ledger.tally(shard, PAGES));
        for tally in try_join_all(tallies).await? {
            if !tally.complete {
                tracing::warn!(metric, pages = PAGES, "more is open than is counted");
            }
            for (account, n) in tally.accounts {
                *counts.entry(account).or_default().entry(metric).or_default() += n;
            }
        }
    }
    Ok(counts)
}
