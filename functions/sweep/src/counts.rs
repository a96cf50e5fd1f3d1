//! What is open, by account, from the index alone.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use tracklayer_core::ledger::index::IndexClass;
use tracklayer_edge::ports::{Counted, Counts, Index, LedgerError};

/// Pages of one index key that are counted (1 MB, some thousand entries each): with more than that
/// open, the exact number is not what a person needs first.
const PAGES: usize = 5;

/// The metrics that say what is open.
const GAUGES: [&str; 3] = ["OpenWaiting", "OpenRefused", "OpenDead"];

/// The entries of a class by account.
pub type ByAccount = BTreeMap<String, Counted>;

/// Counts the entries of `class`.
pub async fn tally(ledger: &impl Index, class: &IndexClass) -> Result<ByAccount, LedgerError> {
    let shards = class.shards();
    let mut all = ByAccount::new();
    let tallies = try_join_all(shards.iter().map(|shard| ledger.tally(shard, PAGES))).await?;
    for (account, counted) in tallies.into_iter().flatten() {
        let of_all = all.entry(account).or_insert(Counted { entries: 0, ..counted });
        of_all.entries += counted.entries;
        of_all.oldest = of_all.oldest.min(counted.oldest);
    }
    Ok(all)
}

/// Adds the entries of a class to a metric. No metric of an account is missing then.
pub fn add(gauges: &mut Counts, metric: &'static str, class: &ByAccount) {
    for (account, counted) in class {
        none(gauges, account);
        gauges.add(account, metric, counted.entries);
    }
}

/// Nothing is open of the account.
pub fn none(gauges: &mut Counts, account: &str) {
    for name in GAUGES {
        gauges.add(account, name, 0);
    }
}
