//! Tables with a head and no borders, which `awk` and `cut` can read as well.

use std::fmt;

use owo_colors::OwoColorize as _;
use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Alignment, Modify, Padding, Style};

/// A table in the making.
pub struct Table {
    rows: Builder,
    right: Vec<usize>,
}

impl Table {
    /// A table with these columns.
    pub fn new<const N: usize>(head: [&str; N]) -> Self {
        let mut rows = Builder::default();
        rows.push_record(head.map(|title| title.bold().to_string()));
        Table { rows, right: Vec::new() }
    }

    /// Numbers stand at the right of these columns.
    pub fn right(mut self, columns: &[usize]) -> Self {
        self.right.extend(columns);
        self
    }

    /// One more row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push_record(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = self.rows.clone().build();
        table.with(Style::empty()).with(Padding::new(0, 2, 0, 0));
        for column in &self.right {
            table.with(Modify::new(Columns::one(*column)).with(Alignment::right()));
        }
        let lines = table.to_string();
        let lines: Vec<&str> = lines.lines().map(str::trim_end).collect();
        f.write_str(&lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_straight_whatever_is_coloured() {
        let mut table = Table::new(["state", "rows"]).right(&[1]);
        table.row(["refused".red().to_string(), "7".to_owned()]);
        table.row(["dead".to_owned(), "1234".to_owned()]);
        let plain = anstream::adapter::strip_str(&table.to_string()).to_string();
        assert_eq!(plain, "state    rows\nrefused     7\ndead     1234");
    }
}
