//! The order log: originals and their corrections, and when they are posted.

use super::{DAY, Draw, HOUR, MINUTE, START, Visit, visitors::click_of};
use crate::{random::Random, setting::Setting};

/// An original and everything said about it.
#[derive(Clone, Debug)]
pub struct Order {
    /// Who says it.
    pub source: &'static str,
    /// The source's id.
    pub id: String,
    /// Its event.
    pub event: &'static str,
    /// Its account.
    pub account: &'static str,
    /// By what it names its person.
    pub names: Names,
    /// When it happened.
    pub occurred: i64,
    /// Thousandths; absent on goals without value.
    pub value: Option<i64>,
    /// When it is posted, and posted again.
    pub posts: Vec<i64>,
    /// Whether the source once says something else under the same id.
    pub conflict: bool,
    /// Whether it comes once more without its order's number, once it is known.
    pub forgets: bool,
    /// What its source does not know at first.
    pub learns: Option<Learns>,
    /// Its corrections.
    pub corrections: Vec<Fix>,
}

/// An order whose number its source learns after it was stored; then it comes once more, with all
/// its names.
#[derive(Clone, Copy, Debug)]
pub struct Learns {
    /// When, at the earliest.
    pub at: i64,
    /// Whether its click is not known before, either.
    pub click: bool,
}

/// By what an event names its person.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// A click id.
    pub click: Option<String>,
    /// A session, or a cookie's value.
    pub session: Option<String>,
    /// A lead.
    pub lead: Option<String>,
    /// A cart.
    pub cart: Option<String>,
    /// An order.
    pub order: Option<String>,
    /// An address.
    pub email: Option<String>,
    /// Whether it says that consent was granted.
    pub granted: bool,
}

/// A correction.
#[derive(Clone, Debug)]
pub struct Fix {
    /// Who says it.
    pub source: &'static str,
    /// Its own id.
    pub id: String,
    /// When it happened.
    pub occurred: i64,
    /// Milliseconds after that.
    pub ms: i64,
    /// What it changes.
    pub change: Change,
    /// When it is posted, and posted again.
    pub posts: Vec<i64>,
    /// Whether it names its original's event.
    pub names_event: bool,
    /// Another currency than the original's.
    pub other_currency: bool,
    /// Whether it is posted once more with another original.
    pub misdirected: bool,
    /// Whether it waits for a moment at which its original is being sent or corrected.
    pub meddles: bool,
}

/// What a correction changes, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// This much is given back.
    Amount(i64),
    /// The new value.
    NewValue(i64),
    /// Everything is taken back.
    Full,
}

impl Order {
    /// Whether both have the same id.
    #[must_use]
    pub fn is_same(&self, other: &Order) -> bool {
        (self.source, &self.id) == (other.source, &other.id)
    }

    /// The order as it is posted at first.
    #[must_use]
    pub fn at_first(&self) -> Order {
        let mut first = self.clone();
        if let Some(learns) = self.learns {
            first.names.order = None;
            first.names.click = first.names.click.filter(|_| !learns.click);
        }
        first
    }

    /// Everything that is said of it is said so much later.
    fn postpone(&mut self, seconds: i64) {
        self.posts.iter_mut().for_each(|at| *at += seconds);
        for fix in &mut self.corrections {
            fix.posts.iter_mut().for_each(|at| *at += seconds);
            fix.occurred = (fix.occurred + seconds).max(self.occurred).min(fix.posts[0]);
        }
    }

    /// When anything of it is posted.
    pub(super) fn all_posts(&self) -> impl Iterator<Item = i64> + '_ {
        let of_fixes = self.corrections.iter().flat_map(|fix| fix.posts.iter());
        let learned = self.learns.iter().map(|learns| &learns.at);
        self.posts.iter().chain(of_fixes).chain(learned).copied()
    }
}

impl Draw<'_> {
    pub(super) fn orders(&mut self) -> Vec<Order> {
        let count = self.random.between(1, 6);
        let mut orders: Vec<Order> = Vec::new();
        for n in 0..count {
            let twin = orders.get(self.random.below(orders.len())).cloned();
            let order = match twin.filter(|_| self.random.chance(2_500)) {
                Some(twin) => self.sibling(&twin, n, &orders),
                None => self.order(n),
            };
            orders.push(order);
        }
        name_events(&mut orders);
        orders
    }

    pub(super) fn order(&mut self, n: i64) -> Order {
        let event = self.random.pick(&[
            "purchase",
            "purchase",
            "purchase",
            "phone_sale",
            "subscription_start",
            "qualified_lead",
        ]);
        let age = match self.random.chance(500) {
            true => 90 * DAY - self.random.between(HOUR, 3 * DAY),
            false => self.random.between(0, 3 * HOUR),
        };
        let posted = START + self.random.between(0, self.span);
        let occurred = posted - age;
        let names = self.names(n, occurred);
        let value = (event != "qualified_lead").then(|| self.random.between(1, 200_000));
        let mut order = Order {
            source: self.random.pick(&["shop", "crm"]),
            id: format!("o{n}"),
            event,
            account: "main",
            names,
            occurred,
            value,
            posts: self.posts(posted),
            conflict: self.random.chance(1_000),
            forgets: false,
            learns: None,
            corrections: Vec::new(),
        };
        order.corrections = self.fixes(&order, posted);
        order
    }

    /// Another sale of the same person in the same second.
    fn sibling(&mut self, twin: &Order, n: i64, orders: &[Order]) -> Order {
        let mut order = self.order(n);
        order.names = twin.names.clone();
        order.occurred = twin.occurred;
        order.postpone((twin.posts[0] - order.posts[0]).max(0));
        // Neither may be too old on arrival: corrections wait for both.
        let is_old = twin.occurred < START - 80 * DAY;
        let is_taken =
            |known: &Order| known.is_same(twin) && (is_old || known.event == order.event);
        if self.random.chance(3_000) && !orders.iter().any(is_taken) {
            (order.source, order.id) = (twin.source, twin.id.clone());
        }
        order
    }

    fn names(&mut self, n: i64, occurred: i64) -> Names {
        match self.random.below(10) {
            0..6 => {
                Names { click: Some(format!("{:032x}", 0xabcd_0000_i64 + n)), ..Names::default() }
            }
            6..8 => {
                let late = self.random.chance(3_000);
                let known = if late { self.random.between(HOUR, 2 * DAY) } else { -HOUR };
                let session = format!("s{n}");
                self.visits.push(visit(&session, occurred, known));
                Names { session: Some(session), ..Names::default() }
            }
            _ => Names { email: Some(format!("p{n}@example.com")), ..Names::default() },
        }
    }

    pub(super) fn posts(&mut self, first: i64) -> Vec<i64> {
        let mut posts = vec![first];
        while self.random.chance(2_000) {
            posts.push(first + self.random.pick(&[1, 30, 20 * MINUTE, DAY]));
        }
        posts
    }

    pub(super) fn fixes(&mut self, order: &Order, posted: i64) -> Vec<Fix> {
        let count = self.random.pick(&[0, 0, 1, 1, 2, 3, 5]);
        (0..count).map(|n| self.fix(order, posted, n)).collect()
    }

    fn fix(&mut self, order: &Order, posted: i64, n: i64) -> Fix {
        let spread = [0, MINUTE, HOUR, 14 * HOUR, 30 * HOUR, 4 * DAY];
        let after = self.random.pick(&spread) + self.random.between(0, 2 * HOUR);
        let early = self.random.chance(1_500);
        let first =
            if early { posted - self.random.between(1, 20 * MINUTE) } else { posted + after };
        let value = order.value.unwrap_or(100_000);
        let change = match self.random.below(10) {
            0..3 => Change::Amount(self.random.between(1, value.max(2))),
            3 => Change::Amount(value),
            4..8 => Change::NewValue(self.random.between(0, 2 * value)),
            _ => Change::Full,
        };
        let happened = first - self.random.pick(&[0, 1, MINUTE, HOUR]);
        let (low, high) = (order.occurred.min(first), first);
        Fix {
            source: self.random.pick(&[order.source, "erp"]),
            id: format!("{}-{}-f{n}", order.id, order.event),
            occurred: happened.clamp(low, high),
            ms: 0,
            change,
            posts: self.posts(first),
            names_event: self.random.chance(6_000),
            other_currency: self.random.chance(300),
            misdirected: self.random.chance(500),
            meddles: self.random.chance(3_000),
        }
    }
}

/// Where one id has several originals, corrections say which they mean.
fn name_events(orders: &mut [Order]) {
    let ids: Vec<_> = orders.iter().map(|order| (order.source, order.id.clone())).collect();
    for order in orders {
        let same = ids.iter().filter(|(source, id)| (*source, id) == (order.source, &order.id));
        if same.count() > 1 {
            order.corrections.iter_mut().for_each(|fix| fix.names_event = true);
        }
    }
}

/// Gives each order an account. Under one id all are of the same: a source is one id-space.
pub(super) fn share_out(orders: &mut [Order], setting: &Setting, random: &mut Random) {
    for at in 0..orders.len() {
        let known = orders[..at].iter().find(|known| known.is_same(&orders[at]));
        let drawn = random.pick(setting.accounts());
        orders[at].account = known.map_or(drawn, |known| known.account);
    }
}

/// The session's one click; one that is known late is reported by somebody with a key, who knows
/// when it was.
fn visit(session: &str, occurred: i64, known: i64) -> Visit {
    let late = known > 0;
    Visit {
        click: Some(click_of(session)),
        landed: late.then_some(occurred - HOUR),
        keyed: late,
        ..Visit::of(session, occurred + known)
    }
}

/// Corrections of one original may all occur within one second, or within one millisecond: their ids
/// are compared then.
pub(super) fn within_one_second(orders: &mut [Order], random: &mut Random) {
    for order in orders.iter_mut().filter(|order| order.corrections.len() > 1) {
        if !random.chance(2_500) {
            continue;
        }
        let occurred = order.corrections.iter().map(|fix| fix.occurred).min().unwrap_or(START);
        let spread = random.pick(&[0, 0, 2, 999]);
        let first = random.pick(&[0, 7, 8]);
        for (n, fix) in order.corrections.iter_mut().enumerate() {
            (fix.occurred, fix.ms) = (occurred, random.between(0, spread));
            fix.id = format!("{}-{}-f{}", order.id, order.event, first + n);
        }
    }
}
