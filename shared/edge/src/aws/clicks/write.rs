use aws_sdk_dynamodb::types::AttributeValue;
use tracklayer_core::id::RecordId;
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::attribution::{KEPT, TieKind, TiedBy};

use super::{Clicks, Item, TIED_AT, keyed, session_pk, tie_pk, tie_sk, unavailable};
use crate::ports::{Captures, Details, LedgerError};

impl Captures for Clicks {
    async fn add_click(
        &self, reference: &RecordId, click_id: &ClickId, at_ms: i64, details: Details,
    ) -> Result<(), LedgerError> {
        let sk = format!("{at_ms:013} {}", click_id.as_str());
        self.put(keyed(&session_pk(reference.as_str()), &sk), at_ms, details).await
    }

    async fn add_tie(
        &self, kind: TieKind, id: &RecordId, by: TiedBy, reference: &RecordId, at_ms: i64,
        details: Details,
    ) -> Result<(), LedgerError> {
        // One item per reference: repeating a tie must not push others out of sight.
        let mut item = keyed(&tie_pk(kind, id), &tie_sk(by, reference));
        item.insert(TIED_AT.to_owned(), seconds(at_ms));
        self.put(item, at_ms, details).await
    }
}

impl Clicks {
    async fn put(&self, mut item: Item, at_ms: i64, details: Details) -> Result<(), LedgerError> {
        let details = details.into_iter();
        item.extend(details.map(|(name, text)| (name.to_owned(), AttributeValue::S(text))));
        item.insert("ttl".to_owned(), seconds(at_ms + KEPT * 1_000));
        item.insert("v".to_owned(), AttributeValue::N("1".to_owned()));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map_err(unavailable)?;
        Ok(())
    }
}

fn seconds(ms: i64) -> AttributeValue {
    AttributeValue::N(ms.div_euclid(1_000).to_string())
}
