use crate::ports::{AuditState, Audited, LedgerError, Place, RowPage, Unreadable};
use aws_sdk_dynamodb::operation::scan::ScanOutput;

use super::{Ledger, row_of};
use crate::aws::table::{Condition, Item, keyed, number, place_of, won};

impl Audited for Ledger {
    async fn audit_state(&self) -> Result<AuditState, LedgerError> {
        let Some(item) = self.table.get(keyed("audit", "state")).await? else {
            return Ok(AuditState::default());
        };
        Ok(serde_dynamo::from_item(item)?)
    }

    async fn save_audit(&self, state: &AuditState) -> Result<bool, LedgerError> {
        let next = AuditState { revision: state.revision + 1, ..state.clone() };
        let mut item: Item = serde_dynamo::to_item(next)?;
        item.extend(keyed("audit", "state"));
        let same = Condition::new(
            "attribute_not_exists(pk) OR revision = :revision",
            [(":revision", number(state.revision))],
        );
        won(self.table.put(item, same).send().await)
    }

    async fn rows(&self, after: Option<&Place>, limit: i32) -> Result<RowPage, LedgerError> {
        // Read eventually, at half the price: what is written upon it is conditional.
        let scan = self.table.client.scan().table_name(&self.table.name).limit(limit);
        let scan = scan.filter_expression("attribute_exists(desired)");
        let start = after.map(|place| keyed(&place.pk, &place.sk));
        Ok(page_of(scan.set_exclusive_start_key(start).send().await?))
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
