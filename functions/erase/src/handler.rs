//! Decode, check the key, erase what can be reached within the request, say what is left.

use tracklayer_core::{
    erasure::Erasure,
    record::{Row, RowKey},
    time::EventTime,
};
use tracklayer_edge::{
    clicks::Clicks,
    clock,
    erasure::Eraser,
    http::{self, Problem, Request, Response},
    keys::{Keys, Right},
    ledger::{ErasureItem, Ledger, LedgerError},
    ports::{Batches as _, Erasures as _, Keys as _, Removed},
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
    /// Seconds between two audits.
    pub audit_period: i64,
}

impl Erase {
    /// Answers one request, whose run ends at `deadline_ms` (milliseconds since 1970).
    pub async fn handle(&self, request: &Request, deadline_ms: u64) -> Response {
        self.take(request, deadline_ms).await.unwrap_or_else(Response::from)
    }

    async fn take(&self, request: &Request, deadline_ms: u64) -> Result<Response, Problem> {
        let key = self.keys.check(http::header(request, "authorization")).await?;
        if !key.may(Right::Erase) {
            return Err(Problem::forbidden("the key has no right to erase"));
        }
        if http::is_other_type(request, &["application/json"]) {
            return Err(Problem::new(415, "unsupported_media_type", "send application/json"));
        }
        let person = person_in(&http::body(request, MAX_BODY)?)?;
        let erasure = Erasure { person, scope: key.scope, by: key.name };
        let answer = self.erase(&erasure, deadline_ms).await.map_err(|error| {
            tracing::error!(%error, "erasure not through");
            Problem::new(503, "unavailable", "not everything could be erased; send it again")
        })?;
        Ok(http::json(202, &answer))
    }

    async fn erase(&self, erasure: &Erasure, deadline_ms: u64) -> Result<Answer, LedgerError> {
        let now = clock::now();
        let eraser = Eraser { ledger: &self.ledger, clicks: &self.clicks, now };
        // First of all: whatever becomes of this run, the audit knows what to do.
        let item = self.ledger.begin_erasure(erasure, now).await?;
        let mut removed = eraser.forget(&erasure.person).await?;
        let mut found = item.rows.clone();
        let pending =
            !self.erase_rows(&eraser, &item, deadline_ms, &mut removed, &mut found).await?;
        if !pending {
            self.ledger.erasure_done(&item, now, self.audit_period).await?;
        }
        let Removed { clicks, ties, rows } = removed;
        tracing::info!(by = erasure.person.kind(), clicks, ties, rows, pending, "erasure");
        let rows = self.rows(found, now).await?;
        Ok(Answer::new(removed, pending, &rows))
    }

    /// Erases the rows that the time allows to find. Answers whether that are all.
    async fn erase_rows(
        &self,
        eraser: &Eraser<'_, Ledger, Clicks>,
        item: &ErasureItem,
        deadline_ms: u64,
        removed: &mut Removed,
        found: &mut Vec<RowKey>,
    ) -> Result<bool, LedgerError> {
        let mut after = None;
        while has_time(deadline_ms) {
            let page = self.ledger.rows_of(&item.erasure, after.as_ref()).await?;
            for row in page.rows.into_iter().filter(|row| item.erasure.means(row)) {
                if !has_time(deadline_ms) {
                    return Ok(false);
                }
                found.push(row.key.clone());
                *removed += eraser.erase_row(&item.erasure, row).await?;
            }
            if page.next.is_none() {
                return Ok(true);
            }
            after = page.next;
        }
        Ok(false)
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
