//! The rows of a file, as events in JSON. One row is in memory at a time.

use std::fs::File;
use std::io::{BufReader, Read, copy};
use std::path::Path;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::columns::{Columns, Named};
use super::numbers::{self, NUMBERS};
use super::reading::{Reading, unreadable};
use super::tally::Reject;
use super::zone;
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
    /// Whether its time names no zone.
    pub has_no_zone: bool,
    /// How many bytes of the file it takes.
    pub bytes: u64,
}

/// The rows of a file, one after another.
pub struct Lines {
    reader: csv::Reader<File>,
    raw: Raw,
    columns: Columns,
    width: usize,
    unused: Vec<String>,
    reading: Reading,
    size: u64,
    record: u64,
}

/// The same file once more, as it is written: a reader of CSV keeps no quotes, and its count of lines
/// is of no use – it stands before the second half of a line's end, and knows no ends that are a lone
/// `\r`.
struct Raw {
    file: BufReader<File>,
    at: u64,
    /// The line of the byte `at`.
    line: u64,
    last: u8,
}

impl Raw {
    /// The bytes up to `end`, and the line on which they begin, empty lines left out.
    fn take(&mut self, end: u64) -> std::io::Result<(u64, Vec<u8>)> {
        let mut bytes = Vec::new();
        (&mut self.file).take(end - self.at).read_to_end(&mut bytes)?;
        self.at = end;
        let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
        let (before, row) = bytes.split_at(start.unwrap_or(bytes.len()));
        self.count(before);
        let number = self.line;
        self.count(row);
        Ok((number, bytes))
    }

    fn count(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let is_second_half = byte == b'\n' && self.last == b'\r';
            self.line += u64::from(matches!(byte, b'\r' | b'\n') && !is_second_half);
            self.last = byte;
        }
    }
}

impl Lines {
    /// Reads the head of the file.
    pub fn open(reading: &Reading) -> Result<Self, Failure> {
        Lines::of(reading).map_err(|error| match error {
            Unopened::Unfit(failure) => failure,
            Unopened::Unreadable(error) => unreadable(&reading.file, &error),
        })
    }

    fn of(reading: &Reading) -> Result<Self, Unopened> {
        let (file, again) = (File::open(&reading.file)?, File::open(&reading.file)?);
        let size = file.metadata()?.len();
        let mut reader =
            csv::ReaderBuilder::new().delimiter(reading.delimiter).flexible(true).from_reader(file);
        let head = reader.headers()?;
        let columns = Columns::of(head, &reading.map, &reading.set)?;
        let unused: Vec<String> = columns.unused(head).into_iter().map(str::to_owned).collect();
        let width = head.len();
        reading.check(&columns, head)?;
        let mut raw = Raw { file: BufReader::new(again), at: 0, line: 1, last: 0 };
        raw.take(reader.position().byte())?;
        let reading = reading.clone();
        Ok(Lines { reader, raw, columns, width, unused, reading, size, record: 0 })
    }

    /// The titles of columns that fill no field.
    pub fn unused(&self) -> &[String] {
        &self.unused
    }

    /// The size of the file.
    pub fn bytes(&self) -> u64 {
        self.size
    }

    /// The same for the same file with the same columns, sent to the same address, and for nothing
    /// else: what was sent to one system is not yet sent to another.
    pub fn mark(&self, to: &str) -> Result<String, Failure> {
        let Reading { map, set, delimiter, decimals, offset, time_zone, .. } = &self.reading;
        let mut hash = Sha256::new();
        hash.update(format!(
            "{map:?} {set:?} {delimiter} {decimals:?} {offset:?} {time_zone:?} {to:?} "
        ));
        hash_file(&self.reading.file, &mut hash)
            .map_err(|error| unreadable(&self.reading.file, &error))?;
        Ok(hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }

    fn event(&self, row: csv::ByteRecord, bytes: &[u8]) -> Result<(String, bool), Unread> {
        let quotes = bytes.iter().filter(|byte| **byte == b'"').count();
        if self.raw.at == self.size && quotes % 2 == 1 && bytes.trim_ascii().contains(&b'\n') {
            let message = "a quote is opened and never closed: this row takes the rest of the file";
            return Err((String::new(), "open_quote", message.to_owned()));
        }
        if row.len() != self.width {
            let message = format!("the row has {} cells, the head {}", row.len(), self.width);
            return Err((String::new(), "wrong_columns", message));
        }
        let row = csv::StringRecord::from_byte_record(row).map_err(|error| {
            (String::new(), "not_utf8", format!("the row is not UTF-8: {}", error.utf8_error()))
        })?;
        self.json(&row)
    }

    /// The event, and whether its time names no zone.
    fn json(&self, row: &csv::StringRecord) -> Result<(String, bool), Unread> {
        let mut event = Map::new();
        let named = |(field, text): &'_ Named| Ok((field.clone(), text.clone()));
        let cells = self.columns.fields(row).map(|(field, text)| self.cell(field, text));
        for cell in self.reading.set.iter().map(named).chain(cells) {
            let (field, text) = cell?;
            match field.strip_prefix("original") {
                None => _ = event.insert(field, text.into()),
                Some(member) => {
                    let original = event.entry("original").or_insert_with(|| Map::new().into());
                    original[if member == "Source" { "source" } else { "eventId" }] = text.into();
                }
            }
        }
        let time = event.get(TIME).and_then(Value::as_str);
        let time = time.filter(|time| zone::has_none(time)).map(str::to_owned);
        let zoned = time.as_ref().and_then(|time| self.reading.zone()?.apply(time));
        event.extend(zoned.map(|time| (TIME.to_owned(), time.into())));
        Ok((Value::Object(event).to_string(), time.is_some()))
    }

    fn cell(&self, field: &str, text: &str) -> Result<Named, Unread> {
        let Reading { decimals, delimiter, .. } = &self.reading;
        let field = field.to_owned();
        if !NUMBERS.contains(&&*field) {
            return Ok((field, text.to_owned()));
        }
        match numbers::plain(text, *decimals, *delimiter) {
            Ok(text) => Ok((field, text)),
            Err(message) => Err((field, "unclear_number", message)),
        }
    }
}

/// Field, code and message of a row that can't be read.
type Unread = (String, &'static str, String);

/// The field of an event's time.
const TIME: &str = "occurredAt";

/// Why a file can't be opened.
enum Unopened {
    Unfit(Failure),
    Unreadable(csv::Error),
}

impl From<Failure> for Unopened {
    fn from(failure: Failure) -> Self {
        Unopened::Unfit(failure)
    }
}

impl From<csv::Error> for Unopened {
    fn from(error: csv::Error) -> Self {
        Unopened::Unreadable(error)
    }
}

impl From<std::io::Error> for Unopened {
    fn from(error: std::io::Error) -> Self {
        Unopened::Unreadable(error.into())
    }
}

fn hash_file(path: &Path, hash: &mut Sha256) -> std::io::Result<u64> {
    let mut file = BufReader::new(File::open(path)?);
    copy(&mut file, &mut Hashing(hash))
}

/// A hash as something to write to.
struct Hashing<'a>(&'a mut Sha256);

impl std::io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Iterator for Lines {
    type Item = Result<Line, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut row = csv::ByteRecord::new();
        let before = self.reader.position().byte();
        let read = self.reader.read_byte_record(&mut row);
        let after = self.reader.position().byte();
        let raw = match read {
            Ok(false) => return None,
            Ok(true) => self.raw.take(after).map_err(csv::Error::from),
            Err(error) => Err(error),
        };
        self.record += 1;
        Some(match raw {
            Err(error) => Err(unreadable(&self.reading.file, &error)),
            Ok((number, bytes)) => {
                let (event, has_no_zone) = match self.event(row, &bytes) {
                    Ok((event, has_no_zone)) => (Ok(event), has_no_zone),
                    Err((field, code, message)) => {
                        (Err(Reject::unread(number, &field, code, message)), false)
                    }
                };
                let (record, bytes) = (self.record, after - before);
                Ok(Line { number, record, event, has_no_zone, bytes })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// The rows of this text, read like `reading`.
    fn read(text: &[u8], reading: Reading) -> (TempDir, Lines) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("orders.csv");
        std::fs::write(&file, text).expect("written");
        let lines = Lines::open(&Reading { file, ..reading }).expect("lines");
        (folder, lines)
    }

    fn lines(text: &[u8]) -> (TempDir, Lines) {
        read(text, Reading::default())
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
        lines(text).1.map(row).collect()
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
            .1
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
        let of = |text: &[u8], to: &str| lines(text).1.mark(to).expect("a mark");
        let mark = of(b"eventId\n1\n", "http://127.0.0.1");
        assert_eq!(mark, of(b"eventId\n1\n", "http://127.0.0.1"));
        assert_ne!(mark, of(b"eventId\n1\n", "https://api.example"));
        assert_ne!(mark, of(b"eventId\n2\n", "http://127.0.0.1"));
        let set = vec![("source".to_owned(), "shop".to_owned())];
        let zone = Some(zone::Zone::offset("Z").expect("an offset"));
        let others =
            [Reading { set, ..Reading::default() }, Reading { offset: zone, ..Reading::default() }];
        for other in others {
            let other = read(b"eventId\n1\n", other).1.mark("http://127.0.0.1");
            assert_ne!(mark, other.expect("a mark"));
        }
    }
}
