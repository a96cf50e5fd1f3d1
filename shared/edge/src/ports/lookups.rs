use tracklayer_core::ledger::order::{OrderClaim, OrderKey};
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::attribution::Sighting;
use tracklayer_core::time::EventTime;

use super::{audit::Place, rows::LedgerError};

/// How large a table is; counted by DynamoDB every six hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableSize {
    pub items: u64,
    pub bytes: u64,
}

/// What an operator asks of the ledger.
///
/// Every method fails if the ledger is unavailable.
pub trait LedgerLookups {
    /// Who claimed an order; none if nobody did, or so long ago that the claim has expired.
    async fn order_claim(
        &self, order: &OrderKey, now: EventTime,
    ) -> Result<Option<OrderClaim>, LedgerError>;

    async fn size(&self) -> Result<TableSize, LedgerError>;
}

/// Sightings on one page of all clicks, and where the next page begins.
#[derive(Debug, Default)]
pub struct SightingPage {
    /// Those of the click id that is looked for.
    pub sightings: Vec<Sighting>,
    /// How many items were read for them.
    pub read: u64,
    pub next: Option<Place>,
}

/// When clicks and ties were stored, on one page of all of them.
#[derive(Debug, Default)]
pub struct Census {
    /// When each click was stored.
    pub clicks: Vec<EventTime>,
    /// When each tie was made last.
    pub ties: Vec<EventTime>,
    /// Where the next page begins; none after the last.
    pub next: Option<Place>,
}

/// What an operator asks of the clicks.
///
/// Every method fails if the clicks are unavailable.
pub trait ClickLookups {
    /// Where a click id was seen, on one page of all clicks: there is no index by click id.
    async fn seen(
        &self, click_id: &ClickId, after: Option<Place>,
    ) -> Result<SightingPage, LedgerError>;

    /// When clicks and ties were stored, on one page of the whole table.
    async fn census(&self, after: Option<Place>) -> Result<Census, LedgerError>;

    async fn size(&self) -> Result<TableSize, LedgerError>;
}
