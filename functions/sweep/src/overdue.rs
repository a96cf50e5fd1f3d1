//! How long rows have been due.

use std::collections::BTreeMap;

use tracklayer_core::{mapping::Mapping, time::EventTime};
use tracklayer_edge::ports::{DueEntry, Metric, Telemetry};

/// How long the oldest due row of each account has been due; no account is left out.
pub struct Overdue {
    now: EventTime,
    seconds: BTreeMap<String, i64>,
}

impl Overdue {
    pub fn new(mapping: &Mapping, now: EventTime) -> Self {
        let seconds = mapping.accounts().map(|account| (account.name().to_string(), 0)).collect();
        Overdue { now, seconds }
    }

    pub fn add(&mut self, entry: &DueEntry) {
        let age = self.now.seconds_since(entry.due);
        let oldest = self.seconds.entry(entry.account.clone()).or_default();
        *oldest = age.max(*oldest);
    }

    pub fn emit(&self, telemetry: &impl Telemetry) {
        for (account, seconds) in &self.seconds {
            #[expect(clippy::cast_precision_loss, reason = "a few days in seconds")]
            let value = *seconds as f64;
            let metric = Metric { name: "OldestOverdueSeconds", value, unit: "Seconds" };
            telemetry.emit(account, &[metric]);
        }
    }
}

#[cfg(test)]
mod tests {
    use tracklayer_core::ledger::row::RowKey;

    use super::*;

    #[test]
    fn an_account_that_nothing_waits_for_is_overdue_by_nothing() {
        let now = EventTime::from_epoch(1_000);
        let mut overdue = Overdue::new(&Mapping::shipped(), now);
        assert_eq!(overdue.seconds, BTreeMap::from([("main".to_owned(), 0)]));
        let entry = |due| DueEntry {
            key: RowKey {
                source: "shop".parse().expect("a source"),
                event_id: "1".parse().expect("an id"),
                event: "purchase".parse().expect("an event"),
            },
            class: "wait#0".to_owned(),
            account: "main".to_owned(),
            due: EventTime::from_epoch(due),
            money: None,
        };
        [900, 400, 700].iter().for_each(|due| overdue.add(&entry(*due)));
        assert_eq!(overdue.seconds["main"], 600);
    }
}
