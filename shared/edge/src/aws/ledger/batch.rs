//! Reading and writing many rows at once, as upload does.

use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementErrorCodeEnum, BatchStatementRequest, BatchStatementResponse,
    KeysAndAttributes, ReturnValuesOnConditionCheckFailure,
};
use tracklayer_core::id::AccountName;
use tracklayer_core::ledger::facts::Facts;
use tracklayer_core::ledger::row::RowKey;
use tracklayer_core::ledger::stored::{CHANGEABLE_FACTS, StoredCredit};
use tracklayer_core::reconcile::note::Write;

use crate::error_text::text_of;
use crate::ports::{Batches, Found, LedgerError, Written};

use super::{
    Item, Ledger, account::account_pk, key_item, keyed, number, row_of, text, unavailable, unsigned,
};

/// Keys per `BatchGetItem` (docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html).
const KEYS_PER_READ: usize = 100;
/// Statements per `BatchExecuteStatement` (…/API_BatchExecuteStatement.html).
const STATEMENTS_PER_WRITE: usize = 25;
/// How often unprocessed keys are asked for again within one run.
const READ_ROUNDS: u32 = 5;

impl Batches for Ledger {
    async fn read(&self, keys: &[RowKey], accounts: &[AccountName]) -> Result<Found, LedgerError> {
        let account_keys = accounts.iter().map(|name| keyed(&account_pk(name.as_str()), "state"));
        let items: Vec<Item> = account_keys.chain(keys.iter().map(key_item)).collect();
        let mut found = Found::default();
        for chunk in items.chunks(KEYS_PER_READ) {
            self.read_chunk(chunk.to_vec(), &mut found).await?;
        }
        Ok(found)
    }

    async fn write(&self, writes: &[Write]) -> Vec<Written> {
        let mut outcomes = Vec::with_capacity(writes.len());
        for chunk in writes.chunks(STATEMENTS_PER_WRITE) {
            let statements =
                chunk.iter().map(|write| self.statement(write)).collect::<Result<Vec<_>, _>>();
            let chunk_outcomes = match statements {
                Ok(statements) => self.execute(statements).await,
                Err(error) => vec![Written::Failed(error.to_string()); chunk.len()],
            };
            outcomes.extend(chunk_outcomes);
        }
        outcomes
    }
}

impl Ledger {
    async fn read_chunk(&self, mut keys: Vec<Item>, found: &mut Found) -> Result<(), LedgerError> {
        for round in 0..READ_ROUNDS {
            if keys.is_empty() {
                break;
            }
            if round > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(50 << round)).await;
            }
            let request =
                KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            let request = request.map_err(|error| LedgerError::Unavailable(error.to_string()))?;
            let answer =
                self.client.batch_get_item().request_items(&self.table, request).send().await;
            let mut answer = answer.map_err(|error| unavailable(&error))?;
            let items = answer.responses.as_mut().and_then(|tables| tables.remove(&self.table));
            items.unwrap_or_default().into_iter().for_each(|item| found.add(item));
            let rest =
                answer.unprocessed_keys.as_mut().and_then(|tables| tables.remove(&self.table));
            keys = rest.map(|rest| rest.keys).unwrap_or_default();
        }
        for pk in keys.iter().filter_map(|key| key.get("pk")?.as_s().ok()) {
            found.leave_out(pk);
        }
        Ok(())
    }

    async fn execute(&self, statements: Vec<BatchStatementRequest>) -> Vec<Written> {
        let count = statements.len();
        let answer =
            self.client.batch_execute_statement().set_statements(Some(statements)).send().await;
        match answer {
            Ok(answer) => {
                let mut outcomes: Vec<Written> =
                    answer.responses.unwrap_or_default().into_iter().map(outcome_of).collect();
                outcomes.resize(count, Written::Failed("no answer for this statement".to_owned()));
                outcomes
            }
            Err(error) => vec![Written::Failed(text_of(&error)); count],
        }
    }

    fn statement(&self, write: &Write) -> Result<BatchStatementRequest, LedgerError> {
        let mut sql = format!("UPDATE \"{}\"", self.table);
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
        sql.push_str(" WHERE \"pk\"=? AND \"sk\"=? AND \"observed\"=?");
        parameters.extend([
            text(write.key.pk()),
            text(write.key.sk()),
            unsigned(write.if_observed),
        ]);
        sql.push_str(" AND \"desired\"=?");
        parameters.push(unsigned(write.if_desired));
        BatchStatementRequest::builder()
            .statement(sql)
            .set_parameters(Some(parameters))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| LedgerError::Unavailable(error.to_string()))
    }
}

type Assignment = (&'static str, Option<AttributeValue>);

/// The attributes a write sets, or removes where there is no value.
fn assignments(write: &Write) -> Result<Vec<Assignment>, LedgerError> {
    let mut list: Vec<Assignment> = Vec::new();
    if let Some(observed) = &write.observed {
        let value = serde_dynamo::to_attribute_value(observed)
            .map_err(|error| LedgerError::Unreadable(error.to_string()))?;
        list.push(("microsoft", Some(value)));
        list.push(("observed", Some(unsigned(write.if_observed + 1))));
    }
    if let Some(facts) = &write.facts {
        list.extend(fact_assignments(facts)?);
        list.push(("desired", Some(unsigned(write.if_desired + 1))));
    }
    let open = write.open.as_ref();
    list.push(("open", open.map(|open| text(open.class.index_key(&write.key.pk())))));
    list.push(("due", open.map(|open| number(open.due.epoch()))));
    list.push(("since", open.map(|open| number(open.since.epoch()))));
    list.push(("reason", open.and_then(|open| open.reason).map(|reason| text(reason.as_str()))));
    Ok(list)
}

fn fact_assignments(facts: &Facts) -> Result<Vec<Assignment>, LedgerError> {
    let mut item: Item = serde_dynamo::to_item(StoredCredit::from(facts))
        .map_err(|error| LedgerError::Unreadable(error.to_string()))?;
    Ok(CHANGEABLE_FACTS.iter().map(|name| (*name, item.remove(*name))).collect())
}

fn outcome_of(response: BatchStatementResponse) -> Written {
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
        let Some(pk) = item.get("pk").and_then(|pk| pk.as_s().ok()).cloned() else { return };
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
