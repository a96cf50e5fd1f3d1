//! Items that make something unique.

use std::collections::BTreeMap;

use tracklayer_core::{
    id::{RecordId, Source},
    ledger::row::RowKey,
    time::{DAY, EventTime},
};
use tracklayer_edge::{aws::ledger::CLAIM_DAYS, ports::Pointer};

use super::Table;

/// Claims of keys and pointers of corrections.
#[derive(Debug, Default)]
pub struct Uniques {
    keys: BTreeMap<String, (String, EventTime)>,
    pointers: BTreeMap<(Source, RecordId), Pointer>,
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
        source: &Source,
        event_id: &RecordId,
        pointer: &Pointer,
        now: EventTime,
    ) -> Option<Pointer> {
        self.units.write += 1;
        let key = (source.clone(), event_id.clone());
        if let Some(known) = self.uniques.pointers.get(&key).filter(|known| known.ttl > now) {
            return Some(known.clone());
        }
        self.uniques.pointers.insert(key, pointer.clone());
        None
    }

    /// The pointer of a correction.
    pub fn pointer(
        &mut self,
        source: &Source,
        event_id: &RecordId,
        now: EventTime,
    ) -> Option<Pointer> {
        self.units.read += 1;
        let known = self.uniques.pointers.get(&(source.clone(), event_id.clone()));
        known.filter(|known| known.ttl > now).cloned()
    }

    /// Deletes a pointer with this fingerprint.
    pub fn remove_pointer(&mut self, source: &Source, event_id: &RecordId, fingerprint: &str) {
        self.units.write += 1;
        let key = (source.clone(), event_id.clone());
        if self.uniques.pointers.get(&key).is_some_and(|it| it.fingerprint == fingerprint) {
            self.uniques.pointers.remove(&key);
        }
    }
}
