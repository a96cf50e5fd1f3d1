//! Items that make something unique: the pointer of a correction, the key of a conversion.

use aws_sdk_dynamodb::{
    operation::{delete_item::DeleteItemError, put_item::PutItemError},
    types::ReturnValuesOnConditionCheckFailure,
};
use tracklayer_core::{
    id::{RecordId, Source},
    ledger::row::RowKey,
    time::{DAY, EventTime},
};

use crate::ports::{Claims, LedgerError, Pointer, Pointers};

use super::{Item, Ledger, keyed, number, old_item, text, unavailable, won};

/// How long a key stays claimed: longer than Microsoft takes anything about it.
pub const CLAIM_DAYS: i64 = 100;

impl Claims for Ledger {
    async fn claim(
        &self,
        claim: &str,
        owner: &RowKey,
        now: EventTime,
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

    async fn release(&self, claim: &str, owner: &RowKey) -> Result<(), LedgerError> {
        let answer = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(keyed(claim, "key")))
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", text(format!("{} {}", owner.pk(), owner.sk())))
            .send()
            .await;
        won(answer, DeleteItemError::is_conditional_check_failed_exception).map(|_| ())
    }

    async fn point(&self, own: &RowKey, pointer: &Pointer) -> Result<Option<Pointer>, LedgerError> {
        let mut item: Item = serde_dynamo::to_item(pointer)
            .map_err(|error| LedgerError::Unreadable(error.to_string()))?;
        item.extend(keyed(&own.pk(), own.sk()));
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
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

    async fn pointer(&self, own: &RowKey) -> Result<Option<Pointer>, LedgerError> {
        let items = self.partition_items(&own.source, &own.event_id).await?;
        let is_it = |item: &&Item| {
            item.get("sk").and_then(|sk| sk.as_s().ok()).is_some_and(|sk| sk == own.sk())
        };
        let found = items.iter().filter(|item| item.contains_key("originalEventId")).find(is_it);
        found.cloned().map(pointer_of).transpose()
    }
}

impl Pointers for Ledger {
    async fn pointers(
        &self,
        source: &Source,
        event_id: &RecordId,
    ) -> Result<Vec<Pointer>, LedgerError> {
        let items = self.partition_items(source, event_id).await?;
        let pointers = items.into_iter().filter(|item| item.contains_key("originalEventId"));
        pointers.map(pointer_of).collect()
    }
}

fn pointer_of(item: Item) -> Result<Pointer, LedgerError> {
    serde_dynamo::from_item(item).map_err(|error| LedgerError::Unreadable(error.to_string()))
}
