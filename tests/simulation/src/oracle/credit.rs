//! Which click a conversion may be sent with: the one that the true click table named at some moment
//! of the run that claimed it.

use std::collections::BTreeSet;

use tracklayer_core::id::RecordId;
use tracklayer_core::ledger::facts::{ClickOrigin, References};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::attribution::{
    Fresh, Hint, KEPT, LATE, Reading, Sale, Sighting, TieKind, TiedBy, credit, review, stored_under,
};
use tracklayer_core::time::{DAY, EventTime};

use super::{group, order_of};
use crate::clicks::{Items, session_pk, sightings, ties};
use crate::plan::Order;
use crate::world::{Invocation, World};

/// A click id in lower case, or none.
type Click = Option<String>;

/// Looks at the identity that a first attempt is claimed with.
pub(super) fn check_claim(world: &World, run: &Invocation, before: &Row, after: &Row) {
    let Some(order) = order_of(world, after) else { return };
    let sent = after.facts.click_id().map(ClickId::key);
    let look = Look::of(world, run, order, before);
    let allowed = look.allowed();
    let seen: Vec<Option<i64>> =
        allowed.iter().filter(|(id, _)| *id == sent).map(|(_, at_ms)| *at_ms).collect();
    if !look.is_outlived(before, &sent) {
        if seen.is_empty() {
            let what = format!("{} claims it with {sent:?}, not {allowed:?}", run.name);
            world.violated("the click is the right one", after.key.label(), what);
        } else {
            check_time(world, order, after, &seen);
        }
    }
    if look.has_left(before) {
        let what = format!("{} claims it after its visitor has left", run.name);
        world.violated("a withdrawal is heeded", after.key.label(), what);
    }
}

/// The time that is claimed is no earlier than the sale or its click, as far as somebody has seen it;
/// and where the click is earlier, not later than the shift that a taken key costs. `seen` are the
/// milliseconds at which the click was first seen, in any state of the clicks that the run could see.
fn check_time(world: &World, order: &Order, after: &Row, seen: &[Option<i64>]) {
    let claimed = after.facts.conversion_time.epoch();
    let may_be = |at_ms: &Option<i64>| {
        let clicked = at_ms.map_or(order.occurred, |at_ms| at_ms.div_euclid(1_000));
        let earliest = if clicked > order.occurred { clicked + 1 } else { order.occurred };
        (earliest..=earliest + DAY).contains(&claimed)
    };
    if !seen.iter().any(may_be) {
        let what = format!("claimed at {claimed}, sold at {}, clicked at {seen:?}", order.occurred);
        world.violated("no sale is earlier than its click", after.key.label(), what);
    }
}

/// Looks at a click that Microsoft has refused as later than the conversion: nobody could know, for
/// nobody had seen it, or a page or a clock said that it was earlier than it was.
pub(super) fn check_refused(world: &World, before: &Row, refused: &ClickId) {
    let facts = &before.facts;
    let known = facts.click.as_ref().and_then(|click| click.clicked_at);
    let truth = world.plan.clicked.get(&refused.key());
    let is_known = |truth: &i64| known.is_some_and(|known| known.epoch() >= *truth);
    if truth.is_none_or(is_known) {
        let what = format!("{refused:?} of {truth:?}, seen at {known:?}: {facts:?}");
        world.violated("no sale is earlier than its click", before.key.label(), what);
    }
}

/// Looks at a row that ends because nobody was recognised.
pub(super) fn check_unmatched(world: &World, run: &Invocation, before: &Row) {
    let Some(order) = order_of(world, before) else { return };
    let look = Look::of(world, run, order, before);
    // Nobody looks any more once it could not be sent.
    let in_time = world.now() < before.limit().plus_seconds(-super::DOUBT);
    let allowed = look.allowed();
    if in_time && !allowed.iter().any(|(id, _)| id.is_none()) {
        let what = format!("{} sees nobody, but there is {allowed:?}", run.name);
        world.violated("the click is the right one", before.key.label(), what);
    }
}

/// Whether a click for the row was there at every moment of the run.
pub(super) fn was_there(world: &World, run: &Invocation, row: &Row) -> bool {
    let order = order_of(world, row);
    order.is_some_and(|order| {
        let look = Look::of(world, run, order, row);
        !look.allowed().iter().any(|(id, _)| id.is_none())
    })
}

/// What a run could see.
struct Look<'a> {
    states: Vec<Items>,
    nows: [EventTime; 2],
    /// The click id that the event brought, unless it was taken back.
    own: Option<ClickId>,
    /// Whether the row knows where that one is stored: it is taken back once it is deleted there.
    is_own_stored: bool,
    references: References,
    order: &'a Order,
    refused: &'a [ClickId],
    browser_order_ties: bool,
}

impl<'a> Look<'a> {
    fn of(world: &World, run: &Invocation, order: &'a Order, before: &'a Row) -> Self {
        let clicks = world.clicks.borrow();
        let (began, now) = (run.began, world.now_ms());
        let states: Vec<Items> = clicks.between(began, now).into_iter().cloned().collect();
        let second = |ms: i64| EventTime::from_epoch((ms + run.skew).div_euclid(1_000));
        let parse = |id: &String| ClickId::parse(id).expect("a click id");
        let was_there = |id: &ClickId| {
            let ever = clicks.ever();
            ever.keys().any(|(_, sk)| sk.ends_with(&format!(" {}", id.as_str())))
        };
        let click = before.facts.click.as_ref();
        let brought = click.is_some_and(|click| click.from == ClickOrigin::Event);
        let seen = click.is_some_and(|click| click.clicked_at.is_some());
        let known = before.facts.click_id().map(ClickId::key);
        let notices = group::notices(world, order);
        // Another notice of its order may have brought the click that it has now.
        let is_apart = group::is_apart(world, order);
        let first = order.at_first();
        let said = if is_apart { vec![&first] } else { notices.clone() };
        let others = said.iter().filter_map(|it| it.names.click.as_ref().map(parse));
        let mut others = others.filter(|id| brought && known == Some(id.key()));
        let own = others.next().or_else(|| first.names.click.as_ref().map(parse));
        // The row has lost it: only what was stored once can be taken back.
        let own = own.filter(|own| brought || !was_there(own));
        let id = |id: &Option<String>| id.as_ref().map(|id| RecordId::parse(id).expect("an id"));
        let named = References {
            session: id(&order.names.session),
            lead: id(&order.names.lead),
            cart: id(&order.names.cart),
            order: id(&order.names.order),
        };
        let is_one_of_many = notices.len() > 1 || order.learns.is_some();
        let account = world.mapping.borrow();
        let account = account.account(order.account);
        Look {
            states,
            nows: [second(began), second(now)],
            own,
            is_own_stored: brought && seen,
            references: if is_one_of_many { before.facts.references.clone() } else { named },
            order,
            refused: &before.facts.refused_clicks,
            browser_order_ties: account.is_some_and(|account| account.browser_order_ties()),
        }
    }

    /// The sale, where these clicks are stored. A click id that was taken back and is seen again later
    /// than the sale does not come back to it, unless its own session says so.
    fn sale(&self, items: &Items) -> Sale<'_> {
        let own = self.references.session.as_ref().map(|session| session_pk(session.as_str()));
        let until = format!("{:013} ~", (self.order.occurred + LATE) * 1_000 + 999);
        let is_there = |id: &&ClickId| {
            let id = format!(" {}", id.as_str());
            let in_time = |pk: &String, sk: &String| *sk <= until || own.as_ref() == Some(pk);
            items.keys().any(|(pk, sk)| sk.ends_with(&id) && in_time(pk, sk))
        };
        Sale {
            own: self.own.as_ref().filter(|own| !self.is_own_stored || is_there(own)),
            references: &self.references,
            time: EventTime::from_epoch(self.order.occurred),
            refused: self.refused,
            browser_order_ties: self.browser_order_ties,
        }
    }

    /// Everything that the sale's hints lead to.
    fn reading(&self, items: &Items, until: EventTime, now: EventTime) -> Reading {
        let sale = self.sale(items);
        let mut reading = Reading::default();
        let mut references: BTreeSet<RecordId> = self.references.session.iter().cloned().collect();
        for kind in [TieKind::Lead, TieKind::Cart, TieKind::Order] {
            // Those of either maker come together.
            if let Some((_, id)) = Hint::Tied(kind, TiedBy::Key).record(&sale) {
                let found = ties(items, kind, id, now);
                references.extend(found.iter().map(|tie| tie.reference.clone()));
                reading.ties.extend(found);
            }
        }
        for reference in &references {
            reading.sightings.extend(sightings(items, reference, until, now));
        }
        reading
    }

    /// What it may be credited to, and at which millisecond that was first seen.
    fn allowed(&self) -> BTreeSet<(Click, Option<i64>)> {
        let until = EventTime::from_epoch(self.order.occurred + LATE);
        let states = self.states.iter().flat_map(|items| self.nows.map(|now| (items, now)));
        let name = |(items, now): (&Items, EventTime)| {
            let reading = self.reading(items, until, now);
            let Ok((id, click)) = credit(&self.sale(items), &reading) else {
                return (None, None);
            };
            let is_it = |it: &&Sighting| it.is_of(&id) && Some(it.at()) >= click.clicked_at;
            let seen = reading.sightings.iter().filter(is_it).map(|it| it.at_ms).min();
            (Some(id.key()), seen.filter(|_| click.clicked_at.is_some()))
        };
        states.map(name).collect()
    }

    /// A click that is deleted for its age stays what it was.
    fn is_outlived(&self, before: &Row, sent: &Click) -> bool {
        let is_old = |at: EventTime| self.nows.iter().any(|now| *now >= at.plus_seconds(KEPT));
        let known = stored_under(&before.facts);
        known.is_some_and(|(_, id, at)| Some(id.key()) == *sent && is_old(at))
    }

    /// Whether the visitor had taken back all that the event's own session gave, at every moment.
    fn has_left(&self, before: &Row) -> bool {
        let all = |(items, now): (&Items, EventTime)| {
            let mut reading = self.reading(items, now, now);
            if let Some((reference, ..)) = stored_under(&before.facts) {
                reading.sightings.extend(sightings(items, reference, now, now));
            }
            review(before, &self.sale(items), &reading, now) == Fresh::End
        };
        self.states.iter().flat_map(|items| self.nows.map(|now| (items, now))).all(all)
    }
}
