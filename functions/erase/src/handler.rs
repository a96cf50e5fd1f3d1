//! Decode, check the key, note the erasure, delete clicks and ties, say how far it is.

use std::collections::BTreeSet;

use tracklayer_core::{ledger::row::Row, reconcile::erasure::Erasure};
use tracklayer_edge::{
    flows::erase_person::Eraser,
    lambda::http_api::{self, Problem, Request, Response},
    ports::{
        Batches, Clock as _, ErasureItem, Erasures, Keys as _, LedgerError, Metric, Ports, Removed,
        Right, Rows, Telemetry as _, Traces,
    },
};

use crate::{
    context::Erase,
    wire::{Answer, person_in},
};

/// The largest body, in bytes.
const MAX_BODY: usize = 8 * 1_024;
/// No further page of clicks with less time left, in milliseconds: the rest is the audit's.
const RESERVE_MS: u64 = 8_000;

impl<P: Ports> Erase<P>
where
    P::Ledger: Erasures,
    P::Clicks: Traces,
{
    /// Answers one request, whose run ends at `deadline_ms` (milliseconds since 1970).
    pub async fn handle(&self, request: &Request, deadline_ms: u64) -> Response {
        self.answer(request, deadline_ms).await.unwrap_or_else(Response::from)
    }

    async fn answer(&self, request: &Request, deadline_ms: u64) -> Result<Response, Problem> {
        let key = self.keys.check(http_api::header(request, "authorization")).await?;
        if !key.may(Right::Erase) {
            return Err(Problem::forbidden("the key has no right to erase"));
        }
        if http_api::is_other_type(request, &["application/json"]) {
            return Err(Problem::new(415, "unsupported_media_type", "send application/json"));
        }
        let person = person_in(&http_api::body(request, MAX_BODY)?)?;
        let references = BTreeSet::new();
        let asked_at = self.clock.now();
        let erasure = Erasure { person, scope: key.scope, by: key.name, asked_at, references };
        let answer = self.erase(&erasure, deadline_ms).await.map_err(|error| {
            tracing::error!(%error, "an erasure was not noted, or what it found can't be read");
            Problem::new(503, "unavailable", "the ledger can't be reached; send it again")
        })?;
        Ok(http_api::json(202, &answer))
    }

    async fn erase(&self, erasure: &Erasure, deadline_ms: u64) -> Result<Answer, LedgerError> {
        // First of all: whatever becomes of this request, the audit knows what to do.
        let begun = self.ledger.begin_erasure(erasure).await?;
        let item = self.delete_traces(begun, deadline_ms).await;
        let Removed { clicks, ties, rows } = item.removed();
        let pending = item.is_pending();
        tracing::info!(by = erasure.person.kind(), clicks, ties, rows, pending, "erasure");
        let rows = if pending { Vec::new() } else { self.rows(&item, erasure).await? };
        Ok(Answer::new(&item, &rows))
    }

    /// Deletes what the time allows. What fails is left to the audit: the erasure is noted.
    async fn delete_traces(&self, begun: ErasureItem, deadline_ms: u64) -> ErasureItem {
        let Erase { ledger, clicks, mapping, .. } = self;
        let eraser = Eraser { ledger, clicks, mapping, now: self.clock.now() };
        let has_time = || {
            let now_ms = u64::try_from(self.clock.now_ms()).unwrap_or(0);
            now_ms + RESERVE_MS < deadline_ms
        };
        match eraser.delete_traces(begun.clone(), &has_time).await {
            Ok(item) => {
                if item.cookies_left > begun.cookies_left {
                    tracing::warn!("an erasure does not follow all cookies: they are too many");
                    self.telemetry.emit("none", &[Metric::count("Stuck", 1)]);
                }
                item
            }
            Err(error) => {
                tracing::error!(%error, "clicks and ties are left to the audit");
                begun
            }
        }
    }

    /// The rows of the erasure as they are now. One that the batch doesn't answer is asked for by
    /// itself: what Microsoft has must not be left out because a read failed.
    async fn rows(&self, item: &ErasureItem, erasure: &Erasure) -> Result<Vec<Row>, LedgerError> {
        let now = erasure.asked_at;
        let keys: Vec<_> = item.rows.iter().cloned().collect();
        let mut found = self.ledger.read(&keys, &[]).await?.rows;
        let mut rows = Vec::with_capacity(keys.len());
        for key in keys {
            let row = match found.remove(&key) {
                Some(row) => Some(row),
                None => {
                    let siblings = self.ledger.partition(&key.source, &key.event_id, now).await?;
                    siblings.row(&key).cloned()
                }
            };
            rows.extend(row.filter(|row| row.ttl > now));
        }
        Ok(rows)
    }
}
