//! One row of the ledger: the facts and corrections a source sent (*desired*), and what is known
//! of Microsoft (*observed*).
//!
//! Each half has its own revision. Desired state is raised by whoever changes facts or corrections,
//! observed state by whoever learns something of Microsoft; every write names the revisions it
//! relies on, so that two workers can't undo each other.

use crate::{
    id::{AccountName, EventName, RecordId, Source},
    ledger::{correction::Correction, facts::Facts, index::Open, observed::Observed},
    time::{EventTime, MAX_AGE},
};

/// Names an event by its source's own id, whatever its name: the partition that rows, orphan and
/// pointers of this id share.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionKey {
    /// Who sent the event.
    pub source: Source,
    /// The source's own id of it.
    pub event_id: RecordId,
}

impl PartitionKey {
    /// The partition key in the table.
    #[must_use]
    pub fn pk(&self) -> String {
        RowKey::partition(&self.source, &self.event_id)
    }

    /// The key that `pk` spells.
    ///
    /// # Errors
    /// If it spells the key of something else.
    pub fn parse(pk: &str) -> Result<Self, BadKey> {
        let mut parts = pk.splitn(3, ' ');
        let (Some("event"), Some(source), Some(event_id)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(BadKey);
        };
        let source = source.parse().map_err(|_| BadKey)?;
        let event_id = event_id.parse().map_err(|_| BadKey)?;
        Ok(PartitionKey { source, event_id })
    }

    /// `source/eventId`, as logs and people name it.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}/{}", self.source, self.event_id)
    }
}

/// Names one row: a source is one id-space, an id may be used under several event names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowKey {
    /// Who sent the event.
    pub source: Source,
    /// The source's own id of it.
    pub event_id: RecordId,
    /// Its event name, e.g. `purchase`.
    pub event: EventName,
}

impl RowKey {
    /// The partition all rows and pointers of one id share: `event <source> <eventId>`.
    #[must_use]
    pub fn partition(source: &Source, event_id: &RecordId) -> String {
        format!("event {source} {event_id}")
    }

    /// This row's partition key.
    #[must_use]
    pub fn pk(&self) -> String {
        Self::partition(&self.source, &self.event_id)
    }

    /// This row's sort key.
    #[must_use]
    pub fn sk(&self) -> &str {
        self.event.as_str()
    }

    /// The key that `pk` and `sk` spell.
    ///
    /// # Errors
    /// If they spell something else than a row.
    pub fn parse(pk: &str, sk: &str) -> Result<Self, BadKey> {
        let PartitionKey { source, event_id } = PartitionKey::parse(pk)?;
        Ok(RowKey { source, event_id, event: sk.parse().map_err(|_| BadKey)? })
    }

    /// `source/eventId`, as logs and people name it.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}/{}", self.source, self.event_id)
    }
}

/// A key that names no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the key of a ledger row")]
pub struct BadKey;

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its key.
    pub key: RowKey,
    /// The account of the mapping it belongs to.
    pub account: AccountName,
    /// What the source confirmed.
    pub facts: Facts,
    /// Refunds, restatements and cancellations, in the order they came.
    pub corrections: Vec<Correction>,
    /// Raised by every change of facts or corrections.
    pub desired_revision: u64,
    /// Raised by every change of `observed`.
    pub observed_revision: u64,
    /// What is known of Microsoft.
    pub observed: Observed,
    /// Its entry in the index of open rows.
    pub open: Option<Open>,
    /// When it was first written.
    pub recorded_at: EventTime,
    /// When DynamoDB may delete it: long after Microsoft takes anything of it.
    pub ttl: EventTime,
}

impl Row {
    /// Whether its person was erased, or ended it by a denial.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        self.facts.erased_at.is_some()
    }

    /// The last moment at which Microsoft takes the original: 90 days after the conversion.
    #[must_use]
    pub fn limit(&self) -> EventTime {
        self.facts.conversion_time.plus_seconds(MAX_AGE)
    }

    /// The last moment at which a correction counts: 90 days after the conversion or after the
    /// click, whichever is earlier. Microsoft drops later ones without an error, as
    /// `HistoricalClickDataExpired`
    /// (learn.microsoft.com/advertising/guides/uet-offline-conversion-adjustments).
    #[must_use]
    pub fn correction_limit(&self) -> EventTime {
        let clicked_at = self.facts.click.as_ref().and_then(|click| click.clicked_at);
        let start =
            clicked_at.unwrap_or(self.facts.conversion_time).min(self.facts.conversion_time);
        start.plus_seconds(MAX_AGE)
    }
}
