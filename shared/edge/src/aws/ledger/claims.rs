//! Items that make something unique: the pointer of a correction, the key of a conversion.

use tracklayer_core::ledger::row::{PartitionKey, RowKey};
use tracklayer_core::time::{DAY, EventTime};

use crate::ports::{Claims, LedgerError, Pointer};

use super::Ledger;
use crate::aws::table::{Condition, Item, item, keyed, text, time, won};

/// How long a key stays claimed: longer than Microsoft takes anything about it.
pub const CLAIM_DAYS: i64 = 100;

impl Claims for Ledger {
    async fn claim(
        &self, claim: &str, owner: &RowKey, now: EventTime,
    ) -> Result<bool, LedgerError> {
        let owner = text(format!("{} {}", owner.pk(), owner.sk()));
        let claimed = item([
            ("pk", text(claim)),
            ("sk", text("key")),
            ("owner", owner.clone()),
            ("ttl", time(now.plus_seconds(CLAIM_DAYS * DAY))),
        ]);
        let known = self.table.put_or_known(claimed, now).await?;
        Ok(known.is_none_or(|known| known.get("owner") == Some(&owner)))
    }

    async fn point(
        &self, own: &PartitionKey, pointer: &Pointer, now: EventTime,
    ) -> Result<Option<Pointer>, LedgerError> {
        let known = self.table.put_or_known(pointer_item(own, pointer)?, now).await?;
        known.map(pointer_of).transpose()
    }

    async fn pointer(
        &self, own: &PartitionKey, now: EventTime,
    ) -> Result<Option<Pointer>, LedgerError> {
        self.table.get_alive(pointer_key(own), now).await?.map(pointer_of).transpose()
    }

    async fn remove_pointer(
        &self, own: &PartitionKey, fingerprint: &str,
    ) -> Result<(), LedgerError> {
        let same = [(":fingerprint", text(fingerprint))];
        let same = Condition::new("fingerprint = :fingerprint", same);
        won(self.table.delete(pointer_key(own), same).send().await).map(drop)
    }
}

/// No event name holds a `~`: a correction may have the id of another event.
fn pointer_key(own: &PartitionKey) -> Item {
    keyed(own.pk(), "~correction")
}

pub(super) fn pointer_item(own: &PartitionKey, pointer: &Pointer) -> Result<Item, LedgerError> {
    let mut item: Item = serde_dynamo::to_item(pointer)?;
    item.extend(pointer_key(own));
    Ok(item)
}

fn pointer_of(item: Item) -> Result<Pointer, LedgerError> {
    Ok(serde_dynamo::from_item(item)?)
}
