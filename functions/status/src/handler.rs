//! Decode, check the key, find the records, answer.

use std::collections::HashMap;

use tracklayer_core::{
    id::{RecordId, Source},
    ledger::{
        correction::Correction,
        row::{PartitionKey, Row},
    },
    time::EventTime,
};
use tracklayer_edge::{
    flows::originals::{Siblings, siblings},
    lambda::http_api::{self, Problem, Request, Response},
    ports::{
        Claims as _, Clock as _, GoalChecks, IngestKey, LedgerError, Partition, Ports, Right,
        Telemetry as _,
    },
};

use crate::{
    context::Status,
    wire::{Accounts, Story, asks_for_account},
};

impl<P: Ports> Status<P>
where
    P::Ledger: GoalChecks,
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
        let found = self.find(&source, &event_id, now).await.map_err(|error| {
            self.telemetry.stuck(error.unreadable());
            let message = "the records can't be read just now; ask again";
            Problem::new(503, "unavailable", message).because(error)
        })?;
        let found = shown(found, &key)?;
        let accounts = self.accounts(&found).await;
        Ok(http_api::json(200, &Story::of(&found, &accounts, &self.policy, now)))
    }

    /// What is known of the accounts that may keep these rows; their story is whole without it.
    async fn accounts(&self, found: &[Partition]) -> Accounts {
        let mut accounts = Accounts::new();
        let rows = found.iter().flat_map(|partition| &partition.rows);
        for row in rows.filter(|row| asks_for_account(row)) {
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
    ) -> Result<Vec<Partition>, LedgerError> {
        let key = PartitionKey { source: source.clone(), event_id: event_id.clone() };
        let (own, pointer) = tokio::try_join!(
            siblings(&self.ledger, source, event_id, now),
            self.ledger.pointer(&key, now)
        )?;
        let mut found = all_of(own);
        let original = pointer.map(|it| (it.original_source, it.original_event_id));
        if let Some((its_source, its_id)) = original
            && (&its_source, &its_id) != (source, event_id)
        {
            let original = siblings(&self.ledger, &its_source, &its_id, now).await?;
            let originals = all_of(original).into_iter();
            found.extend(originals.map(|it| corrected_by(it, source, event_id)));
        }
        Ok(found)
    }
}

/// What is under an id, and the rows of the orders that it leads to, each once.
fn all_of(siblings: Siblings) -> Vec<Partition> {
    let mut rows: Vec<Row> = Vec::new();
    for (_, row) in siblings.led_to {
        let is_new = siblings.partition.row(&row.key).is_none();
        if is_new && rows.iter().all(|known| known.key != row.key) {
            rows.push(row);
        }
    }
    let of_orders =
        rows.into_iter().map(|row| Partition { rows: vec![row], ..Partition::default() });
    std::iter::once(siblings.partition).chain(of_orders).collect()
}

/// The records that have this correction: one, whichever it is by now.
fn corrected_by(mut partition: Partition, source: &Source, event_id: &RecordId) -> Partition {
    let has = |corrections: &[Correction]| {
        corrections.iter().any(|known| known.source == *source && known.event_id == *event_id)
    };
    partition.rows.retain(|row| has(&row.corrections));
    partition.orphan = partition.orphan.filter(|orphan| has(&orphan.corrections));
    partition
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
    found.retain(|partition| source_of(partition).is_some_and(|it| key.covers_source(it)));
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

    #[test]
    fn of_an_original_only_what_has_the_correction_is_shown_by_the_corrections_id() {
        let mut sale = row("shop", "4711", None);
        sale.corrections.push(refund("r", "1"));
        let waits = orphan("shop", "4711", vec![refund("other", "1")]);
        let rows = vec![sale.clone(), row("shop", "4711", None)];
        let partition = Partition { rows, orphan: Some(waits), ..Partition::default() };
        let (source, id) = (sale.key.source.clone(), "r".parse().expect("an id"));
        let expected = Partition { rows: vec![sale], ..Partition::default() };
        assert_eq!(corrected_by(partition, &source, &id), expected);
    }
}
