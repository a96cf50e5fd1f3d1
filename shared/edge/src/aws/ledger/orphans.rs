//! Orphans: what moves between an orphan, a pointer and a row is written in one transaction
//! (docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html).

use aws_sdk_dynamodb::types::TransactWriteItem;
use tracklayer_core::ledger::orphan::{Orphan, StoredOrphan};
use tracklayer_core::ledger::row::{PartitionKey, Row};
use tracklayer_core::reconcile::orphans::Moved;
use tracklayer_core::time::EventTime;

use crate::ports::{LedgerError, Orphans, Pointer};

use super::{Ledger, change_of, claims::pointer_item, key_item, unmoved};
use crate::aws::table::{Condition, Item, number, won};

impl Orphans for Ledger {
    async fn record_in_orphan(
        &self, before: Option<&Orphan>, after: &Orphan, own: &PartitionKey, pointer: &Pointer,
        now: EventTime,
    ) -> Result<bool, LedgerError> {
        let same = before.map_or_else(|| Condition::none_alive(now), same_revision);
        let orphan = self.table.put_part(orphan_item(after)?, same)?;
        let pointer = pointer_item(own, pointer)?;
        let pointer = self.table.put_part(pointer, Condition::none_alive(now))?;
        self.both(orphan, pointer).await
    }

    async fn save_orphan(&self, before: &Orphan, after: &Orphan) -> Result<bool, LedgerError> {
        won(self.table.put(orphan_item(after)?, same_revision(before)).send().await)
    }

    async fn move_corrections(
        &self, from: &Orphan, to: &Row, moved: &Moved,
    ) -> Result<bool, LedgerError> {
        let orphan = self.table.put_part(orphan_item(&moved.orphan)?, same_revision(from))?;
        let change = change_of(to, &moved.row)?;
        let row = self.table.update_part(key_item(&to.key), change, unmoved(to))?;
        self.both(row, orphan).await
    }
}

/// Nobody has written since the orphan was read.
fn same_revision(orphan: &Orphan) -> Condition {
    Condition::new("revision = :revision", [(":revision", number(orphan.revision))])
}

impl Ledger {
    /// Writes both or neither. False if a condition did not hold, or somebody wrote one of the items
    /// in the same moment.
    async fn both(
        &self, one: TransactWriteItem, other: TransactWriteItem,
    ) -> Result<bool, LedgerError> {
        let request = self.table.client.transact_write_items();
        won(request.transact_items(one).transact_items(other).send().await)
    }
}

fn orphan_item(orphan: &Orphan) -> Result<Item, LedgerError> {
    Ok(serde_dynamo::to_item(StoredOrphan::from(orphan))?)
}

pub(super) fn orphan_of(item: Item) -> Result<Orphan, LedgerError> {
    let stored: StoredOrphan = serde_dynamo::from_item(item)?;
    Ok(stored.try_into()?)
}
