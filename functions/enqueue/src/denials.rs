//! The events of a request whose persons deny consent.

use std::collections::BTreeSet;

use tracklayer_core::event::{Event, Ignored, IgnoredReason, Parsed};
use tracklayer_core::ledger::order::OrderKey;
use tracklayer_core::ledger::row::{Row, RowKey};
use tracklayer_edge::ports::IngestKey;

/// Whether it is ignored because its person denies consent.
pub(crate) fn is_denial(ignored: &Ignored) -> bool {
    ignored.reason == IgnoredReason::ConsentDenied
}

/// The orders that it denies with this key.
fn orders<'a>(ignored: &'a Ignored, key: &IngestKey) -> impl Iterator<Item = &'a OrderKey> {
    let covered = ignored.orders.iter().filter(|(account, _)| key.scope.covers_account(account));
    covered.map(|(_, order)| order)
}

/// What is denied in a request, as far as its key may do so.
pub(crate) struct Denials<'a> {
    rows: BTreeSet<&'a RowKey>,
    orders: BTreeSet<&'a OrderKey>,
}

impl<'a> Denials<'a> {
    /// The denials among the events of a request.
    pub fn among(parsed: &'a [Parsed], key: &IngestKey) -> Self {
        let covered = |ignored: &&Ignored| {
            let account = ignored.account.as_ref();
            key.scope.covers_source(&ignored.key.source)
                && account.is_none_or(|account| key.scope.covers_account(account))
        };
        let denial = |parsed: &'a Parsed| match &parsed.event {
            Ok(Event::Ignored(ignored)) if is_denial(ignored) => Some(ignored),
            _ => None,
        };
        let denials: Vec<&Ignored> = parsed.iter().filter_map(denial).filter(covered).collect();
        Denials {
            rows: denials.iter().map(|ignored| &ignored.key).collect(),
            orders: denials.iter().flat_map(|ignored| orders(ignored, key)).collect(),
        }
    }

    pub fn mean(&self, row: &Row) -> bool {
        let by_order = row.facts.order.as_ref().is_some_and(|order| self.include(order));
        by_order || self.rows.contains(&row.key)
    }

    pub fn include(&self, order: &OrderKey) -> bool {
        self.orders.contains(order)
    }
}
