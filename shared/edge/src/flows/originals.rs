//! What corrections may mean by an id: the rows under it, and the rows of the orders that events of
//! this id were other notices of.

use tracklayer_core::id::EventName;
use tracklayer_core::ledger::row::{PartitionKey, Row, RowKey};
use tracklayer_core::reconcile::orphans::Original;
use tracklayer_core::time::EventTime;

use crate::ports::{LedgerError, Partition, Rows};

/// What is under an id, and where it leads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Siblings {
    pub partition: Partition,
    /// Rows of orders, each with the event under which this id was another notice of it.
    pub led_to: Vec<(EventName, Row)>,
}

impl Siblings {
    /// All originals that this id may mean.
    pub fn originals(&self) -> Vec<Original<'_>> {
        let own = self.partition.rows.iter().map(Original::own);
        let led_to = self.led_to.iter().map(|(event, row)| Original { event, row });
        own.chain(led_to).collect()
    }

    /// The originals that take what waits under this id whoever looks: not the row of an order of
    /// which a key told that does not cover it.
    pub fn entitled(&self) -> Vec<Original<'_>> {
        let mut originals = self.originals();
        for pointer in self.partition.same_order.iter().filter(|pointer| !pointer.covered) {
            originals.retain(|it| (it.event, &it.row.key) != (&pointer.event, &pointer.row));
        }
        originals
    }
}

/// Reads what is under an id and the rows that it leads to.
pub async fn siblings(
    ledger: &impl Rows, id: &PartitionKey, now: EventTime,
) -> Result<Siblings, LedgerError> {
    let partition = ledger.partition(id, now).await?;
    let mut led_to = Vec::new();
    for pointer in &partition.same_order {
        let Some(key) = partition.row_of_order(&pointer.event) else { continue };
        if let Some(row) = row(ledger, key, now).await? {
            led_to.push((pointer.event.clone(), row));
        }
    }
    Ok(Siblings { partition, led_to })
}

/// The row under `key`, if there is one.
pub async fn row(
    ledger: &impl Rows, key: &RowKey, now: EventTime,
) -> Result<Option<Row>, LedgerError> {
    let partition = ledger.partition(&key.partition_key(), now).await?;
    Ok(partition.rows.into_iter().find(|row| row.key == *key))
}
