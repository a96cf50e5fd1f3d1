//! Items that make something unique: the pointer of a correction, the key of a conversion.

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use tracklayer_core::ledger::row::{PartitionKey, RowKey};
use tracklayer_core::time::{DAY, EventTime};

use crate::ports::{Claims, LedgerError, Pointer};

use super::{Item, Ledger, NONE_ALIVE, keyed, number, old_item, text, unavailable, won};

/// How long a key stays claimed: longer than Microsoft takes anything about it.
pub const CLAIM_DAYS: i64 = 100;

impl Claims for Ledger {
    async fn claim(
        &self, claim: &str, owner: &RowKey, now: EventTime,
    ) -> Result<bool, LedgerError> {
        let owner = format!("{} {}", owner.pk(), owner.sk());
        let mut item = keyed(claim, "key");
        item.insert("owner".to_owned(), text(&owner));
        item.insert("ttl".to_owned(), number(now.plus_seconds(CLAIM_DAYS * DAY).epoch()));
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk) OR #owner = :owner OR #ttl <= :now")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":owner", text(owner))
            .expression_attribute_values(":now", number(now.epoch()))
            .send()
            .await;
        won(answer, PutItemError::is_conditional_check_failed_exception)
    }

    async fn point(
        &self, own: &PartitionKey, pointer: &Pointer, now: EventTime,
    ) -> Result<Option<Pointer>, LedgerError> {
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(pointer_item(own, pointer)?))
            .condition_expression(NONE_ALIVE)
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", number(now.epoch()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = answer else { return Ok(None) };
        let condition = |error: &PutItemError| match error {
            PutItemError::ConditionalCheckFailedException(failed) => failed.item().cloned(),
            _ => None,
        };
        match old_item(&error, condition) {
            Some(item) => pointer_of(item).map(Some),
            None => Err(unavailable(&error)),
        }
    }

    async fn pointer(
        &self, own: &PartitionKey, now: EventTime,
    ) -> Result<Option<Pointer>, LedgerError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(pointer_key(own)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        let pointer = answer.item.map(pointer_of).transpose()?;
        Ok(pointer.filter(|pointer| pointer.ttl > now))
    }

    async fn remove_pointer(
        &self, own: &PartitionKey, fingerprint: &str,
    ) -> Result<(), LedgerError> {
        let answer = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(pointer_key(own)))
            .condition_expression("fingerprint = :fingerprint")
            .expression_attribute_values(":fingerprint", text(fingerprint))
            .send()
            .await;
        won(answer, DeleteItemError::is_conditional_check_failed_exception).map(|_| ())
    }
}

/// No event name holds a `~`: a correction may have the id of another event.
fn pointer_key(own: &PartitionKey) -> Item {
    keyed(&own.pk(), "~correction")
}

pub(super) fn pointer_item(own: &PartitionKey, pointer: &Pointer) -> Result<Item, LedgerError> {
    let mut item: Item = serde_dynamo::to_item(pointer)
        .map_err(|error| LedgerError::Unreadable(error.to_string()))?;
    item.extend(pointer_key(own));
    Ok(item)
}

fn pointer_of(item: Item) -> Result<Pointer, LedgerError> {
    serde_dynamo::from_item(item).map_err(|error| LedgerError::Unreadable(error.to_string()))
}
