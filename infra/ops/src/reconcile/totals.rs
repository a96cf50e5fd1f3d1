//! Orders by day and goal, and what is shown.

use std::collections::BTreeMap;

use serde::Serialize;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::reconcile::state;
use tracklayer_core::reconcile::state::State;
use tracklayer_core::time::TextTime;

use super::compare::{Compared, Fate};
use super::orders::day;
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
    /// Sales that Microsoft has, or gets, and the file lacks.
    not_in_file: usize,
}

impl Group {
    fn cells(&self, day: &str, goal: &str) -> [String; 11] {
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
            self.not_in_file.to_string(),
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
    /// Orders that were listed before.
    again: usize,
    extra: Extra,
    /// The first of these; in JSON all of them.
    extras: Vec<ExtraSale>,
}

/// Sales that Microsoft has, or gets by itself, and the file lacks.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Extra {
    sales: usize,
    /// What they were worth when they were made.
    money: Sums,
    /// What Microsoft has of it.
    at_microsoft: Sums,
}

/// One of them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExtraSale {
    id: String,
    occurred_at: TextTime,
    value: String,
    /// `sent` or `waiting`.
    what: &'static str,
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
    #[serde(rename = "notInFile")]
    extra: &'a Extra,
    #[serde(rename = "notInFileSales")]
    extras: &'a [ExtraSale],
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

    /// Counts an order, and whether it was not listed before.
    pub fn add(&mut self, compared: Compared<'_>, is_first: bool) {
        let order = compared.order;
        self.orders += 1;
        self.right += usize::from(compared.is_right());
        self.sent += usize::from(matches!(compared.fate, Fate::Sent(..)));
        self.again += usize::from(!is_first);
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

    /// Counts a sale that the file lacks, unless Microsoft neither has nor gets it.
    pub fn add_extra(&mut self, row: &Row) {
        let what = match Fate::of(row) {
            Fate::Waiting(..) => "waiting",
            // What was taken back counts no more.
            Fate::Sent(..) if state::state(row).0 != State::Retracted => "sent",
            _ => return,
        };
        let at = row.facts.occurred_at;
        self.extra.sales += 1;
        self.extra.money.add(row.facts.money);
        self.extra.at_microsoft.add(state::value_at_microsoft(row));
        self.groups.entry((day(at), row.facts.goal.to_string())).or_default().not_in_file += 1;
        if self.lists_all || self.extras.len() < LISTED {
            let (id, occurred_at) = (row.key.label(), at.into());
            let value = row.facts.money.map(|money| money.to_string()).unwrap_or_default();
            self.extras.push(ExtraSale { id, occurred_at, value, what });
        }
    }

    /// Of a hundred orders, how many are accounted for. A sale that the file lacks is one that isn't.
    pub fn accuracy(&self) -> f64 {
        percent(self.right, self.orders + self.extra.sales)
    }

    /// Shows everything.
    pub fn show(&self, options: &ReconcileOptions, screen: &Screen) {
        if screen.json(&self.answer()) {
            return;
        }
        let mut table = Table::new([
            "day",
            "goal",
            "orders",
            "value",
            "sent",
            "waiting",
            "refused",
            "ignored",
            "missing",
            "differ",
            "not in file",
        ])
        .right(&[2, 3, 4, 5, 6, 7, 8, 9, 10]);
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
        self.show_extra(screen);
        let (orders, sent) = (self.orders, percent(self.sent, self.orders));
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

    fn show_extra(&self, screen: &Screen) {
        let Extra { sales, money, at_microsoft } = &self.extra;
        if *sales == 0 {
            return;
        }
        for ExtraSale { id, occurred_at, value, what } in &self.extras {
            screen.say(format!("not in the file: {id} {value}, {occurred_at}: {what}"));
        }
        if *sales > LISTED {
            screen.say(format!("and {} more; --json lists all", sales - LISTED));
        }
        screen.say(format!(
            "{sales} sales are not in the file, worth {money}; at Microsoft: {at_microsoft}. They count \
             as orders that are not accounted for, unless the file is a --part"
        ));
    }

    fn answer(&self) -> Answer<'_> {
        let days = self.groups.iter().map(|((day, goal), group)| Day { day, goal, group });
        let why =
            self.why.iter().map(|((what, reason), orders)| Why { what, reason, orders: *orders });
        Answer {
            orders: self.orders,
            again: self.again,
            accuracy: self.accuracy(),
            sent: percent(self.sent, self.orders),
            extra: &self.extra,
            extras: &self.extras,
            days: days.collect(),
            why: why.collect(),
            wrong: &self.listed,
        }
    }
}

fn percent(part: usize, all: usize) -> f64 {
    100.0 * part as f64 / all.max(1) as f64
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
