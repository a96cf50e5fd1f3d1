//! The tables of a report.

use std::cmp::Reverse;

use tracklayer_core::microsoft::report::explain;

use super::captured::Captured;
use super::figures::{Figures, GoalKey, Ledger};
use super::period::{Day, Period};
use super::reasons::plain;
use super::table::{Cell, Table};
use crate::goals::{Counted, Goal, Rows};

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
    pub fn tables(&self) -> [Table; 8] {
        let [open, refused] = [self.open(), self.refused()];
        [
            self.goals(),
            self.funnel(),
            open,
            refused,
            self.microsoft(),
            self.left_out(),
            self.days(),
            self.counted_days(),
        ]
    }

    fn goals(&self) -> Table {
        let row = |(key, figures): (&GoalKey, Figures)| {
            let rows = self.counted.period(&goal_of(key), self.period);
            self.money_row(key, &figures, rows.filter(|_| self.has_one_currency(key)))
        };
        Table {
            id: "goals",
            title: "Money by goal",
            caption: "Sales of the period by goal and currency. Ordered is what the sales were worth \
                      when they were made: the sum of sent, waiting and refused. Corrected is what \
                      refunds and other corrections have changed since, At Microsoft what Microsoft \
                      was last told. Rows are sales and corrections that Microsoft accepted in these \
                      days; its report knows no money and no currencies, and is unknown where one of \
                      the days is."
                .to_owned(),
            head: &MONEY[1..],
            rows: self.ledger.goals().into_iter().map(row).collect(),
        }
    }

    fn days(&self) -> Table {
        let row = |((day, key), figures): (&(Day, GoalKey), &Figures)| {
            let rows = self.counted.day(&goal_of(key), *day);
            let mut cells = vec![Cell::text(day.to_string())];
            let rows = rows.filter(|_| self.has_one_currency(key));
            cells.extend(self.money_row(key, figures, rows));
            cells
        };
        Table {
            id: "days",
            title: "Money by day",
            caption:
                "The same by the day of the sale, in UTC. Rows are those that Microsoft accepted \
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
            Cell::number_or_unknown(rows.as_ref().map(Rows::all)),
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
            (
                "Rows counted",
                self.rows_counted(),
                note("sales and corrections of these days that Microsoft counts"),
            ),
        ]
    }

    /// Unknown if nothing is known, or one day of one goal isn't.
    fn rows_counted(&self) -> Option<u64> {
        let mut of_goals =
            self.counted.goals.keys().map(|goal| self.counted.period(goal, self.period));
        let first = of_goals.next()??.counted;
        of_goals.try_fold(first, |sum, rows| Some(sum + rows?.counted))
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
        let days = self.period.days().count();
        let row = |goal: &Goal| {
            let rows = self.counted.known(goal);
            vec![
                Cell::text(self.goal(goal.0.as_str(), &goal.1)),
                Cell::text(format!("{} of {days}", rows.days)),
                Cell::number(rows.all()),
                Cell::number(rows.counted),
                Cell::number(rows.left_out),
            ]
        };
        let caption = "Rows – sales and corrections – that Microsoft accepted on the days whose report \
                       is known, and how many of them it counts. Its report is kept from the first \
                       check of the goals on.";
        let problems: Vec<String> = self
            .counted
            .problems
            .iter()
            .map(|problem| format!(" Microsoft was not asked anew: {problem}."))
            .collect();
        Table {
            id: "microsoft",
            title: "What Microsoft counts",
            caption: format!("{caption}{}", problems.concat()),
            head: &["Goal", "Days known", "Rows received", "Rows counted", "Rows left out"],
            rows: self.counted.goals.keys().map(row).collect(),
        }
    }

    fn counted_days(&self) -> Table {
        let row = |goal: &Goal, day: Day| {
            let rows = self.counted.day(goal, day)?;
            let reasons = rows.reasons.iter().map(|(reason, rows)| format!("{rows} {reason}"));
            Some(vec![
                Cell::text(day.to_string()),
                Cell::text(self.goal(goal.0.as_str(), &goal.1)),
                Cell::number(rows.all()),
                Cell::number(rows.counted),
                Cell::number(rows.left_out),
                Cell::text(reasons.collect::<Vec<_>>().join(", ")),
            ])
        };
        let of_day = |day| self.counted.goals.keys().filter_map(move |goal| row(goal, day));
        Table {
            id: "counted-days",
            title: "What Microsoft counts by day",
            caption:
                "The same by the day, in UTC, on which Microsoft accepted the row. A day that is \
                      not here is unknown; Microsoft restates the last seven."
                    .to_owned(),
            head: &["Day", "Goal", "Rows received", "Rows counted", "Rows left out", "Why"],
            rows: self.period.days().flat_map(of_day).collect(),
        }
    }

    fn left_out(&self) -> Table {
        let of = |goal: &Goal| {
            let goal_name = self.goal(goal.0.as_str(), &goal.1);
            let reasons = self.counted.known(goal).reasons.into_iter().filter(|it| it.1 > 0);
            let mut reasons: Vec<(String, u64)> = reasons.collect();
            reasons.sort_by_key(|(reason, rows)| (Reverse(*rows), reason.clone()));
            reasons.into_iter().map(move |(reason, rows)| {
                let (cause, cure) = explain(&reason);
                vec![
                    Cell::text(goal_name.clone()),
                    Cell::text(reason),
                    Cell::number(rows),
                    Cell::text(plain(cause)),
                    Cell::text(plain(cure)),
                ]
            })
        };
        Table {
            id: "left-out",
            title: "Why Microsoft leaves rows out",
            caption: "In Microsoft's words, with what helps.".to_owned(),
            head: &["Goal", "Reason", "Rows", "Why", "Cure"],
            rows: self.counted.goals.keys().flat_map(of).collect(),
        }
    }
}

fn goal_of(key: &GoalKey) -> Goal {
    (key.account.clone(), key.goal.clone())
}
