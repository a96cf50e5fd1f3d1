//! What is open, by account, from the index alone.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use tracklayer_core::{ledger::index::IndexClass, mapping::Mapping};
use tracklayer_edge::ports::{Counted, Index, LedgerError, Metric, Telemetry};

/// Pages of one index key that are counted (1 MB, some thousand entries each): with more than that
/// open, the exact number is not what a person needs first.
const PAGES: usize = 5;

/// The metrics that say what is open.
const GAUGES: [&str; 3] = ["OpenWaiting", "OpenRefused", "OpenDead"];

/// The entries of a class by account.
pub type ByAccount = BTreeMap<String, Counted>;

/// Counts the entries of `class`.
///
/// # Errors
/// If the index can't be read.
pub async fn tally(ledger: &impl Index, class: &IndexClass) -> Result<ByAccount, LedgerError> {
    let shards = class.shards();
    let mut all = ByAccount::new();
    for tally in try_join_all(shards.iter().map(|shard| ledger.tally(shard, PAGES))).await? {
        if !tally.complete {
            tracing::warn!(%class, pages = PAGES, "more is open than is counted");
        }
        for (account, counted) in tally.accounts {
            let of_all = all.entry(account).or_insert(Counted { entries: 0, ..counted });
            of_all.entries += counted.entries;
            of_all.oldest = of_all.oldest.min(counted.oldest);
        }
    }
    Ok(all)
}

/// How many entries are open, by account and metric.
pub struct Gauges(BTreeMap<String, BTreeMap<&'static str, usize>>);

impl Gauges {
    /// Nothing is open of any account of the mapping.
    pub fn of(mapping: &Mapping) -> Self {
        let names = mapping.accounts().map(|account| account.name().to_string());
        Gauges(names.map(|name| (name, BTreeMap::new())).collect())
    }

    /// Adds the entries of a class to a metric.
    pub fn add(&mut self, metric: &'static str, class: &ByAccount) {
        for (account, counted) in class {
            let gauges = self.0.entry(account.clone()).or_default();
            *gauges.entry(metric).or_default() += counted.entries;
        }
    }

    /// Emits one line per account, in which no metric is missing.
    pub fn emit(&self, telemetry: &impl Telemetry) {
        for (account, gauges) in &self.0 {
            let of = |name| Metric::count(name, gauges.get(name).copied().unwrap_or_default());
            telemetry.emit(account, &GAUGES.map(of));
        }
    }
}
