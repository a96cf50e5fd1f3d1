//! The click table in memory, by its keys, and what it held at any moment: what a conversion is
//! credited to is judged by that.

use std::collections::BTreeMap;

use tracklayer_core::id::RecordId;
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::attribution::{KEPT, Sighting, Tie, TieKind, TiedBy};
use tracklayer_core::time::EventTime;
use tracklayer_edge::ports::Place;

/// What is stored, by partition and sort key.
pub type Items = BTreeMap<(String, String), Item>;

/// A click or a tie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The cookie that a click came with.
    pub cookie: Option<String>,
    /// When a tie was made last, in seconds since 1970.
    pub tied_at: i64,
    /// When it expires, in seconds since 1970.
    pub ttl: i64,
}

/// The table.
#[derive(Debug)]
pub struct ClickTable {
    items: Items,
    /// What was stored from these moments (in milliseconds since 1970) on.
    log: Vec<(i64, Items)>,
}

impl Default for ClickTable {
    fn default() -> Self {
        ClickTable { items: Items::new(), log: vec![(i64::MIN, Items::new())] }
    }
}

impl ClickTable {
    /// Stores a click.
    pub fn add_click(
        &mut self, reference: &str, click_id: &str, cookie: &str, at_ms: i64, now: i64,
    ) {
        let key = (session_pk(reference), format!("{at_ms:013} {click_id}"));
        let item = Item { cookie: Some(cookie.to_owned()), tied_at: 0, ttl: ttl(at_ms) };
        self.items.insert(key, item);
        self.changed(now);
    }

    /// Stores a tie.
    pub fn add_tie(
        &mut self, kind: TieKind, id: &str, by: TiedBy, reference: &str, at_ms: i64, now: i64,
    ) {
        let maker = if by == TiedBy::Key { "key" } else { "web" };
        let key = (record_pk(kind, id), format!("{maker} {reference}"));
        let item = Item { cookie: None, tied_at: at_ms.div_euclid(1_000), ttl: ttl(at_ms) };
        self.items.insert(key, item);
        self.changed(now);
    }

    /// Deletes what is at these places; answers how many were there.
    pub fn delete(&mut self, places: &[Place], now: i64) -> usize {
        let before = self.items.len();
        for place in places {
            self.items.remove(&(place.pk.clone(), place.sk.clone()));
        }
        self.changed(now);
        before - self.items.len()
    }

    fn changed(&mut self, now: i64) {
        self.log.push((now, self.items.clone()));
    }

    /// What is stored.
    pub fn items(&self) -> &Items {
        &self.items
    }

    /// Everything that was ever stored.
    pub fn ever(&self) -> Items {
        self.log.iter().flat_map(|(_, items)| items.clone()).collect()
    }

    /// What was stored at one of these moments.
    pub fn between(&self, from: i64, until: i64) -> Vec<&Items> {
        let first = self.log.partition_point(|(at, _)| *at <= from).saturating_sub(1);
        let states = self.log[first..].iter().filter(|(at, _)| *at <= until);
        states.map(|(_, items)| items).collect()
    }

    /// Some items under a partition key, after `after`, and where the next page begins.
    pub fn page(&self, pk: &str, after: Option<&str>) -> (Vec<(Place, Item)>, Option<Place>) {
        const PAGE: usize = 2;
        let is_next = |(key, _): &(&(String, String), &Item)| {
            key.0 == pk && after.is_none_or(|after| key.1.as_str() > after)
        };
        let place = |key: &(String, String)| Place { pk: key.0.clone(), sk: key.1.clone() };
        let mut rest = self.items.iter().filter(is_next).map(|(key, it)| (place(key), it.clone()));
        let page: Vec<_> = rest.by_ref().take(PAGE).collect();
        let next = page.last().map(|(place, _)| place.clone()).filter(|_| rest.next().is_some());
        (page, next)
    }
}

fn ttl(at_ms: i64) -> i64 {
    at_ms.div_euclid(1_000) + KEPT
}

/// The partition of a reference's clicks.
pub fn session_pk(reference: &str) -> String {
    format!("session {reference}")
}

/// The partition of a record's ties.
pub fn record_pk(kind: TieKind, id: &str) -> String {
    format!("{} {id}", kind.as_str())
}

/// The unexpired items of one partition.
fn partition(
    items: &Items, pk: String, now: EventTime,
) -> impl DoubleEndedIterator<Item = (&str, &Item)> {
    let is_in =
        move |(key, item): &(&(String, String), &Item)| key.0 == pk && item.ttl > now.epoch();
    items.iter().filter(is_in).map(|(key, item)| (key.1.as_str(), item))
}

/// The sightings under a reference until the end of a second, newest first.
pub fn sightings(
    items: &Items, reference: &RecordId, until: EventTime, now: EventTime,
) -> Vec<Sighting> {
    let sighting = |(sk, _): (&str, &Item)| {
        let (ms, click_id) = sk.split_once(' ')?;
        let click_id = ClickId::parse(click_id).ok()?;
        Some(Sighting { reference: reference.clone(), click_id, at_ms: ms.parse().ok()? })
    };
    let clicks = partition(items, session_pk(reference.as_str()), now).rev();
    let seen = clicks.filter_map(sighting);
    seen.filter(|it| it.at_ms <= until.epoch() * 1_000 + 999).collect()
}

/// The ties of a record, those made with a key first.
pub fn ties(items: &Items, kind: TieKind, id: &RecordId, now: EventTime) -> Vec<Tie> {
    let tie = |(sk, item): (&str, &Item)| {
        let (maker, reference) = sk.split_once(' ')?;
        let by = if maker == "key" { TiedBy::Key } else { TiedBy::Browser };
        let at = EventTime::from_epoch(item.tied_at);
        Some(Tie { kind, by, reference: reference.parse().ok()?, at })
    };
    partition(items, record_pk(kind, id.as_str()), now).filter_map(tie).collect()
}
