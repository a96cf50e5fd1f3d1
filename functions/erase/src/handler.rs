//! Decode, check the key, erase what can be reached within the request, say what is left.

use std::collections::BTreeSet;

use tracklayer_core::{
    ledger::row::{Row, RowKey},
    mapping::Mapping,
    reconcile::erasure::Erasure,
    time::EventTime,
};
use tracklayer_edge::{
    aws::{clicks::Clicks, ingest_keys::Keys, ledger::Ledger},
    flows::erase_person::{CarriedOut, Eraser},
    lambda::{
        clock,
        http_api::{self, Problem, Request, Response},
    },
    ports::{Batches as _, Keys as _, LedgerError, Removed, Right},
};

use crate::wire::{Answer, person_in};

/// The largest body, in bytes.
const MAX_BODY: usize = 8 * 1_024;
/// No further page of the ledger with less time left, in milliseconds: the rest is the audit's.
const RESERVE_MS: u64 = 8_000;

/// What the function needs.
pub struct Erase {
    pub keys: Keys,
    pub clicks: Clicks,
    pub ledger: Ledger,
    pub mapping: Mapping,
    /// Seconds between two audits.
    pub audit_period: i64,
}

impl Erase {
    /// Answers one request, whose run ends at `deadline_ms` (milliseconds since 1970).
    pub async fn handle(&self, request: &Request, deadline_ms: u64) -> Response {
        self.take(request, deadline_ms).await.unwrap_or_else(Response::from)
    }

    async fn take(&self, request: &Request, deadline_ms: u64) -> Result<Response, Problem> {
        let key = self.keys.check(http_api::header(request, "authorization")).await?;
        if !key.may(Right::Erase) {
            return Err(Problem::forbidden("the key has no right to erase"));
        }
        if http_api::is_other_type(request, &["application/json"]) {
            return Err(Problem::new(415, "unsupported_media_type", "send application/json"));
        }
        let person = person_in(&http_api::body(request, MAX_BODY)?)?;
        let references = BTreeSet::new();
        let asked_at = clock::now();
        let erasure = Erasure { person, scope: key.scope, by: key.name, asked_at, references };
        let answer = self.erase(erasure, deadline_ms).await.map_err(|error| {
            tracing::error!(%error, "erasure not through");
            Problem::new(503, "unavailable", "not everything could be erased; send it again")
        })?;
        Ok(http_api::json(202, &answer))
    }

    async fn erase(&self, erasure: Erasure, deadline_ms: u64) -> Result<Answer, LedgerError> {
        let Erase { ledger, clicks, mapping, .. } = self;
        let eraser = Eraser { ledger, clicks, mapping, now: erasure.asked_at };
        let by = erasure.person.kind();
        let has_time = || has_time(deadline_ms);
        let done = eraser.carry_out(erasure, has_time, self.audit_period).await?;
        let CarriedOut { removed, pending, rows } = done;
        let Removed { clicks, ties, .. } = removed;
        tracing::info!(by, clicks, ties, rows = removed.rows, pending, "erasure");
        let rows = self.rows(rows, eraser.now).await?;
        Ok(Answer::new(removed, pending, &rows))
    }

    /// The rows as they stand now, each once.
    async fn rows(&self, mut keys: Vec<RowKey>, now: EventTime) -> Result<Vec<Row>, LedgerError> {
        keys.sort_unstable();
        keys.dedup();
        let mut rows = self.ledger.read(&keys, &[]).await?.rows;
        rows.retain(|_, row| row.ttl.is_none_or(|ttl| ttl > now));
        if rows.len() < keys.len() {
            tracing::warn!(found = keys.len(), read = rows.len(), "rows are gone, or not read");
        }
        Ok(keys.iter().filter_map(|key| rows.remove(key)).collect())
    }
}

fn has_time(deadline_ms: u64) -> bool {
    let now_ms = u64::try_from(clock::now_ms()).unwrap_or(0);
    now_ms + RESERVE_MS < deadline_ms
}
