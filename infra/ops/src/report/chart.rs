//! Where the parts of a chart lie. The numbers of a chart are those of a table beside it.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::figures::Figures;
use super::period::{Day, Period};
use super::table::shown;
use crate::goals::Counted;

/// Bars that can be told apart.
const MOST_BARS: usize = 45;
/// Labels below them that don't touch.
const MOST_LABELS: usize = 6;
/// The size of the place for bars.
const WIDTH: f64 = 660.0;
/// See above.
const HEIGHT: f64 = 180.0;

/// Bars by day.
#[derive(Debug)]
pub struct Bars {
    /// What it shows.
    pub title: String,
    /// The classes of its colours, and what they stand for.
    pub legend: &'static [(&'static str, &'static str)],
    /// The same in words, for who can't see it.
    pub description: String,
    /// One for each day, or for several days.
    pub bars: Vec<Bar>,
    /// Lines across it.
    pub ticks: Vec<Tick>,
}

/// One bar.
#[derive(Debug)]
pub struct Bar {
    /// From the left.
    pub x: String,
    /// Its width.
    pub width: String,
    /// Its days and sums in words.
    pub title: String,
    /// Its middle, and the day below it, where there is room.
    pub label: Option<(String, String)>,
    /// From below.
    pub parts: Vec<Part>,
}

/// A part of a bar.
#[derive(Debug)]
pub struct Part {
    /// Its colour: `sent`, `waiting` or `refused`.
    pub class: &'static str,
    /// From above.
    pub y: String,
    /// Its height.
    pub height: String,
}

/// A line across a chart.
#[derive(Debug)]
pub struct Tick {
    /// From above.
    pub y: String,
    /// What it stands for.
    pub label: String,
}

/// What some days amount to.
struct Stack {
    /// From below: the class of the colour, and the size.
    parts: Vec<(&'static str, f64)>,
    /// The same in words.
    words: String,
}

impl Bars {
    /// Money of these days in one currency.
    pub fn money(currency: &str, period: Period, figures: &dyn Fn(Day) -> Figures) -> Self {
        let stack = |days: &[Day]| {
            let mut sum = Figures::default();
            days.iter().for_each(|day| sum += &figures(*day));
            let parts = [("sent", sum.sent), ("waiting", sum.waiting), ("refused", sum.refused)];
            let money = |amount| format!("{} {currency}", shown(amount));
            let words = parts.map(|(word, sum)| format!(", {word} {}", money(sum.money)));
            Stack {
                words: format!("ordered {}{}", money(sum.ordered.money), words.concat()),
                parts: parts.iter().map(|(class, sum)| (*class, float(sum.money))).collect(),
            }
        };
        let legend = &[("sent", "sent"), ("waiting", "waiting"), ("refused", "refused")];
        Bars::new(&format!("{currency} by {{}} of the sale"), legend, period, &stack)
    }

    /// Rows of all goals that Microsoft accepted on these days.
    pub fn rows(counted: &Counted, period: Period) -> Self {
        let stack = |days: &[Day]| {
            let rows = counted.all(days);
            let words = match rows.days {
                0 => "unknown".to_owned(),
                _ => format!("{} counted, {} not", rows.counted, rows.left_out),
            };
            let parts = vec![("sent", rows.counted as f64), ("refused", rows.left_out as f64)];
            Stack { parts, words }
        };
        let legend = &[("sent", "counted"), ("refused", "not counted")];
        Bars::new("Rows by {} of their acceptance", legend, period, &stack)
    }

    fn new(
        title: &str, legend: &'static [(&'static str, &'static str)], period: Period,
        stack: &dyn Fn(&[Day]) -> Stack,
    ) -> Self {
        let days: Vec<Day> = period.days().collect();
        let step = days.len().div_ceil(MOST_BARS).max(1);
        let stacks: Vec<(&[Day], Stack)> =
            days.chunks(step).map(|days| (days, stack(days))).collect();
        let most = stacks.iter().map(|(_, stack)| stack.size()).fold(0.0, f64::max);
        let slot = WIDTH / stacks.len() as f64;
        let every = stacks.len().div_ceil(MOST_LABELS);
        let bar = |(position, (days, stack)): (usize, &(&[Day], Stack))| {
            let x = position as f64 * slot;
            let label =
                position.is_multiple_of(every).then(|| (number(x + slot / 2.0), short(days[0])));
            Bar {
                x: number(x + slot * 0.15),
                width: number(slot * 0.7),
                title: words(days, stack),
                label,
                parts: stack.parts(ceiling(most)),
            }
        };
        let each = if step == 1 { "day".to_owned() } else { format!("{step} days") };
        Bars {
            title: title.replace("{}", &each),
            legend,
            description: description(&stacks),
            bars: stacks.iter().enumerate().map(bar).collect(),
            ticks: (0..=4).map(|quarter| tick(ceiling(most), quarter)).collect(),
        }
    }
}

impl Stack {
    fn size(&self) -> f64 {
        self.parts.iter().map(|(_, size)| size).sum()
    }

    fn parts(&self, top: f64) -> Vec<Part> {
        let mut below = 0.0;
        let mut parts = Vec::new();
        for (class, size) in &self.parts {
            let height = size / top * HEIGHT;
            if height > 0.0 {
                below += height;
                parts.push(Part { class, y: number(HEIGHT - below), height: number(height) });
            }
        }
        parts
    }
}

fn words(days: &[Day], stack: &Stack) -> String {
    let (first, last) = (days[0], days[days.len() - 1]);
    let days = if first == last { first.to_string() } else { format!("{first} to {last}") };
    format!("{days}: {}", stack.words)
}

fn description(stacks: &[(&[Day], Stack)]) -> String {
    let best = stacks.iter().max_by(|(_, a), (_, b)| a.size().total_cmp(&b.size()));
    let best = best.filter(|(_, stack)| stack.size() > 0.0);
    best.map_or_else(
        || "Nothing is shown.".to_owned(),
        |(days, stack)| format!("The most is on {}.", words(days, stack)),
    )
}

fn tick(top: f64, quarter: u32) -> Tick {
    let share = f64::from(quarter) / 4.0;
    let value = top * share;
    let label = match value {
        0.0 => "0".to_owned(),
        value if value >= 1e6 => format!("{} M", number(value / 1e6)),
        value if value >= 1e4 => format!("{} k", number(value / 1e3)),
        value => number(value),
    };
    Tick { y: number(HEIGHT - HEIGHT * share), label }
}

/// The next round number that four lines divide.
fn ceiling(most: f64) -> f64 {
    if most <= 0.0 {
        return 4.0;
    }
    let power = 10_f64.powf(most.log10().floor());
    let steps = [1.0, 1.2, 1.6, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0];
    let fits = steps.iter().map(|step| step * power).find(|top| *top >= most);
    fits.unwrap_or(10.0 * power)
}

/// At most two decimals, none where they are zero.
fn number(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn short(day: Day) -> String {
    day.to_string().get(5..).unwrap_or_default().to_owned()
}

fn float(amount: Decimal) -> f64 {
    amount.to_f64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_fill_their_place_and_never_leave_it() {
        let from = Day::parse("2026-01-01").expect("a day");
        let figures = |day: Day| {
            let mut figures = Figures::default();
            if day == from {
                (figures.sent.money, figures.refused.money) =
                    (Decimal::new(60, 0), Decimal::new(30, 0));
            }
            figures
        };
        for days in [1, 7, 30, 45, 46, 400] {
            let bars = Bars::money("EUR", Period { from, to: from.plus(days - 1) }, &figures);
            assert!(bars.bars.len() <= MOST_BARS && !bars.bars.is_empty(), "{days}");
            assert!(bars.bars.iter().filter(|bar| bar.label.is_some()).count() <= MOST_LABELS);
            let parts = &bars.bars[0].parts;
            assert_eq!(
                parts.iter().map(|part| part.class).collect::<Vec<_>>(),
                ["sent", "refused"]
            );
            assert_eq!((&*parts[0].y, &*parts[0].height), ("72", "108"), "60 of 100");
            assert_eq!((&*parts[1].y, &*parts[1].height), ("18", "54"));
            assert_eq!(bars.ticks[4].label, "100");
        }
    }

    #[test]
    fn lines_stand_for_round_numbers() {
        for (most, top) in
            [(0.0, 4.0), (0.9, 1.0), (1.0, 1.0), (101.0, 120.0), (61_000.0, 80_000.0)]
        {
            assert!((ceiling(most) - top).abs() < 1e-9, "{most}: {}", ceiling(most));
        }
        assert_eq!(tick(80_000.0, 1).label, "20 k");
        assert_eq!(tick(1.0, 1).label, "0.25");
    }
}
