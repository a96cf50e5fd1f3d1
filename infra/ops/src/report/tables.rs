//! The tables of a report.

use std::cmp::Reverse;

use super::captured::Captured;
use super::figures::{Figures, GoalKey, Ledger};
use super::microsoft::{Counted, LeftOut, Rows};
use super::period::{Day, Period};
use super::reasons::plain;
use super::table::{Cell, Table};

/// Everything that a report says.
pub struct Findings {
    /// Its days.
    pub period: Period,
    /// What the ledger says.
    pub ledger: Ledger,
    /// What the clicks say; nothing where they are deleted already.
    pub captured: Option<Captured>,
    /// What Microsoft says.
    pub counted: Counted,
    /// Whether goals are told apart by their accounts.
    pub has_accounts: bool,
}

/// The columns of money; those of days have a day before them.
const MONEY: [&str; 15] = [
    "Day",
    "Goal",
    "Currency",
    "Sales",
    "Sales sent",
    "Sales waiting",
    "Sales refused",
    "Ordered",
    "Sent",
    "Waiting",
    "Refused",
    "Corrected",
    "At Microsoft",
    "Rows received",
    "Rows counted",
];

impl Findings {
    /// All tables, in the order of the page.
    pub fn tables(&self) -> [Table; 7] {
        let [open, refused] = [self.open(), self.refused()];
        [self.goals(), self.funnel(), open, refused, self.microsoft(), self.left_out(), self.days()]
    }

    fn goals(&self) -> Table {
        let row = |(key, figures): (&GoalKey, Figures)| {
            let account = key.account.to_string();
            let rows = self.counted.goals.get(&(account, key.goal.clone())).copied();
            self.money_row(key, &figures, rows.filter(|_| self.has_one_currency(key)))
        };
        Table {
            id: "goals",
            title: "Money by goal",
            caption: "Sales of the period by goal and currency. Ordered is what the sales were worth \
                      when they were made: the sum of sent, waiting and refused. Corrected is what \
                      refunds and other corrections have changed since, At Microsoft what Microsoft \
                      was last told. Rows are sales and corrections that Microsoft received in the \
                      last seven days; its report knows no money and no currencies."
                .to_owned(),
            head: &MONEY[1..],
            rows: self.ledger.goals().into_iter().map(row).collect(),
        }
    }

    fn days(&self) -> Table {
        let row = |((day, key), figures): (&(Day, GoalKey), &Figures)| {
            let rows = self.counted.day(key.account.as_str(), &key.goal, *day);
            let mut cells = vec![Cell::text(day.to_string())];
            let rows = rows.filter(|_| self.has_one_currency(key));
            cells.extend(self.money_row(key, figures, rows));
            cells
        };
        Table {
            id: "days",
            title: "Money by day",
            caption:
                "The same by the day of the sale, in UTC. Rows are those that Microsoft received \
                      on that day."
                    .to_owned(),
            head: &MONEY,
            rows: self.ledger.days.iter().map(row).collect(),
        }
    }

    fn money_row(&self, key: &GoalKey, figures: &Figures, rows: Option<Rows>) -> Vec<Cell> {
        let money = |amount| Cell::money(amount, key.currency);
        vec![
            Cell::text(self.goal(key.account.as_str(), &key.goal)),
            Cell::text(key.currency.unwrap_or("–")),
            Cell::number(figures.ordered.sales),
            Cell::number(figures.sent.sales),
            Cell::number(figures.waiting.sales),
            Cell::number(figures.refused.sales),
            money(figures.ordered.money),
            money(figures.sent.money),
            money(figures.waiting.money),
            money(figures.refused.money),
            money(figures.corrected),
            money(figures.at_microsoft),
            Cell::number_or_unknown(rows.map(Rows::all)),
            Cell::number_or_unknown(rows.map(|rows| rows.counted)),
        ]
    }

    fn goal(&self, account: &str, goal: &str) -> String {
        if self.has_accounts { format!("{account}: {goal}") } else { goal.to_owned() }
    }

    /// Microsoft's report can't tell the currencies of a goal apart.
    fn has_one_currency(&self, key: &GoalKey) -> bool {
        let is_other = |it: &&GoalKey| {
            (&it.account, &it.goal) == (&key.account, &key.goal) && it.currency != key.currency
        };
        !self.ledger.days.keys().any(|(_, it)| is_other(&it))
    }

    /// The steps from a click to a conversion that counts, each with its number if it is known.
    pub fn steps(&self) -> [(&'static str, Option<u64>, String); 6] {
        let total = self.ledger.total();
        let clicks = self.captured.map(|captured| captured.clicks);
        let links = self.captured.map(|captured| captured.links);
        let note = |text: &str| text.to_owned();
        let (counted, counts) = self.counted_step();
        [
            ("Clicks captured", clicks, note("landings on the website with Microsoft's click id")),
            (
                "Clicks linked",
                links,
                note("links from a visitor's clicks to a lead, cart or order"),
            ),
            ("Sales reported", Some(total.ordered.sales), note("by the shop or the CRM")),
            ("Sales recognised", Some(total.recognised), note("their click or person is known")),
            ("Sales sent", Some(total.sent.sales), note("Microsoft has taken them")),
            ("Rows counted", counted, counts),
        ]
    }

    fn counted_step(&self) -> (Option<u64>, String) {
        let of_period = self.counted.goals.keys().map(|(account, goal)| {
            self.counted.period(account, goal, self.period).map(|rows| rows.counted)
        });
        let of_period: Option<u64> = of_period.sum();
        let known = self.counted.total();
        let note = match known {
            Some(rows) => format!(
                "of {} rows – sales and corrections – that Microsoft received in the last seven \
                 days it counts {}",
                rows.all(),
                rows.counted
            ),
            None => "Microsoft's report could not be had".to_owned(),
        };
        (of_period.filter(|_| known.is_some()), note)
    }

    fn funnel(&self) -> Table {
        let row = |(step, number, note): (&str, Option<u64>, String)| {
            vec![Cell::text(step), Cell::number_or_unknown(number), Cell::text(note)]
        };
        Table {
            id: "funnel",
            title: "The same in numbers",
            caption:
                "How many are left at each step. Most buyers have clicked no ad: their sales are \
                      reported, but never recognised."
                    .to_owned(),
            head: &["Step", "Number", "What it counts"],
            rows: self.steps().into_iter().map(row).collect(),
        }
    }

    fn open(&self) -> Table {
        Table {
            id: "open",
            title: "What is open",
            caption:
                "What is on its way or waits, by reason. It needs nobody, unless its cure says \
                      so. The money of a correction is by how much Microsoft's value is wrong."
                    .to_owned(),
            head: &["What", "Reason", "Number", "Money", "Currency", "Oldest", "Why", "Cure"],
            rows: self.reasons(false),
        }
    }

    fn refused(&self) -> Table {
        Table {
            id: "refused",
            title: "What is refused, and what would cure it",
            caption: "None of this reaches Microsoft by itself.".to_owned(),
            head: &[
                "What", "Reason", "Number", "Money", "Currency", "Oldest", "Why", "Cure",
                "Examples",
            ],
            rows: self.reasons(true),
        }
    }

    fn reasons(&self, is_refused: bool) -> Vec<Vec<Cell>> {
        let all = self.ledger.reasons.of(is_refused).into_iter();
        let rows = all.map(|(key, figures)| {
            let mut cells = vec![
                Cell::text(key.what.as_str()),
                Cell::text(key.reason.clone()),
                Cell::number(figures.number),
                Cell::money(figures.money, key.currency),
                Cell::text(key.currency.unwrap_or("–")),
                Cell::text(Day::of(figures.oldest).to_string()),
                Cell::text(figures.meaning.clone()),
                Cell::text(figures.cure.clone()),
            ];
            let examples = is_refused.then(|| Cell::text(figures.examples.join(", ")));
            cells.extend(examples);
            cells
        });
        rows.collect()
    }

    fn microsoft(&self) -> Table {
        let row = |((account, goal), rows): (&(String, String), &Rows)| {
            vec![
                Cell::text(self.goal(account, goal)),
                Cell::number(rows.all()),
                Cell::number(rows.counted),
                Cell::number(rows.left_out),
            ]
        };
        let caption = "Rows – sales and corrections – that Microsoft received in the last seven days, \
                       whatever the days of this report, and how many of them it counts.";
        let problems: Vec<String> =
            self.counted.problems.iter().map(|problem| format!(" Unknown: {problem}.")).collect();
        Table {
            id: "microsoft",
            title: "What Microsoft counts",
            caption: format!("{caption}{}", problems.concat()),
            head: &["Goal", "Rows received", "Rows counted", "Rows left out"],
            rows: self.counted.goals.iter().map(row).collect(),
        }
    }

    fn left_out(&self) -> Table {
        let mut left_out: Vec<&LeftOut> = self.counted.left_out.iter().collect();
        left_out.sort_by_key(|it| (&it.goal, Reverse(it.rows), &it.reason));
        let row = |it: &LeftOut| {
            vec![
                Cell::text(self.goal(&it.goal.0, &it.goal.1)),
                Cell::text(it.reason.clone()),
                Cell::number(it.rows),
                Cell::text(plain(it.cause)),
                Cell::text(plain(it.cure)),
            ]
        };
        Table {
            id: "left-out",
            title: "Why Microsoft leaves rows out",
            caption: "In Microsoft's words, with what helps.".to_owned(),
            head: &["Goal", "Reason", "Rows", "Why", "Cure"],
            rows: left_out.into_iter().map(row).collect(),
        }
    }
}
