//! Which click a conversion may be sent with: the one that the true click table named at some moment
//! of the run that claimed it.

use std::collections::BTreeSet;

use tracklayer_core::{
    id::RecordId,
    ledger::{
        facts::{ClickOrigin, References},
        row::Row,
    },
    person::click_id::ClickId,
    reconcile::attribution::{
        Fresh, Hint, KEPT, LATE, Reading, Sale, TieKind, TiedBy, credit, review, stored_under,
    },
    time::EventTime,
};

use super::{group, order_of};
use crate::{
    clicks::{Items, sightings, ties},
    plan::Order,
    world::{Invocation, World},
};

/// A click id in lower case, or none.
type Click = Option<String>;

/// Looks at the identity that a first attempt is claimed with.
pub(super) fn check_claim(world: &World, run: &Invocation, before: &Row, after: &Row) {
    let Some(order) = order_of(world, after) else { return };
    let sent = after.facts.click_id().map(ClickId::key);
    let look = Look::of(world, run, order, before);
    let allowed = look.allowed();
    if !allowed.contains(&sent) && !look.is_outlived(before, &sent) {
        let what = format!("{} claims it with {sent:?}, not {allowed:?}", run.name);
        world.violated("the click is the right one", after.key.label(), what);
    }
    if look.has_left(before) {
        let what = format!("{} claims it after its visitor has left", run.name);
        world.violated("a withdrawal is heeded", after.key.label(), what);
    }
    for refused in &before.facts.refused_clicks {
        let clicked_at = world.plan.clicked.get(&refused.key());
        if clicked_at.is_none_or(|at| *at <= order.occurred) {
            let what = format!("{refused:?} is not later than it");
            world.violated("only later clicks are refused", after.key.label(), what);
        }
    }
}

/// Looks at a row that ends because nobody was recognised.
pub(super) fn check_unmatched(world: &World, run: &Invocation, before: &Row) {
    let Some(order) = order_of(world, before) else { return };
    let look = Look::of(world, run, order, before);
    // Nobody looks any more once it could not be sent.
    let in_time = world.now() < before.limit().plus_seconds(-super::DOUBT);
    if in_time && !look.allowed().contains(&None) {
        let what = format!("{} sees nobody, but there is {:?}", run.name, look.allowed());
        world.violated("the click is the right one", before.key.label(), what);
    }
}

/// Whether a click for the row was there at every moment of the run.
pub(super) fn was_there(world: &World, run: &Invocation, row: &Row) -> bool {
    let order = order_of(world, row);
    order.is_some_and(|order| !Look::of(world, run, order, row).allowed().contains(&None))
}

/// What a run could see.
struct Look<'a> {
    states: Vec<Items>,
    nows: [EventTime; 2],
    /// The click id that the event brought, unless it was taken back.
    own: Option<ClickId>,
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
        let is_there = |id: &ClickId| {
            let id = format!(" {}", id.as_str());
            states.iter().any(|items| items.keys().any(|(_, sk)| sk.ends_with(&id)))
        };
        let known = before.facts.click_id().map(ClickId::key);
        let notices = group::notices(world, order);
        // Another notice of its order may have brought the click that it has now.
        let others = notices.iter().filter_map(|it| it.names.click.as_ref().map(parse));
        let mut others = others.filter(|id| brought && known == Some(id.key()));
        let own = others.next().or_else(|| order.names.click.as_ref().map(parse));
        let own = own.filter(|own| match (brought, seen) {
            (true, true) => is_there(own),
            (true, false) => true,
            // The row has lost it: only what was stored once can be taken back.
            (false, _) => !was_there(own),
        });
        let id = |id: &Option<String>| id.as_ref().map(|id| RecordId::parse(id).expect("an id"));
        let named = References {
            session: id(&order.names.session),
            lead: id(&order.names.lead),
            cart: id(&order.names.cart),
            order: id(&order.names.order),
        };
        let account = world.mapping.borrow();
        let account = account.account(order.account);
        Look {
            states,
            nows: [second(began), second(now)],
            own,
            references: if notices.len() > 1 { before.facts.references.clone() } else { named },
            order,
            refused: &before.facts.refused_clicks,
            browser_order_ties: account.is_some_and(|account| account.browser_order_ties()),
        }
    }

    fn sale(&self) -> Sale<'_> {
        Sale {
            own: self.own.as_ref(),
            references: &self.references,
            time: EventTime::from_epoch(self.order.occurred),
            refused: self.refused,
            browser_order_ties: self.browser_order_ties,
        }
    }

    /// Everything that the sale's hints lead to.
    fn reading(&self, items: &Items, until: EventTime, now: EventTime) -> Reading {
        let sale = self.sale();
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

    /// What it may be credited to.
    fn allowed(&self) -> BTreeSet<Click> {
        let until = EventTime::from_epoch(self.order.occurred + LATE);
        let states = self.states.iter().flat_map(|items| self.nows.map(|now| (items, now)));
        let name = |(items, now): (&Items, EventTime)| {
            let credit = credit(&self.sale(), &self.reading(items, until, now));
            credit.click().map(|(id, _)| id.key())
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
            review(before, &self.sale(), &reading, now) == Fresh::End
        };
        self.states.iter().flat_map(|items| self.nows.map(|now| (items, now))).all(all)
    }
}
