//! The page: what a template needs to know.

use askama::Template;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use tracklayer_core::time::EventTime;

use super::chart::Bars;
use super::figures::{Figures, Sum};
use super::period::Day;
use super::table::{Cell, Table, shown};
use super::tables::Findings;

/// The page of a report.
#[derive(Template)]
#[template(path = "report.html")]
pub struct Page {
    stack: String,
    from: String,
    to: String,
    made: String,
    summary: String,
    warning: Option<String>,
    currencies: Vec<Currency>,
    steps: Vec<Step>,
    rows: Bars,
    tables: [Table; 8],
}

/// One currency: its sums, and its chart.
struct Currency {
    code: &'static str,
    tiles: Vec<Tile>,
    bars: Bars,
}

/// One sum.
struct Tile {
    class: &'static str,
    title: &'static str,
    money: String,
    note: String,
}

/// One step of the funnel.
struct Step {
    title: &'static str,
    shown: String,
    note: String,
    /// Of a hundred; none where the number is unknown.
    width: Option<String>,
    y: usize,
}

impl Page {
    /// The page of these findings.
    pub fn new(stack: &str, findings: &Findings, tables: [Table; 8], now: EventTime) -> Self {
        let currencies = findings.ledger.currencies().into_iter();
        let currencies = currencies.filter_map(|(code, sum)| {
            let code = code?;
            let bars = Bars::money(code, findings.period, &|day| of_day(findings, code, day));
            Some(Currency { code, tiles: tiles(&sum), bars })
        });
        Page {
            stack: stack.to_owned(),
            from: findings.period.from.to_string(),
            to: findings.period.to.to_string(),
            made: now.to_string().replace('T', " ").replace('Z', " UTC"),
            summary: summary(&findings.ledger.total()),
            warning: warning(findings.ledger.unreadable),
            currencies: currencies.collect(),
            steps: steps(findings),
            rows: Bars::rows(&findings.counted, findings.period),
            tables,
        }
    }

    fn table(&self, id: &str) -> &Table {
        self.tables.iter().find(|table| table.id == id).unwrap_or(&self.tables[0])
    }
}

fn of_day(findings: &Findings, currency: &str, day: Day) -> Figures {
    let mut sum = Figures::default();
    for ((of, key), figures) in &findings.ledger.days {
        if *of == day && key.currency == Some(currency) {
            sum += figures;
        }
    }
    sum
}

fn summary(total: &Figures) -> String {
    let (sales, sent) = (total.ordered.sales, total.sent.sales);
    if sales == 0 {
        return "No sale was reported in these days.".to_owned();
    }
    let share = percent(Decimal::from(sent), Decimal::from(sales));
    let (waiting, refused) = (total.waiting.sales, total.refused.sales);
    format!(
        "Of {sales} sales, {sent} ({share}) have reached Microsoft, {waiting} wait and {refused} are \
         refused."
    )
}

fn warning(unreadable: u64) -> Option<String> {
    let text = format!("{unreadable} rows of the ledger could not be read: they are in no figure.");
    (unreadable > 0).then_some(text)
}

fn percent(part: Decimal, whole: Decimal) -> String {
    if whole.is_zero() {
        return "–".to_owned();
    }
    let share = (part / whole).to_f64().unwrap_or_default();
    format!("{:.1} %", share * 100.0)
}

fn tiles(sum: &Figures) -> Vec<Tile> {
    let tile = |class, title, money, note| Tile { class, title, money: shown(money), note };
    let sales =
        |sales: u64| if sales == 1 { "1 sale".to_owned() } else { format!("{sales} sales") };
    let share = |part: Sum| {
        let share = percent(part.money, sum.ordered.money);
        format!("{}, {share} of the money", sales(part.sales))
    };
    vec![
        tile("ordered", "Ordered", sum.ordered.money, sales(sum.ordered.sales)),
        tile("sent", "Sent", sum.sent.money, share(sum.sent)),
        tile("waiting", "Waiting", sum.waiting.money, share(sum.waiting)),
        tile("refused", "Refused", sum.refused.money, share(sum.refused)),
        tile("corrected", "Corrected", sum.corrected, "by refunds and new values".to_owned()),
        tile("told", "At Microsoft", sum.at_microsoft, "as it was last told".to_owned()),
    ]
}

fn steps(findings: &Findings) -> Vec<Step> {
    let steps = findings.steps();
    let most = steps.iter().filter_map(|(_, number, _)| *number).max().unwrap_or(0).max(1);
    let step = |(position, (title, number, note)): (usize, (&'static str, Option<u64>, String))| {
        let width = number.map(|number| format!("{:.2}", number as f64 * 100.0 / most as f64));
        let shown = Cell::number_or_unknown(number).shown;
        Step { title, shown, note, width, y: position * 24 }
    };
    steps.into_iter().enumerate().map(step).collect()
}
