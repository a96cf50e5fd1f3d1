//! The rows of a file, as events in JSON.

use std::{io::Cursor, path::Path};

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::columns::{Columns, Named};
use crate::failure::Failure;

/// One row.
#[derive(Debug)]
pub struct Line {
    /// Its line in the file; the head is line 1.
    pub number: u64,
    /// The event, in JSON.
    pub event: String,
    /// How many bytes of the file it takes.
    pub bytes: u64,
}

/// The rows of a file, one after another.
pub struct Lines {
    reader: csv::Reader<Cursor<Vec<u8>>>,
    columns: Columns,
    unused: Vec<String>,
    set: Vec<Named>,
    mark: String,
    bytes: u64,
}

impl Lines {
    /// Reads the head of the file.
    pub fn open(path: &Path, map: &[Named], set: &[Named]) -> Result<Self, Failure> {
        let text = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
        let (bytes, mark) = (text.len() as u64, mark_of(&text, map, set));
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(Cursor::new(text));
        let head = reader.headers().map_err(|error| unreadable(path, &error))?;
        let columns = Columns::of(head, map)?;
        let unused = columns.unused(head).into_iter().map(str::to_owned).collect();
        Ok(Lines { reader, columns, unused, set: set.to_vec(), mark, bytes })
    }

    /// The titles of columns that fill no field.
    pub fn unused(&self) -> &[String] {
        &self.unused
    }

    /// The size of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The same for the same file with the same columns, and no other.
    pub fn mark(&self) -> String {
        self.mark.clone()
    }

    fn line(&self, number: u64, row: &csv::StringRecord, bytes: u64) -> Line {
        let mut event = Map::new();
        let set = self.set.iter().map(|(field, text)| (field.as_str(), text.as_str()));
        for (field, text) in set.chain(self.columns.fields(row)) {
            match field.strip_prefix("original") {
                None => _ = event.insert(field.to_owned(), text.into()),
                Some(member) => {
                    let original = event.entry("original").or_insert_with(|| Map::new().into());
                    original[if member == "Source" { "source" } else { "eventId" }] = text.into();
                }
            }
        }
        Line { number, event: Value::Object(event).to_string(), bytes }
    }
}

impl Iterator for Lines {
    type Item = Result<Line, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut row = csv::StringRecord::new();
        let before = self.reader.position().byte();
        match self.reader.read_record(&mut row) {
            Ok(false) => None,
            Ok(true) => {
                let number = row.position().map_or(0, csv::Position::line);
                let bytes = self.reader.position().byte() - before;
                Some(Ok(self.line(number, &row, bytes)))
            }
            Err(error) => {
                let message = format!("the file can't be read: {error}");
                Some(Err(Failure::input("bad_file", message, "Save it as CSV in UTF-8.")))
            }
        }
    }
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    let message = format!("{}: {error}", path.display());
    Failure::input("bad_file", message, "Name a CSV file in UTF-8, whose first line names columns.")
}

fn mark_of(text: &[u8], map: &[Named], set: &[Named]) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{map:?} {set:?} "));
    hash.update(text);
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
