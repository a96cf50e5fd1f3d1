//! Items that make something unique.

use std::collections::BTreeMap;

use tracklayer_core::ledger::order::{OrderClaim, OrderKey, OrderOwner, SameOrder};
use tracklayer_core::ledger::orphan::kept_until;
use tracklayer_core::ledger::row::{PartitionKey, RowKey};
use tracklayer_core::time::{DAY, EventTime};
use tracklayer_edge::{aws::ledger::CLAIM_DAYS, ports::Pointer};

use super::Table;

/// Claims of keys and orders, pointers of corrections and of notices of orders.
#[derive(Debug, Default)]
pub struct Uniques {
    keys: BTreeMap<String, (String, EventTime)>,
    pointers: BTreeMap<PartitionKey, Pointer>,
    orders: BTreeMap<OrderKey, (OrderClaim, EventTime)>,
    notices: BTreeMap<RowKey, (SameOrder, EventTime)>,
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

    /// Claims an order; the claim that is there wins, unless it has expired.
    pub fn claim_order(
        &mut self, order: &OrderKey, owner: &OrderOwner, now: EventTime,
    ) -> Option<OrderClaim> {
        self.units.write += 1;
        if let Some((known, _)) = self.uniques.orders.get(order).filter(|(_, ttl)| *ttl > now) {
            return Some(known.clone());
        }
        self.put_order(order, owner, now);
        None
    }

    /// Gives an order to another owner, if its claim is as `from`, or `anyhow`.
    pub fn take_over_order(
        &mut self, order: &OrderKey, from: &OrderClaim, owner: &OrderOwner, anyhow: bool,
        now: EventTime,
    ) -> bool {
        self.units.write += 1;
        let holds =
            anyhow || self.uniques.orders.get(order).is_some_and(|(known, _)| known == from);
        if holds {
            self.put_order(order, owner, now);
        }
        holds
    }

    fn put_order(&mut self, order: &OrderKey, owner: &OrderOwner, now: EventTime) {
        let claim = OrderClaim { owner: owner.clone(), claimed_at: now };
        let ttl = now.plus_seconds(CLAIM_DAYS * DAY);
        self.uniques.orders.insert(order.clone(), (claim, ttl));
    }

    /// Whether an order is claimed for this row.
    pub fn has_order(&self, key: &RowKey) -> bool {
        let is_it = |owner: &OrderOwner| matches!(owner, OrderOwner::Row(row) if row == key);
        self.uniques.orders.values().any(|(claim, _)| is_it(&claim.owner))
    }

    /// Makes a notice lead to the row of its order, unless there is a row in its place.
    pub fn point_to_order(
        &mut self, id: &PartitionKey, pointer: &SameOrder, now: EventTime,
    ) -> bool {
        self.units.write += 1;
        let PartitionKey { source, event_id } = id.clone();
        let notice = RowKey { source, event_id, event: pointer.event.clone() };
        if self.rows.get(&notice).is_some_and(|row| row.ttl > now) {
            return false;
        }
        self.uniques.notices.insert(notice, (pointer.clone(), kept_until(now)));
        true
    }

    /// Forgets where a notice leads.
    pub(super) fn remove_notice(&mut self, notice: &RowKey) {
        self.uniques.notices.remove(notice);
    }

    /// Where a notice leads for at least a day more.
    pub fn counted_as(&self, notice: &RowKey, now: EventTime) -> Option<&RowKey> {
        let known = self.uniques.notices.get(notice);
        known.filter(|(_, ttl)| *ttl > now.plus_seconds(DAY)).map(|(pointer, _)| &pointer.row)
    }

    /// Where the notices under one id lead.
    pub(super) fn same_order(&self, key: &PartitionKey, now: EventTime) -> Vec<SameOrder> {
        let under =
            |notice: &RowKey| notice.source == key.source && notice.event_id == key.event_id;
        let notices = self.uniques.notices.iter();
        let alive = notices.filter(|(notice, (_, ttl))| under(notice) && *ttl > now);
        alive.map(|(_, (pointer, _))| pointer.clone()).collect()
    }

    /// Puts a pointer; the one that is there wins, unless it has expired.
    pub fn point(
        &mut self, own: &PartitionKey, pointer: &Pointer, now: EventTime,
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
