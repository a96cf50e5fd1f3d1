//! The captured clicks and the ties of records to them.

use tracklayer_core::id::RecordId;
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::attribution::{Sighting, Tie, TieKind, TiedBy};
use tracklayer_core::time::EventTime;

use super::rows::LedgerError;

/// Reads sightings of clicks and ties. What they mean is decided by
/// [`tracklayer_core::reconcile::attribution`].
///
/// Reads are consistent: the click may be a moment old. Expired items are left out. Every method
/// fails if the clicks are unavailable.
pub trait Clicks {
    /// The newest sightings under `reference` until the end of the second `until`; at most `limit`
    /// are read.
    async fn sightings(
        &self, reference: &RecordId, until: EventTime, limit: usize, now: EventTime,
    ) -> Result<Vec<Sighting>, LedgerError>;

    /// Ties of a record: those made with a key first, then those that browsers made; at most `limit`
    /// are read.
    async fn ties(
        &self, kind: TieKind, id: &RecordId, limit: usize, now: EventTime,
    ) -> Result<Vec<Tie>, LedgerError>;
}

/// Attributes that are stored with a click or a tie, by name.
pub type Details = Vec<(&'static str, String)>;

/// Stores what pages report.
///
/// Every method fails if the clicks are unavailable.
pub trait Captures {
    /// Adds a click to the history of `reference`.
    async fn add_click(
        &self, reference: &RecordId, click_id: &ClickId, at_ms: i64, details: Details,
    ) -> Result<(), LedgerError>;

    /// Ties a record to `reference`; repeated, the tie only gets newer.
    async fn add_tie(
        &self, kind: TieKind, id: &RecordId, by: TiedBy, reference: &RecordId, at_ms: i64,
        details: Details,
    ) -> Result<(), LedgerError>;
}
