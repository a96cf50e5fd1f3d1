//! The keys of rows in their table.

use serde::{Deserialize, Serialize};

use crate::id::{EventName, RecordId, Source};

/// Names an event by its source's own id, whatever its name: the partition that rows, orphan and
/// pointers of this id share.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionKey {
    pub source: Source,
    pub event_id: RecordId,
}

impl PartitionKey {
    /// The partition key in the table.
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
    pub fn label(&self) -> String {
        format!("{}/{}", self.source, self.event_id)
    }
}

/// Names one row: a source is one id-space, an id may be used under several event names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RowKey {
    pub source: Source,
    pub event_id: RecordId,
    /// Its event name, e.g. `purchase`.
    pub event: EventName,
}

impl RowKey {
    /// The partition all rows and pointers of one id share: `event <source> <eventId>`.
    fn partition(source: &Source, event_id: &RecordId) -> String {
        format!("event {source} {event_id}")
    }

    pub fn pk(&self) -> String {
        Self::partition(&self.source, &self.event_id)
    }

    /// The key that it shares with other events of its id.
    pub fn partition_key(&self) -> PartitionKey {
        PartitionKey { source: self.source.clone(), event_id: self.event_id.clone() }
    }

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
    pub fn label(&self) -> String {
        format!("{}/{}", self.source, self.event_id)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the key of a ledger row")]
pub struct BadKey;
