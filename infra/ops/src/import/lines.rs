//! The rows of a file, as events in JSON.

use std::io::Cursor;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::columns::{Columns, Named};
use super::reading::{Reading, unreadable};
use super::tally::Reject;
use crate::failure::Failure;

/// One row.
#[derive(Debug)]
pub struct Line {
    /// Its line in the file; the head is line 1. A cell can hold several lines.
    pub number: u64,
    /// Its place among the rows; the first is 1.
    pub record: u64,
    /// The event, in JSON; or why the row can't be read.
    pub event: Result<String, Reject>,
    /// How many bytes of the file it takes.
    pub bytes: u64,
}

/// The rows of a file, one after another.
pub struct Lines {
    reader: csv::Reader<Cursor<Vec<u8>>>,
    columns: Columns,
    width: usize,
    unused: Vec<String>,
    reading: Reading,
    record: u64,
    /// The line of the byte `counted`.
    number: u64,
    counted: usize,
}

impl Lines {
    /// Reads the head of the file.
    pub fn open(reading: &Reading) -> Result<Self, Failure> {
        let path = &reading.file;
        let text = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
        Lines::of(text, reading)
    }

    fn of(text: Vec<u8>, reading: &Reading) -> Result<Self, Failure> {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(reading.delimiter)
            .flexible(true)
            .from_reader(Cursor::new(text));
        let head = reader.headers().map_err(|error| unreadable(&reading.file, &error))?;
        let columns = Columns::of(head, &reading.map, &reading.set)?;
        let unused: Vec<String> = columns.unused(head).into_iter().map(str::to_owned).collect();
        let width = head.len();
        reading.check(&columns, &unused)?;
        let reading = reading.clone();
        Ok(Lines { reader, columns, width, unused, reading, record: 0, number: 1, counted: 0 })
    }

    /// The titles of columns that fill no field.
    pub fn unused(&self) -> &[String] {
        &self.unused
    }

    /// The size of the file.
    pub fn bytes(&self) -> u64 {
        self.text().len() as u64
    }

    /// The same for the same file with the same columns, sent to the same address, and for nothing
    /// else: what was sent to one system is not yet sent to another.
    pub fn mark(&self, to: &str) -> String {
        let Reading { map, set, delimiter, .. } = &self.reading;
        let mut hash = Sha256::new();
        hash.update(format!("{map:?} {set:?} {delimiter} {to:?} "));
        hash.update(self.text());
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    fn text(&self) -> &[u8] {
        self.reader.get_ref().get_ref()
    }

    /// The line of the row that was read from these bytes. The reader's own count is of no use: it
    /// stands before the second half of a line's end, and knows no ends that are a lone `\r`.
    fn number(&mut self, from: usize) -> u64 {
        let text = self.reader.get_ref().get_ref();
        let is_end = |at: &usize| matches!(text.get(*at), Some(b'\r' | b'\n'));
        let start = (from..text.len()).find(|at| !is_end(at)).unwrap_or(text.len());
        let ends = (self.counted..start).filter(|at| {
            let is_lone = text[*at] == b'\r' && text.get(at + 1) != Some(&b'\n');
            text[*at] == b'\n' || is_lone
        });
        self.number += ends.count() as u64;
        self.counted = start;
        self.number
    }

    fn event(&self, row: csv::ByteRecord, bytes: &[u8]) -> Result<String, (&'static str, String)> {
        let is_last = bytes.as_ptr_range().end == self.text().as_ptr_range().end;
        let quotes = bytes.iter().filter(|byte| **byte == b'"').count();
        if is_last && quotes % 2 == 1 && bytes.trim_ascii_end().contains(&b'\n') {
            let message = "a quote is opened and never closed: this row takes the rest of the file";
            return Err(("open_quote", message.to_owned()));
        }
        if row.len() != self.width {
            let message = format!("the row has {} cells, the head {}", row.len(), self.width);
            return Err(("wrong_columns", message));
        }
        let row = csv::StringRecord::from_byte_record(row).map_err(|error| {
            ("not_utf8", format!("the row is not UTF-8: {}", error.utf8_error()))
        })?;
        Ok(self.json(&row))
    }

    fn json(&self, row: &csv::StringRecord) -> String {
        let mut event = Map::new();
        let named = |(field, text): &'_ Named| (field.clone(), text.clone());
        let cells = self.columns.fields(row).map(|(field, text)| (field.into(), text.into()));
        for (field, text) in self.reading.set.iter().map(named).chain(cells) {
            match field.strip_prefix("original") {
                None => _ = event.insert(field, text.into()),
                Some(member) => {
                    let original = event.entry("original").or_insert_with(|| Map::new().into());
                    original[if member == "Source" { "source" } else { "eventId" }] = text.into();
                }
            }
        }
        Value::Object(event).to_string()
    }
}

impl Iterator for Lines {
    type Item = Result<Line, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut row = csv::ByteRecord::new();
        let before = self.reader.position().byte();
        match self.reader.read_byte_record(&mut row) {
            Ok(false) => None,
            Ok(true) => {
                let after = self.reader.position().byte();
                self.record += 1;
                let range = usize::try_from(before).ok()?..usize::try_from(after).ok()?;
                let number = self.number(range.start);
                let event = self.event(row, &self.text()[range]);
                let event = event.map_err(|(code, message)| Reject::unread(number, code, message));
                Some(Ok(Line { number, record: self.record, event, bytes: after - before }))
            }
            Err(error) => Some(Err(unreadable(&self.reading.file, &error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Lines {
        Lines::of(text.to_vec(), &Reading::default()).expect("lines")
    }

    /// Line and event id, or code, of each row.
    fn rows(text: &[u8]) -> Vec<(u64, String)> {
        let row = |line: Result<Line, Failure>| {
            let line = line.expect("a line");
            let id = |event: String| -> String {
                let event: Value = serde_json::from_str(&event).expect("JSON");
                event["eventId"].as_str().unwrap_or_default().to_owned()
            };
            let event = line.event.map(id);
            (line.number, event.unwrap_or_else(|reject| reject.code().to_owned()))
        };
        lines(text).map(row).collect()
    }

    fn told(rows: &[(u64, &str)]) -> Vec<(u64, String)> {
        rows.iter().map(|(number, text)| (*number, (*text).to_owned())).collect()
    }

    #[test]
    fn lines_are_numbered_whatever_ends_them() {
        let text = "eventId,consent\n1,a\n2,\"b\nc\"\n\n3,d\n";
        let expected = told(&[(2, "1"), (3, "2"), (6, "3")]);
        assert_eq!(rows(text.as_bytes()), expected);
        assert_eq!(rows(text.replace('\n', "\r\n").as_bytes()), expected);
        assert_eq!(rows(text.replace('\n', "\r").as_bytes()), expected);
        let places: Vec<u64> = lines(text.replace('\n', "\r").as_bytes())
            .map(|line| line.expect("a line").record)
            .collect();
        assert_eq!(places, [1, 2, 3]);
    }

    #[test]
    fn a_row_that_cannot_be_read_does_not_keep_the_next_from_being_read() {
        let text =
            b"eventId,value,currency\n1,129,95,EUR\n2,5\n3,\xe4,EUR\n4,5,EUR\n5,\"5,EUR\n6,5,EUR\n";
        let codes = [(2, "wrong_columns"), (3, "wrong_columns"), (4, "not_utf8")];
        let expected = told(&[&codes[..], &[(5, "4"), (6, "open_quote")]].concat());
        assert_eq!(rows(text), expected);
        let at_the_end = b"eventId,consent\n1,\"a\n2,b\n3,c\n";
        assert_eq!(rows(at_the_end), told(&[(2, "open_quote")]));
    }

    #[test]
    fn a_mark_is_of_one_file_one_reading_and_one_address() {
        let of = |text: &[u8], to: &str| lines(text).mark(to);
        let mark = of(b"eventId\n1\n", "http://127.0.0.1");
        assert_eq!(mark, of(b"eventId\n1\n", "http://127.0.0.1"));
        assert_ne!(mark, of(b"eventId\n1\n", "https://api.example"));
        assert_ne!(mark, of(b"eventId\n2\n", "http://127.0.0.1"));
        let set = vec![("source".to_owned(), "shop".to_owned())];
        let other = Reading { set, ..Reading::default() };
        let other = Lines::of(b"eventId\n1\n".to_vec(), &other).expect("lines");
        assert_ne!(mark, other.mark("http://127.0.0.1"));
    }
}
