use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementErrorCodeEnum, BatchStatementRequest, BatchStatementResponse,
    ReturnValuesOnConditionCheckFailure,
};
use tracklayer_core::id::AccountName;
use tracklayer_core::ledger::facts::Facts;
use tracklayer_core::ledger::row::RowKey;
use tracklayer_core::ledger::stored::{CHANGEABLE_FACTS, StoredCredit};
use tracklayer_core::reconcile::note::Write;

use crate::ports::{Batches, Found, LedgerError, Written};

use super::account::account_key;
use super::{Ledger, key_item, row_of};
use crate::aws::table::{Item, number, text, text_of, time};

impl Batches for Ledger {
    async fn read(&self, keys: &[RowKey], accounts: &[AccountName]) -> Result<Found, LedgerError> {
        let keys = accounts.iter().map(account_key).chain(keys.iter().map(key_item));
        let items = self.table.get_all(keys).await?;
        let mut found = Found::default();
        items.unread.iter().for_each(|place| found.leave_out(&place.pk));
        items.found.into_values().for_each(|item| found.add(item));
        Ok(found)
    }

    async fn write(&self, writes: &[Write]) -> Vec<Written> {
        let statements = writes.iter().map(|write| self.statement(write)).collect();
        self.table.execute_all(statements).await.into_iter().map(written).collect()
    }
}

impl Ledger {
    fn statement(&self, write: &Write) -> Result<BatchStatementRequest, LedgerError> {
        let mut sql = format!("UPDATE \"{}\"", self.table.name);
        let mut parameters = Vec::new();
        for (name, value) in assignments(write)? {
            match value {
                Some(value) => {
                    sql.push_str(&format!(" SET \"{name}\"=?"));
                    parameters.push(value);
                }
                None => sql.push_str(&format!(" REMOVE \"{name}\"")),
            }
        }
        sql.push_str(" WHERE \"pk\"=? AND \"sk\"=? AND \"observed\"=? AND \"desired\"=?");
        parameters.extend([text(write.key.pk()), text(write.key.sk())]);
        parameters.extend([number(write.if_observed), number(write.if_desired)]);
        let statement = BatchStatementRequest::builder()
            .statement(sql)
            .set_parameters(Some(parameters))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        Ok(statement.build()?)
    }
}

type Assignment = (&'static str, Option<AttributeValue>);

/// The attributes a write sets, or removes where there is no value.
fn assignments(write: &Write) -> Result<Vec<Assignment>, LedgerError> {
    let mut list: Vec<Assignment> = Vec::new();
    if let Some(observed) = &write.observed {
        list.push(("microsoft", Some(serde_dynamo::to_attribute_value(observed)?)));
        list.push(("observed", Some(number(write.if_observed + 1))));
    }
    if let Some(facts) = &write.facts {
        list.extend(fact_assignments(facts)?);
        list.push(("desired", Some(number(write.if_desired + 1))));
    }
    let open = write.open.as_ref();
    list.push(("open", open.map(|open| text(open.class.index_key(&write.key.pk())))));
    list.push(("due", open.map(|open| time(open.due))));
    list.push(("since", open.map(|open| time(open.since))));
    list.push(("reason", open.and_then(|open| open.reason).map(|reason| text(reason.as_str()))));
    Ok(list)
}

fn fact_assignments(facts: &Facts) -> Result<Vec<Assignment>, LedgerError> {
    let mut item: Item = serde_dynamo::to_item(StoredCredit::from(facts))?;
    Ok(CHANGEABLE_FACTS.iter().map(|name| (*name, item.remove(*name))).collect())
}

fn written(answer: Result<BatchStatementResponse, LedgerError>) -> Written {
    let response = match answer {
        Ok(response) => response,
        Err(error) => return Written::Failed(error.to_string()),
    };
    let Some(error) = response.error else { return Written::Done };
    match error.code {
        Some(BatchStatementErrorCodeEnum::ConditionalCheckFailed) => {
            let item = error.item.or(response.item).filter(|item| !item.is_empty());
            Written::Conflict(item.and_then(|item| row_of(item).ok()).map(Box::new))
        }
        code => Written::Failed(format!("{code:?}")),
    }
}

impl Found {
    fn leave_out(&mut self, pk: &str) {
        if let Some(name) = pk.strip_prefix("account ") {
            tracing::error!(account = name, "account item not read");
            self.unread_accounts.insert(name.to_owned());
        }
    }

    /// An unreadable row is left out: its message is returned as failed, so it is not lost.
    fn add(&mut self, item: Item) {
        let Some(pk) = text_of(&item, "pk").map(str::to_owned) else { return };
        if let Some(name) = pk.strip_prefix("account ") {
            match name.parse().ok().zip(serde_dynamo::from_item(item).ok()) {
                Some((name, item)) => _ = self.accounts.insert(name, item),
                None => self.leave_out(&pk),
            }
            return;
        }
        match row_of(item) {
            Ok(row) => {
                self.rows.insert(row.key.clone(), row);
            }
            Err(error) => {
                tracing::error!(pk, %error, "stuck: the row can't be read");
                self.unreadable += 1;
            }
        }
    }
}
