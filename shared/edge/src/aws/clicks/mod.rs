//! Clicks in DynamoDB, and the search for the one a conversion is credited to.
//!
//! | item | pk | sk |
//! |---|---|---|
//! | click | `session <reference>` | `<13-digit ms> <msclkid>` |
//! | tie | `lead <id>`, `cart <id>`, `order <id>` | `key <reference>` or `web <reference>` |
//! | withdrawal | `withdrawn <session>`, `withdrawn lead <id>` and so on | `key` or `web` |
//!
//! `key` sorts first: however many ties browsers make, those made with an ingest key are read.
//!
//! A *reference* is what a visitor is known by: the session id if the page sent one, else the
//! cookie's value. Ties are hints, all of them are kept: a stranger who ties orders in advance must
//! not lock out the buyer.

mod forget;
mod traces;

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use tracklayer_core::{
    id::RecordId,
    ledger::{
        facts::{ClickOrigin, References},
        wait::WaitReason,
    },
    person::click_id::ClickId,
    reconcile::{erasure::Person, intake::ClickSearch},
    time::{DAY, EventTime},
};

use crate::ports::{Captures, LedgerError, TieKind, TiedBy, WithdrawnBy};

type Item = HashMap<String, AttributeValue>;

/// Days a click is kept: Microsoft takes conversions for 90, and clocks may differ.
const KEPT_DAYS: i64 = 92;
/// A record tied from more references than this is not credited: somebody is guessing.
const MAX_REFERENCES: usize = 3;
/// How many references of one record are read; more than this many are ambiguous anyway.
const TIES_READ: i32 = 25;

/// The click table.
#[derive(Clone, Debug)]
pub struct Clicks {
    client: Client,
    table: String,
}

/// A click that was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredClick {
    /// The reference it is stored under.
    pub reference: String,
    /// Microsoft's click id.
    pub click_id: ClickId,
    /// When it was captured.
    pub at: EventTime,
}

fn tie_pk(kind: TieKind, id: &RecordId) -> String {
    record_pk(&kind.person(id.clone()))
}

fn record_pk(record: &Person) -> String {
    format!("{} {}", record.kind(), record.value())
}

struct Tie {
    reference: String,
    keyed: bool,
}

impl Clicks {
    /// The clicks in `table`.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Clicks { client, table }
    }

    async fn put(&self, mut item: Item, at_ms: i64) -> Result<(), LedgerError> {
        let ttl = at_ms / 1_000 + KEPT_DAYS * DAY;
        item.insert("ttl".to_owned(), AttributeValue::N(ttl.to_string()));
        item.insert("v".to_owned(), AttributeValue::N("1".to_owned()));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map_err(unavailable)?;
        Ok(())
    }

    /// Ties made with a key outrank those of browsers.
    async fn by_tie(
        &self,
        kind: TieKind,
        id: &RecordId,
        time: EventTime,
        now: EventTime,
        browser: bool,
    ) -> Result<Result<StoredClick, WaitReason>, LedgerError> {
        let ties = self.ties(&tie_pk(kind, id), now).await?;
        let mut missing = WaitReason::NoClick;
        for rank in [true, false] {
            let counts = |tie: &&Tie| tie.keyed == rank && (rank || browser);
            let references: BTreeMap<&str, ()> =
                ties.iter().filter(counts).map(|tie| (tie.reference.as_str(), ())).collect();
            if references.len() > MAX_REFERENCES {
                return Ok(Err(WaitReason::AmbiguousClick));
            }
            let references: Vec<&str> = references.into_keys().collect();
            match self.by_references(&references, time, now).await? {
                Ok(click) => return Ok(Ok(click)),
                Err(WaitReason::NoClick) => {}
                Err(reason) => missing = reason,
            }
        }
        Ok(Err(missing))
    }

    /// The latest click of any of these references before `time`; otherwise why there is none.
    async fn by_references(
        &self,
        references: &[&str],
        time: EventTime,
        now: EventTime,
    ) -> Result<Result<StoredClick, WaitReason>, LedgerError> {
        let mut latest: Option<StoredClick> = None;
        for reference in references {
            let click = self.latest_before(reference, time, now).await?;
            latest = latest.into_iter().chain(click).max_by_key(|click| click.at);
        }
        if let Some(click) = latest {
            return Ok(Ok(click));
        }
        Ok(Err(WaitReason::NoClick))
    }

    /// "Before" counts in whole seconds, and the same second counts.
    async fn latest_before(
        &self,
        reference: &str,
        time: EventTime,
        now: EventTime,
    ) -> Result<Option<StoredClick>, LedgerError> {
        let end = format!("{:013} ~", time.epoch() * 1_000 + 999);
        let query = self.query(&session_pk(reference), "sk <= :edge", end);
        let answer = query.scan_index_forward(false).limit(1).send().await.map_err(unavailable)?;
        let item = answer.items.unwrap_or_default().into_iter().next();
        // An expired click may stand for days until DynamoDB deletes it; older ones are expired too.
        let item = item.filter(|item| !is_expired(item, now));
        Ok(item.as_ref().and_then(|item| click_of(item, reference)))
    }

    async fn ties(&self, pk: &str, now: EventTime) -> Result<Vec<Tie>, LedgerError> {
        // Ties made with a key come first: "key" sorts before "web".
        let query = self.query(pk, "sk >= :edge", "key".to_owned());
        let answer = query.limit(TIES_READ).send().await.map_err(unavailable)?;
        let items = answer.items.unwrap_or_default();
        Ok(items.iter().filter(|item| !is_expired(item, now)).filter_map(tie_of).collect())
    }

    /// One item.
    async fn item(&self, pk: &str, sk: &str) -> Result<Option<Item>, LedgerError> {
        let query = self.query(pk, "sk = :edge", sk.to_owned());
        let answer = query.send().await.map_err(unavailable)?;
        Ok(answer.items.unwrap_or_default().into_iter().next())
    }

    fn query(
        &self,
        pk: &str,
        edge: &str,
        value: String,
    ) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .key_condition_expression(format!("pk = :pk AND {edge}"))
            .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
            .expression_attribute_values(":edge", AttributeValue::S(value))
            // The click may be a moment old; an eventual read would credit the one before it.
            .consistent_read(true)
    }
}

impl Captures for Clicks {
    async fn add(
        &self,
        reference: &str,
        click_id: &ClickId,
        at_ms: i64,
        details: Vec<(&'static str, String)>,
    ) -> Result<(), LedgerError> {
        let mut item = keyed(&session_pk(reference), &format!("{at_ms:013} {}", click_id.as_str()));
        extend(&mut item, details);
        self.put(item, at_ms).await
    }

    async fn tie(
        &self,
        kind: TieKind,
        id: &RecordId,
        reference: &str,
        at_ms: i64,
        by: TiedBy,
        details: Vec<(&'static str, String)>,
    ) -> Result<(), LedgerError> {
        // One item per reference: repeating a tie must not push others out of sight.
        let rank = match by {
            TiedBy::Key => "key",
            TiedBy::Browser => "web",
        };
        let mut item = keyed(&tie_pk(kind, id), &format!("{rank} {reference}"));
        extend(&mut item, details);
        self.put(item, at_ms).await
    }

    async fn withdraw(
        &self,
        person: &Person,
        by: WithdrawnBy,
        at_ms: i64,
    ) -> Result<(), LedgerError> {
        let mut item = keyed(&withdrawal_pk(person), withdrawal_sk(by));
        item.insert("withdrawnAt".to_owned(), AttributeValue::N((at_ms / 1_000).to_string()));
        self.put(item, at_ms).await
    }

    async fn has_clicks(&self, reference: &str, cookie: &str) -> Result<bool, LedgerError> {
        let clicks = self.all(&session_pk(reference)).await?;
        Ok(clicks.iter().any(|item| forget::came_with(item, cookie)))
    }
}

impl crate::ports::Clicks for Clicks {
    async fn search(
        &self,
        own: Option<&ClickId>,
        references: &References,
        time: EventTime,
        now: EventTime,
        browser_order_ties: bool,
    ) -> Result<ClickSearch, LedgerError> {
        if let Some(click_id) = own {
            return Ok(ClickSearch::own(click_id.clone()));
        }
        let mut missing = WaitReason::NoClick;
        if let Some(session) = &references.session {
            match self.by_references(&[session.as_str()], time, now).await? {
                Ok(click) => return Ok(found(click, ClickOrigin::Session)),
                Err(reason) => missing = reason,
            }
        }
        for (kind, id, origin) in ties_of(references) {
            let browser = kind != TieKind::Order || browser_order_ties;
            match self.by_tie(kind, id, time, now, browser).await? {
                Ok(click) => return Ok(found(click, origin)),
                Err(WaitReason::NoClick) => {}
                Err(reason) => missing = reason,
            }
        }
        Ok(ClickSearch::Missing(missing))
    }

    async fn is_there(
        &self,
        reference: &RecordId,
        click_id: &ClickId,
        at: EventTime,
        now: EventTime,
    ) -> Result<bool, LedgerError> {
        // Older ones are deleted for their age.
        if now >= at.plus_seconds(KEPT_DAYS * DAY) {
            return Ok(true);
        }
        let ms = at.epoch() * 1_000;
        let query = self
            .query(
                &session_pk(reference.as_str()),
                "sk BETWEEN :edge AND :end",
                format!("{ms:013}"),
            )
            .expression_attribute_values(":end", AttributeValue::S(format!("{:013} ~", ms + 999)));
        let answer = query.send().await.map_err(unavailable)?;
        let clicks = answer.items.unwrap_or_default();
        let click = |item| click_of(item, reference.as_str());
        Ok(clicks.iter().filter_map(click).any(|click| click.click_id == *click_id))
    }

    async fn withdrawn_at(
        &self,
        person: &Person,
        by: WithdrawnBy,
    ) -> Result<Option<EventTime>, LedgerError> {
        let item = self.item(&withdrawal_pk(person), withdrawal_sk(by)).await?;
        let at = item.as_ref().and_then(|item| item.get("withdrawnAt")?.as_n().ok());
        Ok(at.and_then(|at| at.parse().ok()).map(EventTime::from_epoch))
    }

    async fn tied_by_key(
        &self,
        record: &Person,
        now: EventTime,
    ) -> Result<Vec<RecordId>, LedgerError> {
        let ties = self.ties(&record_pk(record), now).await?.into_iter();
        let keyed = ties.filter(|tie| tie.keyed);
        Ok(keyed.filter_map(|tie| RecordId::parse(&tie.reference).ok()).collect())
    }
}

fn found(click: StoredClick, from: ClickOrigin) -> ClickSearch {
    // A session is in the row already.
    let tied = from != ClickOrigin::Session;
    ClickSearch::Found {
        click_id: click.click_id,
        clicked_at: Some(click.at),
        from,
        reference: RecordId::parse(&click.reference).ok().filter(|_| tied),
    }
}

fn ties_of(references: &References) -> impl Iterator<Item = (TieKind, &RecordId, ClickOrigin)> {
    let lead = references.lead.iter().map(|id| (TieKind::Lead, id, ClickOrigin::Lead));
    let cart = references.cart.iter().map(|id| (TieKind::Cart, id, ClickOrigin::Cart));
    let order = references.order.iter().map(|id| (TieKind::Order, id, ClickOrigin::Order));
    lead.chain(cart).chain(order)
}

fn session_pk(reference: &str) -> String {
    format!("session {reference}")
}

fn withdrawal_sk(by: WithdrawnBy) -> &'static str {
    match by {
        WithdrawnBy::Key => "key",
        WithdrawnBy::Visitor => "web",
    }
}

/// Apart from clicks and ties: a withdrawal is none. No id holds a space, so no session is taken for
/// a record.
fn withdrawal_pk(person: &Person) -> String {
    match person {
        Person::Session(id) => format!("withdrawn {id}"),
        record => format!("withdrawn {}", record_pk(record)),
    }
}

fn keyed(pk: &str, sk: &str) -> Item {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    Item::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))])
}

fn extend(item: &mut Item, details: Vec<(&'static str, String)>) {
    let text = |(name, value): (&str, String)| (name.to_owned(), AttributeValue::S(value));
    item.extend(details.into_iter().map(text));
}

fn split_sk(item: &Item) -> Option<(i64, &str)> {
    let (ms, rest) = item.get("sk")?.as_s().ok()?.split_once(' ')?;
    Some((ms.parse().ok()?, rest))
}

fn click_of(item: &Item, reference: &str) -> Option<StoredClick> {
    let (ms, click_id) = split_sk(item)?;
    Some(StoredClick {
        reference: reference.to_owned(),
        click_id: ClickId::parse(click_id).ok()?,
        at: EventTime::from_epoch(ms / 1_000),
    })
}

fn tie_of(item: &Item) -> Option<Tie> {
    let (rank, reference) = item.get("sk")?.as_s().ok()?.split_once(' ')?;
    Some(Tie { reference: reference.to_owned(), keyed: rank == "key" })
}

fn is_expired(item: &Item, now: EventTime) -> bool {
    let ttl = item.get("ttl").and_then(|ttl| ttl.as_n().ok()).and_then(|ttl| ttl.parse().ok());
    ttl.is_some_and(|ttl: i64| ttl <= now.epoch())
}

fn unavailable<E, R>(error: aws_sdk_dynamodb::error::SdkError<E, R>) -> LedgerError
where
    E: std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    LedgerError::Unavailable(crate::error_text::text_of(&error))
}
