//! Orphans: what moves between an orphan, a pointer and a row is written in one transaction
//! (docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html).

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem, Update};
use tracklayer_core::ledger::orphan::{Orphan, StoredOrphan};
use tracklayer_core::ledger::row::{PartitionKey, Row};
use tracklayer_core::ledger::stored::BadRow;
use tracklayer_core::reconcile::orphans::Moved;
use tracklayer_core::time::EventTime;

use crate::ports::{LedgerError, Orphans, Pointer};

use super::{
    Item, Ledger, NONE_ALIVE, UNMOVED, change_of, claims::pointer_item, key_item, number, unsigned,
    won,
};

/// Nobody has written since the orphan was read.
const SAME_REVISION: &str = "revision = :revision";

impl Orphans for Ledger {
    async fn record_in_orphan(
        &self, before: Option<&Orphan>, after: &Orphan, own: &PartitionKey, pointer: &Pointer,
        now: EventTime,
    ) -> Result<bool, LedgerError> {
        let orphan = self.orphan_written(before, after, now)?;
        let pointer = Put::builder()
            .table_name(&self.table)
            .set_item(Some(pointer_item(own, pointer)?))
            .condition_expression(NONE_ALIVE)
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", number(now.epoch()));
        let pointer = pointer.build().map_err(unbuilt)?;
        self.both(orphan, TransactWriteItem::builder().put(pointer).build()).await
    }

    async fn save_orphan(&self, before: &Orphan, after: &Orphan) -> Result<bool, LedgerError> {
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(orphan_item(after)?))
            .condition_expression(SAME_REVISION)
            .expression_attribute_values(":revision", unsigned(before.revision))
            .send()
            .await;
        won(answer, PutItemError::is_conditional_check_failed_exception)
    }

    async fn move_corrections(
        &self, from: &Orphan, to: &Row, moved: &Moved,
    ) -> Result<bool, LedgerError> {
        let orphan = self.orphan_written(Some(from), &moved.orphan, from.recorded_at)?;
        let (expression, names, values) = change_of(to, &moved.row)?;
        let row = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key_item(&to.key)))
            .update_expression(expression)
            .condition_expression(UNMOVED)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values));
        let row = row.build().map_err(unbuilt)?;
        self.both(TransactWriteItem::builder().update(row).build(), orphan).await
    }
}

impl Ledger {
    /// The orphan in a transaction, on condition that it has not changed, or that there is none.
    fn orphan_written(
        &self, before: Option<&Orphan>, after: &Orphan, now: EventTime,
    ) -> Result<TransactWriteItem, LedgerError> {
        let put = Put::builder().table_name(&self.table);
        let put = put.set_item(Some(orphan_item(after)?));
        let put = match before {
            Some(before) => put
                .condition_expression(SAME_REVISION)
                .expression_attribute_values(":revision", unsigned(before.revision)),
            None => put
                .condition_expression(NONE_ALIVE)
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(":now", number(now.epoch())),
        };
        Ok(TransactWriteItem::builder().put(put.build().map_err(unbuilt)?).build())
    }

    /// Writes both or neither. False if a condition did not hold, or somebody wrote one of the items
    /// in the same moment.
    async fn both(
        &self, one: TransactWriteItem, other: TransactWriteItem,
    ) -> Result<bool, LedgerError> {
        let request = self.client.transact_write_items();
        let answer = request.transact_items(one).transact_items(other).send().await;
        won(answer, TransactWriteItemsError::is_transaction_canceled_exception)
    }
}

fn unbuilt(error: BuildError) -> LedgerError {
    LedgerError::Unavailable(error.to_string())
}

fn orphan_item(orphan: &Orphan) -> Result<Item, LedgerError> {
    serde_dynamo::to_item(StoredOrphan::from(orphan))
        .map_err(|error| LedgerError::Unreadable(error.to_string()))
}

pub(super) fn orphan_of(item: Item) -> Result<Orphan, LedgerError> {
    let stored: StoredOrphan = serde_dynamo::from_item(item)
        .map_err(|error| LedgerError::Unreadable(error.to_string()))?;
    stored.try_into().map_err(|error: BadRow| LedgerError::Unreadable(error.to_string()))
}
