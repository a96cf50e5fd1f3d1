//! Decode, check the key, find the records, answer.

use std::collections::HashMap;

use tracklayer_core::id::{RecordId, Source};
use tracklayer_edge::lambda::http_api;
use tracklayer_edge::lambda::http_api::{Problem, Request, Response};
use tracklayer_edge::ports::{
    Clock as _, GoalChecks, IngestKey, Partition, Ports, Right, Telemetry as _,
};

use crate::context::Status;
use crate::find::{accounts, find};
use crate::wire::Story;

impl<P: Ports> Status<P>
where
    P::Ledger: GoalChecks,
{
    pub async fn handle(&self, request: &Request) -> Response {
        self.answer(request).await.unwrap_or_else(http_api::refusal)
    }

    async fn answer(&self, request: &Request) -> Result<Response, Problem> {
        let key = http_api::key_of(request, &self.keys, Right::Read).await?;
        let (source, event_id) = asked(&request.path_parameters).ok_or_else(not_found)?;
        if !key.scope.covers_source(&source) {
            return Err(not_covered());
        }
        let now = self.clock.now();
        let found = find(&self.ledger, &source, &event_id, now).await.map_err(|error| {
            self.telemetry.stuck(error.unreadable());
            let message = "the records can't be read just now; ask again";
            Problem::new(503, "unavailable", message).because(error)
        })?;
        let found = shown(found, &key)?;
        let accounts = accounts(&self.ledger, &found).await;
        Ok(http_api::json(200, &Story::of(&found, &accounts, &self.policy, now)))
    }
}

/// The source and id in the path, decoded by the gateway; `None` if no event can have them.
fn asked(path: &HashMap<String, String>) -> Option<(Source, RecordId)> {
    let source = Source::parse(path.get("source")?).ok()?;
    let event_id = RecordId::parse(path.get("eventId")?).ok()?;
    Some((source, event_id))
}

/// The records whose source the key covers: a correction may belong to another source's conversion.
/// An orphan that has given all its corrections away is none.
fn shown(mut found: Vec<Partition>, key: &IngestKey) -> Result<Vec<Partition>, Problem> {
    for partition in &mut found {
        partition.orphan = partition.orphan.take().filter(|orphan| !orphan.corrections.is_empty());
    }
    found.retain(|partition| !partition.rows.is_empty() || partition.orphan.is_some());
    if found.is_empty() {
        return Err(not_found());
    }
    found.retain(|partition| source_of(partition).is_some_and(|it| key.scope.covers_source(it)));
    if found.is_empty() { Err(not_covered()) } else { Ok(found) }
}

/// All records of a partition have the same.
fn source_of(partition: &Partition) -> Option<&Source> {
    let orphan = partition.orphan.as_ref().map(|orphan| &orphan.key.source);
    partition.rows.first().map(|row| &row.key.source).or(orphan)
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
    use crate::wire::tests::rows::{orphan, refund, row};

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
    fn a_row_is_not_shown_to_a_key_of_another_source() {
        let key: IngestKey = serde_json::from_value(serde_json::json!({
            "name": "crm", "sha256": "0".repeat(64), "sources": ["crm"],
            "accounts": ["*"], "rights": ["read"],
        }))
        .expect("a key");
        let of = |source: &str| Partition {
            rows: vec![row(source, "4711", None)],
            ..Partition::default()
        };
        assert_eq!(shown(vec![], &key).expect_err("nothing there").status, 404);
        assert_eq!(shown(vec![Partition::default()], &key).expect_err("nothing there").status, 404);
        assert_eq!(shown(vec![of("shop")], &key).expect_err("not its own").status, 403);
        assert_eq!(shown(vec![of("shop"), of("crm")], &key).expect("one of them").len(), 1);
        let waits = |source, corrections| Partition {
            orphan: Some(orphan(source, "4711", corrections)),
            ..Partition::default()
        };
        assert_eq!(shown(vec![waits("crm", vec![])], &key).expect_err("moved").status, 404);
        let corrections = vec![refund("r", "1")];
        assert_eq!(
            shown(vec![waits("shop", corrections.clone())], &key).expect_err("no").status,
            403
        );
        assert_eq!(shown(vec![waits("crm", corrections)], &key).expect("its own").len(), 1);
    }
}
