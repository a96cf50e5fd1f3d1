//! A table of a report, as people see it and as a file has it.

use std::path::Path;

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use crate::failure::Failure;

/// What nobody knows is not nothing.
pub const UNKNOWN: &str = "unknown";

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// For people.
    pub shown: String,
    /// For programs: numbers without groups; empty where there is none.
    plain: String,
    /// Whether it is a number, which stands at the right.
    pub is_number: bool,
}

impl Cell {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        let shown = text.into();
        Cell { plain: shown.clone(), shown, is_number: false }
    }

    /// A number.
    pub fn number(number: u64) -> Self {
        Cell { shown: grouped(&number.to_string()), plain: number.to_string(), is_number: true }
    }

    /// An amount, of a currency or of none.
    pub fn money(amount: Decimal, currency: Option<&str>) -> Self {
        match currency {
            Some(_) => {
                let plain = amount.normalize().to_string();
                Cell { shown: shown(amount), plain, is_number: true }
            }
            None => Cell { shown: "–".to_owned(), plain: String::new(), is_number: true },
        }
    }

    /// A number that nobody may know.
    pub fn number_or_unknown(number: Option<u64>) -> Self {
        let unknown = || Cell { is_number: true, ..Cell::text(UNKNOWN) };
        number.map_or_else(unknown, Cell::number)
    }

    /// Whether nobody knows it.
    pub fn is_unknown(&self) -> bool {
        self.shown == UNKNOWN
    }

    /// What a file has. A program for tables takes what begins like this for a formula.
    fn written(&self) -> String {
        let is_formula = !self.is_number && self.plain.starts_with(['=', '+', '-', '@', '\t']);
        if is_formula { format!("'{}", self.plain) } else { self.plain.clone() }
    }
}

/// An amount with groups of three digits and at least two decimals.
pub fn shown(amount: Decimal) -> String {
    let amount = amount.normalize();
    let text = format!("{:.*}", amount.scale().max(2) as usize, amount.abs());
    let sign = if amount.is_sign_negative() && !amount.is_zero() { "−" } else { "" };
    format!("{sign}{}", grouped(&text))
}

/// `1234567.89` as `1,234,567.89`.
fn grouped(number: &str) -> String {
    let (whole, rest) = number.split_at(number.find('.').unwrap_or(number.len()));
    let mut text = String::new();
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + rest
}

/// A table.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Its name: that of its file, and its place in the page.
    pub id: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// What its figures mean.
    pub caption: String,
    /// The titles of its columns.
    pub head: &'static [&'static str],
    /// Its rows.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// The titles of its columns, and whether numbers stand in them.
    pub fn columns(&self) -> impl Iterator<Item = (&str, bool)> {
        let first = self.rows.first();
        let is_number =
            move |column: usize| first.is_some_and(|row: &Vec<Cell>| row[column].is_number);
        self.head.iter().enumerate().map(move |(column, title)| (*title, is_number(column)))
    }

    /// Writes it as a CSV file into a folder.
    pub fn write(&self, folder: &Path) -> Result<(), Failure> {
        let path = folder.join(self.id).with_extension("csv");
        self.write_to(&path).map_err(|error| unwritten(&path, &error))
    }

    fn write_to(&self, path: &Path) -> Result<(), csv::Error> {
        let mut file = csv::Writer::from_path(path)?;
        file.write_record(self.head)?;
        for row in &self.rows {
            file.write_record(row.iter().map(Cell::written))?;
        }
        Ok(file.flush()?)
    }

    /// Its rows as objects.
    pub fn json(&self) -> Value {
        let row = |row: &Vec<Cell>| {
            let cells = self.head.iter().zip(row);
            let members =
                cells.map(|(title, cell)| ((*title).to_owned(), cell.plain.clone().into()));
            Value::Object(members.collect::<Map<_, _>>())
        };
        self.rows.iter().map(row).collect()
    }
}

/// A file that can't be written.
pub fn unwritten(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    let help = "Name a place where this program may write, with --out or --csv.";
    Failure::input("not_written", format!("{}: {error}", path.display()), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_grouped_with_two_decimals_at_least() {
        let of = |text: &str| shown(text.parse().expect("a number"));
        let all = ["0", "5.5", "1234567.125", "-1000", "-0.00", "999"].map(of);
        assert_eq!(all, ["0.00", "5.50", "1,234,567.125", "−1,000.00", "0.00", "999.00"]);
        assert_eq!(Cell::number(1_000).shown, "1,000");
    }

    #[test]
    fn a_file_has_plain_numbers_and_no_formulas() {
        let folder = tempfile::tempdir().expect("a folder");
        let row = vec![
            Cell::text("=1+1"),
            Cell::money(Decimal::new(-123_450, 2), Some("EUR")),
            Cell::money(Decimal::ONE, None),
            Cell::number_or_unknown(None),
        ];
        let table =
            Table { id: "t", head: &["a", "b", "c", "d"], rows: vec![row], ..Table::default() };
        table.write(folder.path()).expect("written");
        let text = std::fs::read_to_string(folder.path().join("t.csv")).expect("a file");
        assert_eq!(text, "a,b,c,d\n'=1+1,-1234.5,,unknown\n");
        let numbers: Vec<bool> = table.columns().map(|(_, is_number)| is_number).collect();
        assert_eq!(numbers, [false, true, true, true]);
    }
}
