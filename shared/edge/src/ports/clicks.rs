//! The captured clicks, and the search for the one a conversion is credited to.

use tracklayer_core::{
    id::RecordId,
    ledger::facts::References,
    person::click_id::ClickId,
    reconcile::{erasure::Person, intake::ClickSearch},
    time::EventTime,
};

use super::rows::LedgerError;

/// The kinds of records a reference can be tied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TieKind {
    /// A lead of the CRM.
    Lead,
    /// A cart of the shop.
    Cart,
    /// An order of the shop.
    Order,
}

impl TieKind {
    /// The person known by this record.
    #[must_use]
    pub fn person(self, id: RecordId) -> Person {
        match self {
            TieKind::Lead => Person::Lead(id),
            TieKind::Cart => Person::Cart(id),
            TieKind::Order => Person::Order(id),
        }
    }
}

/// Who tied a record to a visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TiedBy {
    /// Somebody with an ingest key.
    Key,
    /// A browser. Perhaps a stranger's, as a hint.
    Browser,
}

/// Who withdrew consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithdrawnBy {
    /// Somebody with an ingest key, for whoever's clicks there are.
    Key,
    /// A visitor who had clicks in the session. Perhaps not the only one.
    Visitor,
}

/// The captured clicks.
///
/// Every method fails if the clicks are unavailable.
pub trait Clicks {
    /// The click for a conversion at `time`: the event's own click id, else by the session, else by
    /// the ties of lead, cart and order, in this order.
    async fn search(
        &self,
        own: Option<&ClickId>,
        references: &References,
        time: EventTime,
        now: EventTime,
        browser_order_ties: bool,
    ) -> Result<ClickSearch, LedgerError>;

    /// Whether a click that was found in the second `at` under `reference` has not been deleted
    /// since: consent may have been withdrawn. One that is as old as clicks get counts as there.
    async fn is_there(
        &self,
        reference: &RecordId,
        click_id: &ClickId,
        at: EventTime,
        now: EventTime,
    ) -> Result<bool, LedgerError>;

    /// When the consent of `person` was last withdrawn, by one or the other.
    async fn withdrawn_at(
        &self,
        person: &Person,
        by: WithdrawnBy,
    ) -> Result<Option<EventTime>, LedgerError>;

    /// The references that somebody with an ingest key has tied to `record`: these visitors are no
    /// strangers who tied themselves to it.
    async fn tied_by_key(
        &self,
        record: &Person,
        now: EventTime,
    ) -> Result<Vec<RecordId>, LedgerError>;
}

/// The captured clicks, by whoever captures them.
///
/// Every method fails if the clicks are unavailable.
pub trait Captures {
    /// Adds a click to the history of `reference`, with `details` as attributes.
    async fn add(
        &self,
        reference: &str,
        click_id: &ClickId,
        at_ms: i64,
        details: Vec<(&'static str, String)>,
    ) -> Result<(), LedgerError>;

    /// Ties a record to `reference`, with `details` as attributes.
    async fn tie(
        &self,
        kind: TieKind,
        id: &RecordId,
        reference: &str,
        at_ms: i64,
        by: TiedBy,
        details: Vec<(&'static str, String)>,
    ) -> Result<(), LedgerError>;

    /// Notes who withdrew the consent of `person`, for what was recorded before and waits.
    async fn withdraw(
        &self,
        person: &Person,
        by: WithdrawnBy,
        at_ms: i64,
    ) -> Result<(), LedgerError>;

    /// Whether any click of `reference` came with `cookie`.
    async fn has_clicks(&self, reference: &str, cookie: &str) -> Result<bool, LedgerError>;
}
