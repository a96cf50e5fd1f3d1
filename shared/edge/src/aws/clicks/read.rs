use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use tracklayer_core::id::RecordId;
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::attribution::{Sighting, Tie, TieKind};
use tracklayer_core::time::EventTime;

use super::{Clicks, session_pk, tie_in, tie_pk};
use crate::aws::table::{Condition, Item, is_alive, text, text_of};
use crate::ports::LedgerError;

impl crate::ports::Clicks for Clicks {
    async fn sightings(
        &self, reference: &RecordId, until: EventTime, limit: usize, now: EventTime,
    ) -> Result<Vec<Sighting>, LedgerError> {
        let query = self.clicks_until(reference, until, limit).scan_index_forward(false);
        let items = self.unexpired(query, now).await?;
        Ok(items.iter().filter_map(|item| sighting_in(item, reference)).collect())
    }

    async fn ties(
        &self, kind: TieKind, id: &RecordId, limit: usize, now: EventTime,
    ) -> Result<Vec<Tie>, LedgerError> {
        let query = self.ties_of(tie_pk(kind, id), limit);
        let items = self.unexpired(query, now).await?;
        Ok(items.iter().filter_map(|item| tie_in(item, kind)).collect())
    }
}

impl Clicks {
    /// The clicks under `reference` until the end of the second `until`.
    pub(super) fn clicks_until(
        &self, reference: &RecordId, until: EventTime, limit: usize,
    ) -> QueryFluentBuilder {
        // `~` sorts after every click id.
        let end = format!("{:013} ~", until.epoch() * 1_000 + 999);
        let pk = session_pk(reference.as_str());
        let keys = [(":pk", text(pk)), (":end", text(end))];
        self.query(Condition::new("pk = :pk AND sk <= :end", keys), limit)
    }

    pub(super) fn ties_of(&self, pk: String, limit: usize) -> QueryFluentBuilder {
        self.query(Condition::new("pk = :pk", [(":pk", text(pk))]), limit)
    }

    fn query(&self, keys: Condition, limit: usize) -> QueryFluentBuilder {
        self.table
            .query(keys)
            // Landing addresses are long, and nobody needs them here.
            .projection_expression("pk, sk, cookie, tiedAt, #ttl")
            .expression_attribute_names("#ttl", "ttl")
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            // The click may be a moment old; an eventual read would credit the one before it.
            .consistent_read(true)
    }

    /// DynamoDB deletes expired items days later.
    async fn unexpired(
        &self, query: QueryFluentBuilder, now: EventTime,
    ) -> Result<Vec<Item>, LedgerError> {
        let _turn = self.table.turn().await;
        let mut items = query.send().await?.items.unwrap_or_default();
        items.retain(|item| is_alive(item, now));
        Ok(items)
    }
}

pub(super) fn sighting_in(item: &Item, reference: &RecordId) -> Option<Sighting> {
    let (ms, click_id) = text_of(item, "sk")?.split_once(' ')?;
    Some(Sighting {
        reference: reference.clone(),
        click_id: ClickId::parse(click_id).ok()?,
        at_ms: ms.parse().ok()?,
    })
}
