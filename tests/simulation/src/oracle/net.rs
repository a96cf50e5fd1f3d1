//! The net by the order log, folded here once more.

use tracklayer_core::ledger::correction::CorrectionRefusal;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::time::EventTime;

use super::{group, is};
use crate::plan::{Change, Fix, Order};
use crate::world::World;

/// What an order is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Net {
    /// In thousandths.
    Value(i64),
    /// A goal without value.
    NoValue {
        /// Whether all of it was taken back.
        taken_back: bool,
    },
}

impl Net {
    /// The net of an order whose row is `row`, of the corrections under all its ids, and whether one
    /// came too late.
    pub(super) fn of(world: &World, order: &Order, row: &Row) -> (Net, bool) {
        // A row that is full has refused some.
        let is_in = |fix: &&Fix| row.corrections.iter().any(|known| is(known, fix));
        let is_crowded = group::is_crowded(world, order);
        let fixes = group::fixes(world, order).into_iter().map(|(_, fix)| fix);
        let mut fixes: Vec<&Fix> = fixes.filter(|fix| !is_crowded || is_in(fix)).collect();
        fixes.sort_by_key(|fix| (fix.occurred, fix.ms, fix.source, place(&fix.id)));
        let mut late = false;
        let mut net = match order.value {
            Some(value) => Net::Value(value),
            None => Net::NoValue { taken_back: false },
        };
        for fix in fixes {
            if is_late(row, fix, world.now()) {
                late = true;
            } else {
                net = net.after(fix);
            }
        }
        (net, late)
    }

    /// Whether nothing should count of what was worth `original`: less than half a cent is nothing.
    pub(super) fn is_nothing(self, original: Option<i64>) -> bool {
        match self {
            Net::Value(net) => net < 5 && original != Some(net),
            Net::NoValue { taken_back } => taken_back,
        }
    }

    /// In thousandths, on goals with value, as it is shown and sent of what was worth `original`.
    pub(super) fn shown(self, original: Option<i64>) -> Option<i64> {
        if self.is_nothing(original) { self.value().map(|_| 0) } else { self.value() }
    }

    /// In thousandths, on goals with value.
    pub(super) fn value(self) -> Option<i64> {
        match self {
            Net::Value(net) => Some(net),
            Net::NoValue { .. } => None,
        }
    }

    fn after(self, fix: &Fix) -> Net {
        match (self, fix.change) {
            (Net::Value(_), Change::Full) => Net::Value(0),
            (net @ Net::Value(_), _) if fix.other_currency => net,
            (Net::Value(net), Change::Amount(amount)) => Net::Value(net - amount),
            (Net::Value(_), Change::NewValue(value)) => Net::Value(value),
            (Net::NoValue { .. }, Change::Full) => Net::NoValue { taken_back: true },
            (net @ Net::NoValue { .. }, _) => net,
        }
    }
}

/// All corrections under one id have the same one but for the number at its end.
fn place(id: &str) -> (&str, u32) {
    let (own, digits) = id.rsplit_once('f').unwrap_or((id, ""));
    (own, digits.parse().unwrap_or(0))
}

/// Recorded, but so late that Microsoft takes it no more.
fn is_late(row: &Row, fix: &Fix, now: EventTime) -> bool {
    let known = row.corrections.iter().find(|known| is(known, fix));
    known.is_some_and(|known| {
        let refused = known.refused == Some(CorrectionRefusal::TooOldForMicrosoft);
        let limit = row.correction_limit();
        refused && (known.recorded_at > limit || now > limit)
    })
}
