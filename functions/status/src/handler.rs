//! Decode, check the key, find the records, answer.

use std::collections::HashMap;

use tracklayer_core::{
    id::{RecordId, Source},
    ledger::row::Row,
    time::EventTime,
};
use tracklayer_edge::{
    lambda::http_api::{self, Problem, Request, Response},
    ports::{
        Clock as _, GoalChecks, IngestKey, LedgerError, Pointer, Pointers, Ports, Right, Rows as _,
    },
};

use crate::{
    context::Status,
    wire::{Accounts, Story, asks_for_account},
};

impl<P: Ports> Status<P>
where
    P::Ledger: GoalChecks + Pointers,
{
    /// Answers one request.
    pub async fn handle(&self, request: &Request) -> Response {
        self.answer(request).await.unwrap_or_else(http_api::refusal)
    }

    async fn answer(&self, request: &Request) -> Result<Response, Problem> {
        let key = http_api::key_of(request, &self.keys, Right::Read).await?;
        let (source, event_id) = asked(&request.path_parameters).ok_or_else(not_found)?;
        if !key.covers_source(&source) {
            return Err(not_covered());
        }
        let now = self.clock.now();
        let rows = self.find(&source, &event_id, now).await.map_err(|error| {
            let message = "the records can't be read just now; ask again";
            Problem::new(503, "unavailable", message).because(error)
        })?;
        let rows = shown(rows, &key)?;
        let accounts = self.accounts(&rows).await;
        Ok(http_api::json(200, &Story::of(&rows, &accounts, &self.policy, now)))
    }

    /// What is known of the accounts that may keep these rows; their story is whole without it.
    async fn accounts(&self, rows: &[Row]) -> Accounts {
        let mut accounts = Accounts::new();
        for row in rows.iter().filter(|row| asks_for_account(row)) {
            match self.ledger.account_item(&row.account).await {
                Ok(item) => _ = accounts.insert(row.account.clone(), item),
                Err(error) => {
                    tracing::warn!(account = row.account.as_str(), %error, "account not read");
                }
            }
        }
        accounts
    }

    /// The records under this id, and those that it corrects.
    async fn find(
        &self,
        source: &Source,
        event_id: &RecordId,
        now: EventTime,
    ) -> Result<Vec<Row>, LedgerError> {
        let (mut rows, pointers) = tokio::try_join!(
            self.ledger.partition(source, event_id, now),
            self.ledger.pointers(source, event_id)
        )?;
        for (source_of_it, id_of_it) in originals(&pointers) {
            let siblings = self.ledger.partition(source_of_it, id_of_it, now).await?;
            let corrected =
                siblings.into_iter().filter(|row| has_correction(row, source, event_id));
            for row in corrected {
                if rows.iter().all(|known| known.key != row.key) {
                    rows.push(row);
                }
            }
        }
        Ok(rows)
    }
}

/// The ids that pointers lead to, each once. The row a pointer names may be another by now: an
/// orphan's corrections move to the original that came.
fn originals(pointers: &[Pointer]) -> Vec<(&Source, &RecordId)> {
    let mut ids: Vec<_> =
        pointers.iter().map(|to| (&to.original_source, &to.original_event_id)).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn has_correction(row: &Row, source: &Source, event_id: &RecordId) -> bool {
    row.corrections.iter().any(|known| known.source == *source && known.event_id == *event_id)
}

/// The source and id in the path, decoded by the gateway; `None` if no event can have them.
fn asked(path: &HashMap<String, String>) -> Option<(Source, RecordId)> {
    let source = Source::parse(path.get("source")?).ok()?;
    let event_id = RecordId::parse(path.get("eventId")?).ok()?;
    Some((source, event_id))
}

/// The rows whose source the key covers: a correction may belong to another source's conversion.
fn shown(rows: Vec<Row>, key: &IngestKey) -> Result<Vec<Row>, Problem> {
    if rows.is_empty() {
        return Err(not_found());
    }
    let rows: Vec<Row> =
        rows.into_iter().filter(|row| key.covers_source(&row.key.source)).collect();
    if rows.is_empty() { Err(not_covered()) } else { Ok(rows) }
}

fn not_found() -> Problem {
    Problem::new(404, "not_found", "no event is known under this source and id")
}

fn not_covered() -> Problem {
    Problem::forbidden("the source is not covered by this key")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(source: &str, event_id: &str) -> HashMap<String, String> {
        [("source", source), ("eventId", event_id)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn an_id_may_hold_slashes() {
        let (source, event_id) = asked(&path("shop", "2026/04/4711")).expect("an event's name");
        assert_eq!((source.as_str(), event_id.as_str()), ("shop", "2026/04/4711"));
    }

    #[test]
    fn what_no_event_can_be_called_is_not_found() {
        assert!(asked(&path("no such source", "4711")).is_none());
        assert!(asked(&path("shop", "jane@example.com")).is_none());
        assert!(asked(&path("shop", "")).is_none());
        assert!(asked(&HashMap::new()).is_none());
    }

    #[test]
    fn two_corrections_of_one_original_lead_to_it_once() {
        let to = |event: &str| Pointer {
            original_source: "shop".parse().expect("a source"),
            original_event_id: "4711".parse().expect("an id"),
            original_event: event.parse().expect("an event"),
            fingerprint: String::new(),
        };
        assert_eq!(originals(&[to("purchase"), to("lead")]).len(), 1);
    }

    #[test]
    fn a_row_is_not_shown_to_a_key_of_another_source() {
        let key: IngestKey = serde_json::from_value(serde_json::json!({
            "name": "crm", "sha256": "0".repeat(64), "sources": ["crm"],
            "accounts": ["*"], "rights": ["read"],
        }))
        .expect("a key");
        let of = |source: &str| crate::wire::tests::row(source, "4711", None);
        assert_eq!(shown(vec![], &key).expect_err("nothing there").status, 404);
        assert_eq!(shown(vec![of("shop")], &key).expect_err("not its own").status, 403);
        let both = shown(vec![of("shop"), of("crm")], &key).expect("one of them");
        assert_eq!(both.len(), 1);
    }
}
