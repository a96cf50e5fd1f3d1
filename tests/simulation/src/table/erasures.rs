//! Erasures, as the ledger keeps them.

use tracklayer_core::{reconcile::erasure::Erasure, time::EventTime};
use tracklayer_edge::ports::ErasureItem;

use super::Table;

impl Table {
    /// All erasures that are not forgotten.
    pub fn erasures(&self, now: EventTime) -> Vec<ErasureItem> {
        self.erasures.iter().filter(|item| is_kept(item, now)).cloned().collect()
    }

    /// The same erasure, unless it is forgotten.
    pub fn erasure(&self, asked: &Erasure, now: EventTime) -> Option<ErasureItem> {
        let same = |item: &&ErasureItem| is_same(&item.erasure, asked) && is_kept(item, now);
        self.erasures.iter().find(same).cloned()
    }

    /// Writes an erasure, unless somebody else did since it was read.
    pub fn save_erasure(&mut self, item: &ErasureItem) -> bool {
        let asked_at = item.erasure.asked_at;
        self.erasures.retain(|known| item.revision > 0 || is_kept(known, asked_at));
        let known = self.erasures.iter_mut().find(|it| is_same(&it.erasure, &item.erasure));
        if known.as_ref().map_or(0, |known| known.revision) != item.revision {
            return false;
        }
        let item = ErasureItem { revision: item.revision + 1, ..item.clone() };
        match known {
            Some(known) => *known = item,
            None => self.erasures.push(item),
        }
        true
    }

    /// Whether an erasure is not through. One that is forgotten is nobody's any more: the last audit
    /// of its time may have found a row that led to more clicks.
    pub fn is_erasing(&self, now: EventTime) -> bool {
        self.erasures.iter().any(|item| item.is_pending() && is_kept(item, now))
    }
}

/// Whether it is not forgotten.
pub fn is_kept(item: &ErasureItem, now: EventTime) -> bool {
    item.ttl.is_none_or(|ttl| ttl > now)
}

/// Whether both are of the same person, asked for by the same key.
fn is_same(one: &Erasure, other: &Erasure) -> bool {
    (&one.person, &one.by) == (&other.person, &other.by)
}
