//! Orders by day and goal, and what is shown.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde::Serialize;
use tracklayer_core::ledger::row::RowKey;

use super::compare::{Compared, Fate};
use crate::backlog::Sums;
use crate::options::ReconcileOptions;
use crate::screen::{Screen, Table};

/// Orders that are listed one by one.
const LISTED: usize = 20;

/// Orders of one day and goal.
#[derive(Debug, Default, Serialize)]
struct Group {
    orders: usize,
    money: Sums,
    sent: usize,
    waiting: usize,
    refused: usize,
    ignored: usize,
    missing: usize,
    differing: usize,
}

impl Group {
    fn cells(&self, day: &str, goal: &str) -> [String; 10] {
        [
            day.to_owned(),
            goal.to_owned(),
            self.orders.to_string(),
            self.money.to_string(),
            self.sent.to_string(),
            self.waiting.to_string(),
            self.refused.to_string(),
            self.ignored.to_string(),
            self.missing.to_string(),
            self.differing.to_string(),
        ]
    }
}

/// All orders. Of each only its number is kept, as eight bytes: what takes memory besides are days,
/// goals and reasons.
#[derive(Debug, Default)]
pub struct Totals {
    groups: BTreeMap<(String, String), Group>,
    /// By what became of them, and why.
    why: BTreeMap<(&'static str, String), usize>,
    /// The first that are not as they should be; in JSON all of them.
    listed: Vec<Listed>,
    lists_all: bool,
    wrong: usize,
    orders: usize,
    right: usize,
    sent: usize,
    /// Hashes of the keys: two of a million orders have the same once in 37 million files.
    seen: HashSet<u64>,
    /// Orders that were listed before.
    again: usize,
}

/// An order that is not as it should be.
#[derive(Debug, Serialize)]
struct Listed {
    line: u64,
    id: String,
    value: String,
    what: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    orders: usize,
    /// Orders that the file lists more than once: they are in the sums as often.
    again: usize,
    accuracy: f64,
    /// Of a hundred orders, how many Microsoft has.
    sent: f64,
    days: Vec<Day<'a>>,
    why: Vec<Why<'a>>,
    wrong: &'a [Listed],
}

#[derive(Serialize)]
struct Day<'a> {
    day: &'a str,
    goal: &'a str,
    #[serde(flatten)]
    group: &'a Group,
}

#[derive(Serialize)]
struct Why<'a> {
    what: &'a str,
    reason: &'a str,
    orders: usize,
}

impl Totals {
    /// None yet; of those that are not as they should be all are listed, or some.
    pub fn new(lists_all: bool) -> Self {
        Totals { lists_all, ..Totals::default() }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.orders == 0
    }

    /// Counts an order.
    pub fn add(&mut self, compared: Compared<'_>) {
        let order = compared.order;
        self.orders += 1;
        self.right += usize::from(compared.is_right());
        self.sent += usize::from(matches!(compared.fate, Fate::Sent(..)));
        self.again +=
            usize::from(order.key.as_ref().is_some_and(|key| !self.seen.insert(hash(key))));
        let group = self.groups.entry((order.day.clone(), order.goal.clone())).or_default();
        group.orders += 1;
        group.money.add(order.money);
        group.differing += usize::from(compared.differs.is_some());
        let (count, what, reason) = match &compared.fate {
            Fate::Sent(why, _) => (&mut group.sent, "sent", why.as_str()),
            Fate::Waiting(why, _) => (&mut group.waiting, "waiting", why.as_str()),
            Fate::Refused(why, _) => (&mut group.refused, "refused", why.as_str()),
            Fate::Ignored(why) => (&mut group.ignored, "ignored", why.as_str()),
            Fate::Rejected(why) => (&mut group.missing, "missing", why.as_str()),
            Fate::Missing => (&mut group.missing, "missing", ""),
        };
        *count += 1;
        *self.why.entry((what, reason.to_owned())).or_default() += 1;
        self.wrong += usize::from(!compared.is_right());
        if !compared.is_right() && (self.lists_all || self.listed.len() < LISTED) {
            self.listed.push(Listed::of(&compared, what));
        }
    }

    /// Of a hundred orders, how many are accounted for.
    pub fn accuracy(&self) -> f64 {
        self.percent(self.right)
    }

    fn percent(&self, orders: usize) -> f64 {
        100.0 * orders as f64 / self.orders.max(1) as f64
    }

    /// Shows everything.
    pub fn show(&self, options: &ReconcileOptions, screen: &Screen) {
        if screen.json(&self.answer()) {
            return;
        }
        let mut table = Table::new([
            "day", "goal", "orders", "value", "sent", "waiting", "refused", "ignored", "missing",
            "differ",
        ])
        .right(&[2, 3, 4, 5, 6, 7, 8, 9]);
        for ((day, goal), group) in &self.groups {
            table.row(group.cells(day, goal));
        }
        screen.say(&table);
        for ((what, reason), count) in self.why.iter().filter(|((_, reason), _)| !reason.is_empty())
        {
            screen.say(format!("{count} {what}: {reason}"));
        }
        self.list(screen);
        if self.again > 0 {
            screen.say(format!("{} orders are listed again, and summed again", self.again));
        }
        let (accuracy, wanted) = (self.accuracy(), options.accuracy);
        let (orders, sent) = (self.orders, self.percent(self.sent));
        screen.say(format!(
            "{accuracy:.2} % of {orders} orders are accounted for ({wanted} % are wanted), \
             {sent:.2} % are sent"
        ));
    }

    fn list(&self, screen: &Screen) {
        for listed in &self.listed {
            let Listed { line, id, value, what } = listed;
            screen.say(format!("line {line}, {id} {value}: {what}"));
        }
        if self.wrong > LISTED {
            screen.say(format!("and {} more; --json lists all", self.wrong - LISTED));
        }
    }

    fn answer(&self) -> Answer<'_> {
        let days = self.groups.iter().map(|((day, goal), group)| Day { day, goal, group });
        let why =
            self.why.iter().map(|((what, reason), orders)| Why { what, reason, orders: *orders });
        Answer {
            orders: self.orders,
            again: self.again,
            accuracy: self.accuracy(),
            sent: self.percent(self.sent),
            days: days.collect(),
            why: why.collect(),
            wrong: &self.listed,
        }
    }
}

fn hash(key: &RowKey) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

impl Listed {
    fn of(compared: &Compared<'_>, what: &str) -> Self {
        let order = compared.order;
        let what = match (&compared.differs, &compared.fate) {
            (Some(here), _) => format!("{here} here"),
            (None, Fate::Rejected(code)) => format!("{what}: {code}"),
            (None, _) => what.to_owned(),
        };
        Listed {
            line: order.line,
            id: order.key.as_ref().map(|key| key.label()).unwrap_or_default(),
            value: order.money.map(|money| money.to_string()).unwrap_or_default(),
            what,
        }
    }
}
