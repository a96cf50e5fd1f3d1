//! Visitors with several clicks of any age, seen once or often, early or late; the records that they
//! are tied to, by whom and when; and what they buy.

use std::collections::BTreeMap;

use tracklayer_core::reconcile::attribution::TieKind;

use super::{DAY, Draw, HOUR, MINUTE, Names, Order, START};
use crate::random::Random;

/// What is reported to capture at once.
#[derive(Clone, Debug, Default)]
pub struct Visit {
    /// When.
    pub at: i64,
    /// The session, if the page sends one.
    pub session: Option<String>,
    /// The visitor's cookie.
    pub cookie: String,
    /// The click id.
    pub click: Option<String>,
    /// When the page says that it was landed on.
    pub landed: Option<i64>,
    /// The records that it is tied to.
    pub ties: Vec<(TieKind, String)>,
    /// Whether it is sent with an ingest key.
    pub keyed: bool,
}

impl Visit {
    /// A visit of a session with nothing in it yet.
    #[must_use]
    pub fn of(session: &str, at: i64) -> Self {
        let cookie = cookie_of(session);
        Visit { at, session: Some(session.to_owned()), cookie, ..Visit::default() }
    }

    /// Its click and when it was made, if the page tells the truth.
    pub(super) fn own_click(&self) -> Option<(String, i64)> {
        Some((self.click.clone()?, self.landed.unwrap_or(self.at)))
    }

    /// Where its click is stored.
    #[must_use]
    pub fn reference(&self) -> &str {
        self.session.as_deref().unwrap_or(&self.cookie)
    }
}

/// The click of a session that has one.
pub(super) fn click_of(session: &str) -> String {
    let hex: String = session.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex:0>32}")
}

/// The cookie of the browser of a session; a cookie's value is its own.
#[must_use]
pub fn cookie_of(session: &str) -> String {
    if session.len() == 32 {
        return session.to_owned();
    }
    let hex: String = session.bytes().map(|byte| format!("{byte:02x}")).collect();
    let hex = format!("{hex:0>28}");
    format!("c00c{}", &hex[hex.len() - 28..])
}

/// Adds visitors to some histories.
pub(super) fn draw(
    span: i64, orders: &mut Vec<Order>, visits: &mut Vec<Visit>,
    clicked: &mut BTreeMap<String, i64>, random: &mut Random,
) {
    if !random.chance(4_500) {
        return;
    }
    for v in 0..random.between(1, 2) {
        let around =
            START + random.between(0, span) - random.pick(&[0, 0, DAY, 30 * DAY, 85 * DAY]);
        let visitor = Visitor::draw(v, around, random);
        let count = random.between(1, 3);
        let sales: Vec<Order> = (0..count).map(|n| visitor.order(n, span, random)).collect();
        visitor.visit(&sales, random, visits);
        clicked.extend(visitor.clicks.iter().cloned());
        orders.extend(sales);
    }
}

/// Somebody who clicks and buys.
struct Visitor {
    n: i64,
    /// When it buys, more or less.
    around: i64,
    session: Option<String>,
    cookie: String,
    lead: String,
    cart: String,
    /// Click ids and when they were made.
    clicks: Vec<(String, i64)>,
}

impl Visitor {
    fn draw(n: i64, around: i64, random: &mut Random) -> Self {
        let session = match random.below(4) {
            0..2 => Some(format!("tl.{:032x}", 0x0005_e550 + n)),
            2 => Some(format!("v{n}")),
            _ => None,
        };
        let clicks = (0..random.between(1, 4)).map(|c| {
            let ages = [MINUTE, HOUR, 5 * HOUR, 20 * DAY, 89 * DAY, 91 * DAY, 95 * DAY];
            let at = match random.chance(7_500) {
                true => around - random.pick(&ages) + random.between(-HOUR, MINUTE),
                false => around + random.pick(&[0, 5 * MINUTE, 9 * MINUTE, HOUR, 2 * DAY]),
            };
            (format!("{:032x}", 0xc11c_0000_i64 + 16 * n + c), at)
        });
        Visitor {
            n,
            around,
            clicks: clicks.collect(),
            cookie: session.as_deref().map_or(format!("{:032x}", 0xc00c_1e00_i64 + n), cookie_of),
            session,
            lead: format!("lead{n}"),
            cart: format!("cart{n}"),
        }
    }

    fn reference(&self) -> &str {
        self.session.as_deref().unwrap_or(&self.cookie)
    }

    fn order(&self, n: i64, span: i64, random: &mut Random) -> Order {
        let id = format!("v{}-{n}", self.n);
        let name = |chance: u32, name: &str, random: &mut Random| {
            random.chance(chance).then(|| name.to_owned())
        };
        let click = self.clicks[random.below(self.clicks.len())].0.clone();
        let mut names = Names {
            click: random.chance(1_500).then_some(click),
            session: name(5_000, self.reference(), random),
            lead: name(3_000, &self.lead, random),
            cart: name(3_000, &self.cart, random),
            order: name(5_000, &id, random),
            email: name(4_000, &format!("visitor{}@example.com", self.n), random),
            granted: random.chance(3_000),
        };
        let named = [&names.click, &names.session, &names.lead, &names.cart, &names.order];
        if named.iter().all(|name| name.is_none()) {
            names.session = Some(self.reference().to_owned());
        }
        let occurred = self.around + random.pick(&[0, 0, 1, 10 * MINUTE, 3 * HOUR, DAY]);
        let posted = occurred.max(START) + random.pick(&[0, 1, 20 * MINUTE, 3 * HOUR]);
        let mut draw = Draw { random, span, visits: Vec::new() };
        let mut order = Order {
            source: "shop",
            id,
            event: draw.random.pick(&["purchase", "phone_sale", "qualified_lead"]),
            account: "main",
            names,
            occurred,
            value: None,
            posts: draw.posts(posted),
            conflict: false,
            forgets: false,
            learns: None,
            corrections: Vec::new(),
        };
        order.value = (order.event != "qualified_lead").then(|| draw.random.between(1, 200_000));
        order.corrections = draw.fixes(&order, posted);
        order
    }

    /// Its landings, and its ties.
    fn visit(&self, sales: &[Order], random: &mut Random, visits: &mut Vec<Visit>) {
        for (click, clicked_at) in &self.clicks {
            let mut at = clicked_at + random.pick(&[0, 0, 5, 90]);
            for again in 0..random.between(1, 3) {
                let mut visit = Visit { click: Some(click.clone()), ..self.at(at) };
                if again == 0 && random.chance(3_000) {
                    // A banner is answered on a later page; the browser's clock may be wrong.
                    visit.landed = Some(at + random.pick(&[0, 0, -40, 200]));
                    visit.at += random.pick(&[MINUTE, 3 * HOUR, 20 * HOUR]);
                }
                at = visit.at + random.pick(&[MINUTE, DAY, 10 * DAY]);
                visits.push(visit);
            }
        }
        let mut records =
            vec![(TieKind::Lead, self.lead.clone()), (TieKind::Cart, self.cart.clone())];
        records.extend(sales.iter().map(|sale| (TieKind::Order, sale.id.clone())));
        for record in records {
            if random.chance(5_000) {
                let tied = Visit { ties: vec![record.clone()], ..self.at(self.moment(random)) };
                visits.push(Visit { keyed: random.chance(4_000), ..tied });
            }
            if random.chance(800) {
                self.strangers(&record, random, visits);
            }
        }
    }

    fn at(&self, at: i64) -> Visit {
        let (session, cookie) = (self.session.clone(), self.cookie.clone());
        Visit { at, session, cookie, ..Visit::default() }
    }

    /// Before the sale, at once, or long after.
    fn moment(&self, random: &mut Random) -> i64 {
        self.around + random.pick(&[-DAY, -MINUTE, 1, 2 * HOUR, 12 * HOUR, 3 * DAY, 30 * DAY])
    }

    /// Browsers of others claim the record; each has a click of its own.
    fn strangers(&self, record: &(TieKind, String), random: &mut Random, visits: &mut Vec<Visit>) {
        for s in 0..random.between(1, 5) {
            let session = format!("x{}{s}", record.1);
            let at = self.moment(random);
            let visit = Visit { ties: vec![record.clone()], ..Visit::of(&session, at) };
            visits.push(Visit { click: Some(click_of(&session)), ..visit });
        }
    }
}
