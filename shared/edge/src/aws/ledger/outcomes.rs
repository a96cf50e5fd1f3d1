//! What Microsoft's reports said: an item for each goal and day, beside the state of its account.

use tracklayer_core::id::AccountName;
use tracklayer_core::microsoft::report::DayOutcome;
use tracklayer_core::microsoft::usual::KEPT_DAYS;
use tracklayer_core::time::{DAY, EventTime};

use super::Ledger;
use crate::aws::table::{Condition, Item, keyed, text, text_of, time};
use crate::ports::{LedgerError, OutcomeHistory, Outcomes};

impl OutcomeHistory for Ledger {
    async fn outcomes(&self, account: &AccountName, first: &str) -> Result<Outcomes, LedgerError> {
        let keys = Condition::new(
            "pk = :pk AND sk BETWEEN :first AND :last",
            [
                (":pk", text(partition(account))),
                (":first", text(format!("outcome {first}"))),
                (":last", text("outcome 9999")),
            ],
        );
        let mut outcomes = Outcomes::new();
        let mut items = self.table.query(keys).into_paginator().items().send();
        while let Some(item) = items.next().await {
            let item = item?;
            let goal = text_of(&item, "goal").unwrap_or_default().to_owned();
            outcomes.entry(goal).or_default().push(serde_dynamo::from_item(item)?);
        }
        Ok(outcomes)
    }

    async fn keep_outcome(
        &self, account: &AccountName, goal: &str, day: &DayOutcome,
    ) -> Result<(), LedgerError> {
        let start = EventTime::parse_rfc3339(&format!("{}T00:00:00Z", day.day))
            .map_err(|_| LedgerError::Unreadable(format!("{} is no day", day.day)))?;
        let mut item: Item = serde_dynamo::to_item(day)?;
        item.extend(keyed(partition(account), format!("outcome {} {goal}", day.day)));
        item.insert("goal".to_owned(), text(goal));
        item.insert("ttl".to_owned(), time(start.plus_seconds((KEPT_DAYS + 1) * DAY)));
        self.table.put(item, Condition::default()).send().await?;
        Ok(())
    }
}

fn partition(account: &AccountName) -> String {
    format!("account {account}")
}
