//! All rows, page by page, and how far the audit is.

use crate::ports::{AuditState, Audited, LedgerError, Place, RowPage, Unreadable};
use aws_sdk_dynamodb::operation::{put_item::PutItemError, scan::ScanOutput};

use super::{Item, Ledger, keyed, row_of, unavailable, unsigned, won};

impl Audited for Ledger {
    async fn audit_state(&self) -> Result<AuditState, LedgerError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(keyed("audit", "state")))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        let Some(item) = answer.item else { return Ok(AuditState::default()) };
        serde_dynamo::from_item(item).map_err(|error| LedgerError::Unreadable(error.to_string()))
    }

    async fn save_audit(&self, state: &AuditState) -> Result<bool, LedgerError> {
        let next = AuditState { revision: state.revision + 1, ..state.clone() };
        let mut item: Item = serde_dynamo::to_item(next)
            .map_err(|error| LedgerError::Unreadable(error.to_string()))?;
        item.extend(keyed("audit", "state"));
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk) OR revision = :revision")
            .expression_attribute_values(":revision", unsigned(state.revision))
            .send()
            .await;
        won(answer, PutItemError::is_conditional_check_failed_exception)
    }

    async fn rows(&self, after: Option<&Place>, limit: i32) -> Result<RowPage, LedgerError> {
        let start = after.map(|place| keyed(&place.pk, &place.sk));
        // Read eventually, at half the price: what is written upon it is conditional.
        let answer = self
            .client
            .scan()
            .table_name(&self.table)
            .filter_expression("attribute_exists(desired)")
            .limit(limit)
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        Ok(page_of(answer))
    }
}

fn page_of(answer: ScanOutput) -> RowPage {
    let next = answer.last_evaluated_key.as_ref().and_then(place_of);
    let mut page = RowPage { next, ..RowPage::default() };
    for item in answer.items.unwrap_or_default() {
        match row_of(item.clone()) {
            Ok(row) => page.rows.push(row),
            Err(why) => {
                let texts = item.values().filter_map(|value| value.as_s().ok()).cloned();
                let pk = place_of(&item).map(|place| place.pk).unwrap_or_default();
                page.unreadable.push(Unreadable { texts: texts.collect(), pk, why });
            }
        }
    }
    page
}

fn place_of(item: &Item) -> Option<Place> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
    Some(Place { pk: text("pk")?, sk: text("sk")? })
}
