//! Items that make something unique.

use std::collections::BTreeMap;

use tracklayer_core::{
    ledger::row::{PartitionKey, RowKey},
    time::{DAY, EventTime},
};
use tracklayer_edge::{aws::ledger::CLAIM_DAYS, ports::Pointer};

use super::Table;

/// Claims of keys and pointers of corrections.
#[derive(Debug, Default)]
pub struct Uniques {
    keys: BTreeMap<String, (String, EventTime)>,
    pointers: BTreeMap<PartitionKey, Pointer>,
}

impl Table {
    /// Claims a key for `owner`.
    pub fn claim(&mut self, key: &str, owner: &RowKey, now: EventTime) -> bool {
        self.units.write += 1;
        let owner = format!("{} {}", owner.pk(), owner.sk());
        let free = |(known, ttl): &(String, EventTime)| *known == owner || *ttl <= now;
        if !self.uniques.keys.get(key).is_none_or(free) {
            return false;
        }
        let ttl = now.plus_seconds(CLAIM_DAYS * DAY);
        self.uniques.keys.insert(key.to_owned(), (owner, ttl));
        true
    }

    /// Puts a pointer; the one that is there wins, unless it has expired.
    pub fn point(
        &mut self,
        own: &PartitionKey,
        pointer: &Pointer,
        now: EventTime,
    ) -> Option<Pointer> {
        self.units.write += 1;
        if let Some(known) = self.uniques.pointers.get(own).filter(|known| known.ttl > now) {
            return Some(known.clone());
        }
        self.uniques.pointers.insert(own.clone(), pointer.clone());
        None
    }

    /// The pointer of a correction.
    pub fn pointer(&mut self, own: &PartitionKey, now: EventTime) -> Option<Pointer> {
        self.units.read += 1;
        let known = self.uniques.pointers.get(own);
        known.filter(|known| known.ttl > now).cloned()
    }

    /// Deletes a pointer with this fingerprint.
    pub fn remove_pointer(&mut self, own: &PartitionKey, fingerprint: &str) {
        self.units.write += 1;
        if self.uniques.pointers.get(own).is_some_and(|it| it.fingerprint == fingerprint) {
            self.uniques.pointers.remove(own);
        }
    }
}
