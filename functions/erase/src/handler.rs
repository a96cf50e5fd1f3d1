//! Decode, check the key, erase what can be reached within the request, say what is left.

use std::{collections::BTreeSet, time::Duration};

use tracklayer_core::{
    ledger::row::{Row, RowKey},
    reconcile::erasure::Erasure,
    time::EventTime,
};
use tracklayer_edge::{
    flows::erase_person::{CarriedOut, Eraser},
    lambda::{
        deadline::Deadline,
        http_api::{self, Problem, Request, Response},
    },
    ports::{Batches as _, Clock as _, Erasures, Forgets, LedgerError, Ports, Removed, Right},
};

use crate::{
    context::Erase,
    wire::{Answer, person_in},
};

/// The largest body, in bytes.
const MAX_BODY: usize = 8 * 1_024;
/// No further page of the ledger with less time left: the rest is the audit's.
const RESERVE: Duration = Duration::from_secs(8);

impl<P: Ports> Erase<P>
where
    P::Ledger: Erasures,
    P::Clicks: Forgets,
{
    /// Answers one request, whose run ends at `deadline`.
    pub async fn handle(&self, request: &Request, deadline: Deadline) -> Response {
        self.answer(request, deadline).await.unwrap_or_else(http_api::refusal)
    }

    async fn answer(&self, request: &Request, deadline: Deadline) -> Result<Response, Problem> {
        let key = http_api::key_of(request, &self.keys, Right::Erase).await?;
        let body = http_api::body(request, &["application/json"], MAX_BODY)?;
        let person = person_in(&body)?;
        let references = BTreeSet::new();
        let asked_at = self.clock.now();
        let erasure = Erasure { person, scope: key.scope, by: key.name, asked_at, references };
        let answer = self.erase(erasure, deadline).await.map_err(|error| {
            let message = "not everything could be erased; send it again";
            Problem::new(503, "unavailable", message).because(error)
        })?;
        Ok(http_api::json(202, &answer))
    }

    async fn erase(&self, erasure: Erasure, deadline: Deadline) -> Result<Answer, LedgerError> {
        let Erase { ledger, clicks, mapping, .. } = self;
        let eraser = Eraser { ledger, clicks, mapping, now: erasure.asked_at };
        let by = erasure.person.kind();
        let has_time = || deadline.allows(RESERVE, &self.clock);
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
