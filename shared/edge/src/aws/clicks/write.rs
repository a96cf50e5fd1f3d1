//! Storing clicks and ties, and taking clicks back.

use aws_sdk_dynamodb::types::AttributeValue;
use tracklayer_core::id::RecordId;
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::attribution::{KEPT, TieKind, TiedBy};

use super::{
    COOKIE, Clicks, Item, TIED_AT, keyed, session_pk, text, tie_pk, tie_sk, traces::place_of,
    unavailable,
};
use crate::ports::{Captures, Details, LedgerError, TakenBack};

/// Clicks on one page of those that are taken back.
const PAGE: i32 = 100;

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

    async fn take_back(
        &self, reference: &RecordId, cookie: Option<&str>, after: Option<&str>,
    ) -> Result<TakenBack, LedgerError> {
        let pk = session_pk(reference.as_str());
        let page = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(pk.clone()))
            .projection_expression("pk, sk, cookie")
            .set_exclusive_start_key(after.map(|sk| keyed(&pk, sk)))
            .limit(PAGE)
            .consistent_read(true);
        let page = page.send().await.map_err(unavailable)?;
        let mut clicks = page.items.unwrap_or_default();
        clicks.retain(|click| cookie.is_none_or(|cookie| text(click, COOKIE) == Some(cookie)));
        let clicks = self.delete(clicks.iter().filter_map(place_of).collect()).await?;
        let next = page.last_evaluated_key.as_ref().and_then(|last| text(last, "sk"));
        Ok(TakenBack { clicks, next: next.map(str::to_owned) })
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
