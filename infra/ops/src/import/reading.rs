//! How a file is read.

use std::path::{Path, PathBuf};

use clap::Args;

use super::columns::{self, Columns, Named};
use super::numbers::Decimals;
use super::zone::Zone;
use crate::failure::Failure;

/// Which file is read, and how. Its comments are part of `--help`.
#[derive(Clone, Debug, Args)]
pub struct Reading {
    /// A CSV file whose first line names the columns
    pub file: PathBuf,

    /// A field and the column that it is in, as in value=Total; may be repeated
    #[arg(long, value_name = "FIELD=COLUMN", value_parser = columns::named)]
    pub map: Vec<Named>,

    /// A field that is the same for all rows, as in source=shop or event=purchase; may be repeated
    #[arg(long, value_name = "FIELD=TEXT", value_parser = columns::named)]
    pub set: Vec<Named>,

    /// What stands between two cells, as ";", or "tab"
    #[arg(long, value_name = "CHARACTER", default_value = ",", value_parser = delimiter)]
    pub delimiter: u8,

    /// What stands before the decimals of the file's numbers; without it, a number that can be read
    /// in two ways is rejected
    #[arg(long, value_name = "SIGN", value_enum)]
    pub decimals: Option<Decimals>,

    /// The offset of times that have none, as in +01:00
    #[arg(long, value_name = "OFFSET", value_parser = Zone::offset, allow_hyphen_values = true)]
    pub offset: Option<Zone>,

    /// The place of times that have no offset, as in Europe/Berlin; an hour that comes twice is read
    /// as the first one
    #[arg(long, value_name = "NAME", value_parser = Zone::place, conflicts_with = "offset")]
    pub time_zone: Option<Zone>,

    /// The file's refunds have no amount: each takes back the whole sale
    #[arg(long)]
    pub whole_sales: bool,
}

impl Default for Reading {
    fn default() -> Self {
        let (file, map, set, decimals, offset, time_zone) = Default::default();
        Reading { file, map, set, delimiter: b',', decimals, offset, time_zone, whole_sales: false }
    }
}

impl Reading {
    /// The zone of times that name none.
    pub fn zone(&self) -> Option<&Zone> {
        self.offset.as_ref().or(self.time_zone.as_ref())
    }

    /// Fails if the columns can hardly be meant as they were understood.
    pub fn check(&self, columns: &Columns, head: &csv::StringRecord) -> Result<(), Failure> {
        let is_filled =
            |field: &str| columns.fill(field) || self.set.iter().any(|(filled, _)| filled == field);
        let unused = columns.unused(head);
        if !is_filled("eventId") && unused.iter().any(|title| title.contains([';', '\t'])) {
            let message = "the cells are not separated by this delimiter";
            let help = "Name what separates them: --delimiter ';' or --delimiter tab.";
            return Err(Failure::input("wrong_delimiter", message, help));
        }
        if !is_filled("eventId") && !head.is_empty() {
            let help = format!("Name it with --map eventId=COLUMN. {}", columns.titles(head));
            return Err(Failure::input("no_event_id", "no column is the event's id", help));
        }
        let has_amount = is_filled("amount") || is_filled("newValue");
        if is_filled("originalEventId") && !has_amount && !unused.is_empty() && !self.whole_sales {
            let message = "no column is the amount, so every refund would be of the whole sale";
            let help = "Name it with --map amount=COLUMN or --map newValue=COLUMN; if whole sales \
                        are meant, say --whole-sales.";
            return Err(Failure::input("no_amount", message, help));
        }
        Ok(())
    }
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        _ if text == "tab" || text == "\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Ok(*byte),
        _ => Err("must be one character, or \"tab\"".to_owned()),
    }
}

/// The file as a whole can't be read.
pub fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    let message = format!("{}: {error}", path.display());
    let help = "Name a CSV file in UTF-8, whose first line names columns. Excel writes it as \"CSV \
                UTF-8\"; its other formats are not in UTF-8.";
    Failure::input("bad_file", message, help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(titles: &[&str], reading: &Reading) -> Result<(), &'static str> {
        let head = csv::StringRecord::from(titles.to_vec());
        let columns = Columns::of(&head, &reading.map, &reading.set).expect("columns");
        reading.check(&columns, &head).map_err(|failure| failure.code)
    }

    #[test]
    fn a_file_without_ids_is_refused_before_it_is_read_and_a_row_is_not_shown() {
        let refused = |titles: &[&str], map: Vec<Named>| {
            let head = csv::StringRecord::from(titles.to_vec());
            let columns = Columns::of(&head, &map, &[])?;
            Reading { map, ..Reading::default() }.check(&columns, &head)
        };
        let help = refused(&["Number", "value"], Vec::new()).map_err(|it| (it.code, it.help));
        let (code, help) = help.expect_err("no ids");
        assert!(code == "no_event_id" && help.contains("Number, value"), "{help}");
        let row = ["4711", "jane.doe@example.com"];
        let map = |column: &str| vec![("eventId".to_owned(), column.to_owned())];
        for map in [Vec::new(), map("Number")] {
            let failure = refused(&row, map).expect_err("this is no head");
            let shown = format!("{} {}", failure.message, failure.help);
            assert!(!shown.contains("jane"), "{shown}");
        }
        assert!(refused(&["Number", "Mail"], map("Number")).is_ok());
    }

    #[test]
    fn a_refund_file_without_an_amount_must_be_meant() {
        let reading = Reading::default();
        let titles = ["eventId", "originalEventId", "Refunded"];
        assert_eq!(checked(&titles, &reading), Err("no_amount"));
        assert_eq!(checked(&titles[..2], &reading), Ok(()), "nothing else could be the amount");
        let whole = Reading { whole_sales: true, ..Reading::default() };
        assert_eq!(checked(&titles, &whole), Ok(()));
        let map = vec![("amount".to_owned(), "Refunded".to_owned())];
        assert_eq!(checked(&titles, &Reading { map, ..Reading::default() }), Ok(()));
        assert_eq!(checked(&["eventId", "value", "Note"], &reading), Ok(()), "these are orders");
    }

    #[test]
    fn another_delimiter_is_noticed() {
        assert_eq!(checked(&["eventId;value"], &Reading::default()), Err("wrong_delimiter"));
        assert_eq!(checked(&["eventId\tvalue"], &Reading::default()), Err("wrong_delimiter"));
        assert_eq!(checked(&["eventId", "a;b"], &Reading::default()), Ok(()));
        assert_eq!((delimiter("tab"), delimiter(";")), (Ok(b'\t'), Ok(b';')));
        assert!(delimiter("").is_err() && delimiter(";;").is_err() && delimiter("\"").is_err());
    }
}
