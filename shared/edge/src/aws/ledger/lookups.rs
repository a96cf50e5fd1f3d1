use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::order::{OrderClaim, OrderKey, SORT_KEY};
use tracklayer_core::ledger::orphan;
use tracklayer_core::ledger::row::PartitionKey;
use tracklayer_core::money::Money;
use tracklayer_core::time::EventTime;

use crate::ports::{Cursor, LedgerError, LedgerLookups, OpenEntry, OpenPage, TableSize};

use super::Ledger;
use super::due::{cursor_of, logged, start_key};
use super::orders::claim_of;
use crate::aws::table::{Condition, Item, keyed, text, text_of, time_of};

impl LedgerLookups for Ledger {
    async fn order_claim(
        &self, order: &OrderKey, now: EventTime,
    ) -> Result<Option<OrderClaim>, LedgerError> {
        let claim = self.table.get_alive(keyed(order.pk(), SORT_KEY), now).await?;
        claim.as_ref().map(claim_of).transpose()
    }

    async fn open(&self, index_key: &str, from: Option<Cursor>) -> Result<OpenPage, LedgerError> {
        let class = Condition::new("#open = :class", [(":class", text(index_key))]);
        let query = self.table.query(class).index_name("open");
        let start = from.map(|from| start_key(from, index_key));
        let answer = query.set_exclusive_start_key(start).send().await?;
        let next = answer.last_evaluated_key.as_ref().and_then(cursor_of);
        let items = answer.items.unwrap_or_default();
        let read = |item| logged(entry_of(item, index_key), item, index_key);
        Ok(OpenPage { entries: items.iter().filter_map(read).collect(), next })
    }

    async fn size(&self) -> Result<TableSize, LedgerError> {
        self.table.size().await
    }
}

fn entry_of(item: &Item, index_key: &str) -> Option<OpenEntry> {
    let due = time_of(item, "due")?;
    let sk = text_of(item, "sk")?;
    let event = if sk == orphan::SORT_KEY { None } else { Some(sk.parse().ok()?) };
    let owned = |name: &str| text_of(item, name).map(str::to_owned);
    // As in a row: an unknown reason is read as "other".
    let reason = item.get("reason").cloned().map(serde_dynamo::from_attribute_value);
    Some(OpenEntry {
        partition: PartitionKey::parse(text_of(item, "pk")?).ok()?,
        event,
        class: IndexClass::parse(index_key),
        account: owned("account"),
        goal: owned("goal"),
        money: money_of(item),
        reason: reason.and_then(Result::ok),
        due,
        since: time_of(item, "since").unwrap_or(due),
    })
}

fn money_of(item: &Item) -> Option<Money> {
    let amount = serde_dynamo::from_attribute_value(item.get("value")?.clone()).ok()?;
    let currency = serde_dynamo::from_attribute_value(item.get("currency")?.clone()).ok()?;
    Some(Money { amount, currency })
}
