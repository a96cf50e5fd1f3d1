//! stub
#![allow(missing_docs, async_fn_in_trait)]
use crate::ports::{Clicks, LedgerError};
use tracklayer_core::{
    ledger::row::Row, mapping::Mapping, reconcile::attribution::Fresh, time::EventTime,
};
pub async fn review_row(
    _: &impl Clicks,
    _: &Mapping,
    _: &Row,
    _: EventTime,
) -> Result<Fresh, LedgerError> {
    Ok(Fresh::Keep)
}
