use aws_sdk_dynamodb::types::AttributeValue;
use tracklayer_core::id::RecordId;
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::attribution::{KEPT, TieKind, TiedBy};

use super::{Clicks, TIED_AT, session_pk, tie_pk, tie_sk};
use crate::aws::table::{Condition, Item, keyed, number, text};
use crate::ports::{Captures, Details, LedgerError};

impl Captures for Clicks {
    async fn add_click(
        &self, reference: &RecordId, click_id: &ClickId, at_ms: i64, details: Details,
    ) -> Result<(), LedgerError> {
        let sk = format!("{at_ms:013} {}", click_id.as_str());
        self.put(keyed(session_pk(reference.as_str()), sk), at_ms, details).await
    }

    async fn add_tie(
        &self, kind: TieKind, id: &RecordId, by: TiedBy, reference: &RecordId, at_ms: i64,
        details: Details,
    ) -> Result<(), LedgerError> {
        // One item per reference: repeating a tie must not push others out of sight.
        let mut item = keyed(tie_pk(kind, id), tie_sk(by, reference));
        item.insert(TIED_AT.to_owned(), seconds(at_ms));
        self.put(item, at_ms, details).await
    }
}

impl Clicks {
    async fn put(&self, mut item: Item, at_ms: i64, details: Details) -> Result<(), LedgerError> {
        item.extend(details.into_iter().map(|(name, detail)| (name.to_owned(), text(detail))));
        item.insert("ttl".to_owned(), seconds(at_ms + KEPT * 1_000));
        item.insert("v".to_owned(), number(1));
        self.table.put(item, Condition::default()).send().await?;
        Ok(())
    }
}

fn seconds(ms: i64) -> AttributeValue {
    number(ms.div_euclid(1_000))
}
