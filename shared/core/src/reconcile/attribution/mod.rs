//! Which click a conversion is credited to.
//!
//! Adapters read *sightings* (a click id was seen under a reference) and *ties* (a record of the shop
//! or the CRM belongs to a reference); what they mean is decided here and nowhere else. The same
//! function runs when an event is recorded, before it is first sent, and in the simulation.
//!
//! A *reference* is the key under which a visitor's clicks are stored: the session id if the page
//! sent one, else the value of the cookie.
//!
//! 1. The event's own click id comes first, then its session, then ties made with an ingest key
//!    (lead, cart, order), then ties made by browsers (lead, cart, order).
//! 2. A click id counts from the moment it was first seen: a bookmark or a reload does not make it
//!    newer.
//! 3. The latest click first seen at or before the conversion is credited, of the strongest hint
//!    that has one. Only if no hint has one, it is the earliest click first seen within
//!    [`LATE`] seconds after it, again of the strongest hint that has one. Such a sale is sent with
//!    a later time than its own: [`Facts::earliest_time`].

mod hint;
mod review;

use std::collections::BTreeMap;

use crate::id::RecordId;
use crate::ledger::facts::{Click, ClickOrigin, Facts, References};
use crate::ledger::wait::WaitReason;
use crate::person::click_id::ClickId;
use crate::time::{DAY, EventTime};

pub use hint::{Hint, MAX_BROWSERS, TIES_COUNTED, TIES_READ, Tie, TieKind, TiedBy};
pub use review::{Fresh, review, stored_under};

/// How long after a conversion its click may be seen first, in seconds: a form posts click and lead
/// at once, and the clock of a CRM may be behind.
pub const LATE: i64 = 10 * 60;
/// The newest sightings of a reference that are read.
pub const SIGHTINGS_READ: usize = 100;
/// How long a click is kept after it was seen, in seconds: Microsoft accepts conversions for 90 days
/// after the click, and clocks may differ.
pub const KEPT: i64 = 92 * DAY;

/// A click id that was seen under a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    pub reference: RecordId,
    pub click_id: ClickId,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

impl Sighting {
    /// When, in whole seconds, as conversions are.
    pub fn at(&self) -> EventTime {
        seconds(self.at_ms)
    }

    /// Whether it is of this click id.
    pub fn is_of(&self, click_id: &ClickId) -> bool {
        is_same(&self.click_id, click_id)
    }
}

/// What was read of the stored clicks for one conversion. Expired items are left out by whoever
/// reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub ties: Vec<Tie>,
    /// Sightings under its session and under the references that the ties lead to.
    pub sightings: Vec<Sighting>,
}

/// The conversion whose click is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Sale<'a> {
    /// The click id that the event brought.
    pub own: Option<&'a ClickId>,
    /// The session and the records that it names.
    pub references: &'a References,
    pub time: EventTime,
    /// Click ids that Microsoft refused for it because they are later than the conversion (5616):
    /// none of them is credited again.
    pub refused: &'a [ClickId],
    /// Whether the account lets browsers tie orders.
    pub browser_order_ties: bool,
}

impl<'a> Sale<'a> {
    pub fn of(facts: &'a Facts, browser_order_ties: bool) -> Self {
        let brought = facts.click.as_ref().is_some_and(|click| click.from == ClickOrigin::Event);
        Sale {
            own: facts.identity.click_id.as_ref().filter(|_| brought),
            references: &facts.references,
            time: facts.occurred_at,
            refused: &facts.refused_clicks,
            browser_order_ties,
        }
    }

    /// No sighting later than this can be credited.
    pub fn last_sighting(&self) -> EventTime {
        self.time.plus_seconds(LATE)
    }

    fn is_refused(&self, click_id: &ClickId) -> bool {
        self.refused.iter().any(|refused| is_same(refused, click_id))
    }
}

/// What a conversion is credited to, or why there is no click.
pub type Credit = Result<(ClickId, Click), WaitReason>;

/// Credits a conversion by what was read of the stored clicks.
///
/// What a weaker hint leads to changes nothing once a stronger one has a click first seen before
/// the conversion (see [`is_settled`]), so it need not be read.
pub fn credit(sale: &Sale<'_>, reading: &Reading) -> Credit {
    credit_by(&Hint::STRONGEST_FIRST, sale, reading)
}

fn credit_by(hints: &[Hint], sale: &Sale<'_>, reading: &Reading) -> Credit {
    let ranks = ranks(hints, sale, reading);
    if let Some(own) = sale.own.filter(|own| !sale.is_refused(own)) {
        let seen = ranks.iter().find_map(|rank| rank.seen(own));
        return found(sale, own, ClickOrigin::Event, seen);
    }
    let before = ranks.iter().find_map(|rank| rank.latest_until(sale.time));
    let after = || ranks.iter().find_map(Rank::earliest);
    match before.or_else(after) {
        Some(seen) => found(sale, seen.click_id, seen.from, Some(seen)),
        None => Err(ranks.iter().find_map(|rank| rank.unclear).unwrap_or(WaitReason::NoClick)),
    }
}

/// Whether what hints weaker than `hint` lead to can't change the credit any more, once all that
/// `hint` and stronger ones lead to is read.
pub fn is_settled(hint: Hint, sale: &Sale<'_>, reading: &Reading) -> bool {
    let followed = Hint::STRONGEST_FIRST.iter().take_while(|stronger| **stronger != hint).count();
    match credit_by(&Hint::STRONGEST_FIRST[..=followed], sale, reading) {
        Ok((_, Click { from: ClickOrigin::Event, clicked_at, .. })) => clicked_at.is_some(),
        Ok((_, Click { clicked_at, .. })) => clicked_at.is_some_and(|at| at <= sale.time),
        Err(_) => false,
    }
}

fn found(
    sale: &Sale<'_>, click_id: &ClickId, from: ClickOrigin, seen: Option<&Seen<'_>>,
) -> Credit {
    let elsewhere = |seen: &Seen<'_>| {
        let is_session = sale.references.session.as_ref() == Some(seen.reference);
        (!is_session).then(|| seen.reference.clone())
    };
    let click = Click { clicked_at: seen.map(Seen::at), from, reference: seen.and_then(elsewhere) };
    Ok((click_id.clone(), click))
}

/// A click id under the references of one hint.
struct Seen<'a> {
    click_id: &'a ClickId,
    from: ClickOrigin,
    /// The reference of this hint that saw it first.
    reference: &'a RecordId,
    /// When it was first seen under the references of this hint and of stronger ones.
    first_ms: i64,
}

impl Seen<'_> {
    fn at(&self) -> EventTime {
        seconds(self.first_ms)
    }
}

#[derive(Default)]
struct Rank<'a> {
    clicks: Vec<Seen<'a>>,
    /// Why it leads to nobody although there are ties.
    unclear: Option<WaitReason>,
}

impl<'a> Rank<'a> {
    fn seen(&self, click_id: &ClickId) -> Option<&Seen<'a>> {
        self.clicks.iter().find(|seen| is_same(seen.click_id, click_id))
    }

    fn latest_until(&self, time: EventTime) -> Option<&Seen<'a>> {
        self.clicks.iter().filter(|seen| seen.at() <= time).max_by_key(|seen| seen.first_ms)
    }

    fn earliest(&self) -> Option<&Seen<'a>> {
        self.clicks.iter().min_by_key(|seen| seen.first_ms)
    }
}

/// Strongest first, without clicks that Microsoft refused and sightings that are too late.
fn ranks<'a>(hints: &[Hint], sale: &Sale<'a>, reading: &'a Reading) -> Vec<Rank<'a>> {
    let counts = |it: &&Sighting| it.at() <= sale.last_sighting() && !sale.is_refused(&it.click_id);
    let mut sightings: Vec<&Sighting> = reading.sightings.iter().filter(counts).collect();
    sightings.sort_by_key(|it| (it.at_ms, &it.reference, it.click_id.as_str()));
    let mut first: BTreeMap<String, i64> = BTreeMap::new();
    let mut rank = |hint: &Hint| {
        let references = match hint.references(sale, &reading.ties) {
            Ok(references) => references,
            Err(reason) => return Rank { unclear: Some(reason), ..Rank::default() },
        };
        let mut clicks: BTreeMap<String, Seen<'a>> = BTreeMap::new();
        for sighting in sightings.iter().filter(|it| references.contains(&&it.reference)) {
            let key = sighting.click_id.key();
            let earlier = first.entry(key.clone()).or_insert(sighting.at_ms);
            *earlier = sighting.at_ms.min(*earlier);
            let (click_id, reference) = (&sighting.click_id, &sighting.reference);
            let from = hint.origin();
            clicks.entry(key).or_insert(Seen { click_id, from, reference, first_ms: *earlier });
        }
        Rank { clicks: clicks.into_values().collect(), unclear: None }
    };
    hints.iter().map(&mut rank).collect()
}

fn seconds(ms: i64) -> EventTime {
    EventTime::from_epoch(ms.div_euclid(1_000))
}

/// Microsoft does not distinguish upper from lower case.
fn is_same(one: &ClickId, other: &ClickId) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}
