//! An event whose person denies consent: nothing is stored, and the row ends that an earlier one
//! with the same id has left.

use std::collections::BTreeSet;

use tracklayer_core::{
    event::{Event, Ignored, IgnoredReason, Rejection},
    ledger::row::{Row, RowKey},
    reconcile::erasure::erase,
};
use tracklayer_edge::ports::{LedgerError, Ports, Rows as _};

use crate::{
    call::{Call, Unavailable},
    context::Enqueue,
    wire::EventAnswer,
};

/// How often a denied event's row is tried anew when another writer was faster.
const ROUNDS: usize = 8;

impl<P: Ports> Enqueue<P> {
    /// Nothing is stored. The row of an event that was stored before its person denied consent, and
    /// waits, ends.
    pub(crate) async fn ignore(
        &self,
        ignored: &Ignored,
        call: &Call<'_>,
    ) -> Result<EventAnswer, Unavailable> {
        if is_denial(ignored) {
            self.end(ignored, call).await?;
        }
        Ok(EventAnswer::ignored(ignored))
    }

    /// Ends the row of a denied event, unless Microsoft has taken it.
    async fn end(&self, denied: &Ignored, call: &Call<'_>) -> Result<(), Unavailable> {
        let (source, id) = (&denied.source, &denied.event_id);
        for _ in 0..ROUNDS {
            let rows = self.ledger.partition(source, id, call.now).await?;
            let meant = |row: &&Row| {
                let is_open = row.observed.accepted.is_none();
                let allowed = call.allows(source, Some(&row.account)).is_ok();
                row.key.event == denied.event && is_open && allowed
            };
            let Some(row) = rows.iter().find(meant) else { return Ok(()) };
            let Some(erased) = erase(row, call.now) else { return Ok(()) };
            if self.ledger.change(row, &erased).await? {
                return Ok(());
            }
        }
        // Upload is at it all the time; the caller's retry settles it.
        Err(LedgerError::Conflict.into())
    }
}

/// Whether it is ignored because its person denies consent.
pub(crate) fn is_denial(ignored: &Ignored) -> bool {
    ignored.reason == IgnoredReason::ConsentDenied
}

/// The rows whose persons deny consent in this very request.
pub(crate) fn denied(parsed: &[Result<Event, Rejection>]) -> BTreeSet<RowKey> {
    let key = |event: &Result<Event, Rejection>| match event {
        Ok(Event::Ignored(ignored)) if is_denial(ignored) => Some(RowKey {
            source: ignored.source.clone(),
            event_id: ignored.event_id.clone(),
            event: ignored.event.clone(),
        }),
        _ => None,
    };
    parsed.iter().filter_map(key).collect()
}
