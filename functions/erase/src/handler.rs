//! Decode, check the key, note the erasure, delete clicks and ties, say how far it is.

use std::{collections::BTreeSet, time::Duration};

use tracklayer_core::{ledger::row::Row, reconcile::erasure::Erasure, time::EventTime};
use tracklayer_edge::flows::{erase_person::Eraser, originals};
use tracklayer_edge::lambda::deadline::Deadline;
use tracklayer_edge::lambda::http_api;
use tracklayer_edge::lambda::http_api::{Problem, Request, Response};
use tracklayer_edge::ports::{
    Batches, Clock as _, ErasureItem, Erasures, LedgerError, Ports, Removed, Right, Telemetry as _,
    Traces,
};

use crate::context::Erase;
use crate::wire::{Answer, person_in};

const MAX_BODY: usize = 8 * 1_024;
/// No further page of clicks with less time left: the rest is the audit's.
const RESERVE: Duration = Duration::from_secs(8);

impl<P: Ports> Erase<P>
where
    P::Ledger: Erasures,
    P::Clicks: Traces,
{
    /// Answers one request, whose run ends at `deadline`.
    pub async fn handle(&self, request: &Request, deadline: Deadline) -> Response {
        self.answer(request, deadline).await.unwrap_or_else(http_api::refusal)
    }

    async fn answer(&self, request: &Request, deadline: Deadline) -> Result<Response, Problem> {
        let key = http_api::key_of(request, &self.keys, Right::Erase).await?;
        let person = person_in(&http_api::body(request, &["application/json"], MAX_BODY)?)?;
        let references = BTreeSet::new();
        let asked_at = self.clock.now();
        let erasure = Erasure { person, scope: key.scope, by: key.name, asked_at, references };
        let answer = self.erase(erasure, deadline).await.map_err(|error| {
            self.telemetry.stuck(error.unreadable());
            let message = "the ledger can't be reached; send it again";
            Problem::new(503, "unavailable", message).because(error)
        })?;
        Ok(http_api::json(202, &answer))
    }

    async fn erase(&self, asked: Erasure, deadline: Deadline) -> Result<Answer, LedgerError> {
        let Erase { ledger, clicks, mapping, telemetry, .. } = self;
        let now = asked.asked_at;
        let eraser = Eraser { ledger, clicks, mapping, telemetry, now };
        // First of all: whatever becomes of this request, the audit knows what to do.
        let mut item = eraser.begin(asked).await?;
        let has_time = || deadline.allows(RESERVE, &self.clock);
        if let Err(error) = eraser.delete_traces(&mut item, &has_time).await {
            tracing::error!(%error, "clicks and ties are left to the audit");
        }
        let Removed { clicks, ties, rows } = item.removed();
        let pending = item.is_pending();
        tracing::info!(by = item.erasure.person.kind(), clicks, ties, rows, pending, "erasure");
        let rows = if pending { Vec::new() } else { self.rows(&item, now).await? };
        Ok(Answer::new(&item, &rows))
    }

    /// The rows of the erasure as they are now. One that the batch doesn't answer is asked for by
    /// itself: what Microsoft has must not be left out because a read failed.
    async fn rows(&self, item: &ErasureItem, now: EventTime) -> Result<Vec<Row>, LedgerError> {
        let keys: Vec<_> = item.rows.iter().cloned().collect();
        let mut found = self.ledger.read(&keys, &[]).await?.rows;
        let mut rows = Vec::with_capacity(keys.len());
        for key in keys {
            let row = match found.remove(&key) {
                Some(row) => Some(row),
                None => originals::row(&self.ledger, &key, now).await?,
            };
            rows.extend(row.filter(|row| row.ttl > now));
        }
        Ok(rows)
    }
}
