//! What became of the rows, and the list of what was rejected.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tracklayer_core::{event::EventError, money::Money};

use super::check::{CONVERSION, Said};
use crate::backlog::Sums;
use crate::failure::Failure;
use crate::screen::{Screen, Table};

/// What helps where times have no zone.
const NO_ZONE: &str = "they are rejected, unless --offset or --time-zone names it";

/// What became of the rows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tally {
    /// Rows by their status.
    pub rows: BTreeMap<String, usize>,
    /// The values of those that are new; in a check, of all that would be accepted.
    pub money: Sums,
    /// In a check, the money of partial refunds and of new values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub corrections: BTreeMap<String, Sums>,
    /// Rejected or conflicting rows by the code of their error.
    pub errors: BTreeMap<String, usize>,
    /// Fields that were left out or changed.
    pub warnings: usize,
    /// In a check, rows whose time names no zone.
    #[serde(skip_serializing_if = "is_none")]
    pub without_zone: usize,
    /// The list of what was rejected, if anything was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejects: Option<PathBuf>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(n: &usize) -> bool {
    *n == 0
}

impl Tally {
    /// Counts a row that was accepted.
    pub fn add(&mut self, status: &str, money: Option<Money>, warnings: usize) {
        *self.rows.entry(status.to_owned()).or_default() += 1;
        self.money.add(money);
        self.warnings += warnings;
    }

    /// Counts a row that would be accepted.
    pub fn checked(&mut self, said: &Said) {
        self.add(said.status, said.value(), said.warnings);
        if said.money.is_some() && said.status != CONVERSION {
            self.corrections.entry(said.status.to_owned()).or_default().add(said.money);
        }
    }

    /// Counts a row that was not, by the code of its error.
    pub fn reject(&mut self, code: &str) {
        *self.rows.entry("rejected".to_owned()).or_default() += 1;
        *self.errors.entry(code.to_owned()).or_default() += 1;
    }

    /// How many were not accepted.
    pub fn rejected(&self) -> usize {
        self.errors.values().sum()
    }

    /// Shows it.
    pub fn show(&self, is_check: bool, has_zone: bool, screen: &Screen) {
        if screen.json(self) {
            return;
        }
        let mut table = Table::new(["rows", "count"]).right(&[1]);
        for (status, count) in &self.rows {
            table.row([status.clone(), count.to_string()]);
        }
        for (code, count) in &self.errors {
            table.row([format!("  {code}"), count.to_string()]);
        }
        screen.say(&table);
        let of = if is_check { "conversions that can be sent" } else { "new conversions" };
        screen.say(format!("{of}: {}", self.money));
        for (status, money) in &self.corrections {
            screen.say(format!("{status}: {money}"));
        }
        if self.without_zone > 0 {
            let how = if has_zone { "they have the one that is named" } else { NO_ZONE };
            screen.say(format!("{} rows have a time without a zone: {how}", self.without_zone));
        }
        if self.warnings > 0 {
            screen.say(format!("{} fields are left out or rounded", self.warnings));
        }
        if let Some(path) = &self.rejects {
            screen.say(format!("what was rejected, line by line: {}", path.display()));
        }
    }
}

/// A row that was not accepted.
#[derive(Debug, Serialize)]
pub struct Reject {
    line: u64,
    field: String,
    code: String,
    message: String,
}

impl Reject {
    /// As the API's parser says.
    pub fn of(line: u64, error: &EventError) -> Self {
        let field = error.field.unwrap_or_default().to_owned();
        Reject { line, field, code: error.code.to_string(), message: error.message.clone() }
    }

    /// A row that is no event at all, for a field of it or as a whole.
    pub fn unread(line: u64, field: &str, code: &str, message: String) -> Self {
        Reject { line, field: field.to_owned(), code: code.to_owned(), message }
    }

    /// As the API answers: `{"code","message","field"}`.
    pub fn answered(line: u64, error: &serde_json::Value) -> Self {
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        Reject { line, field: text("field"), code: text("code"), message: text("message") }
    }

    /// The code of its error.
    pub fn code(&self) -> &str {
        &self.code
    }
}

/// The list of what was rejected, written once there is something.
pub struct Rejects {
    path: PathBuf,
    bytes: u64,
    file: Option<csv::Writer<File>>,
}

impl Rejects {
    /// The list beside the file, cut to so many bytes: what is behind them was written after the
    /// state of an interrupted import, which goes on before it. Without any it is a new list.
    pub fn open(file: &Path, extension: &str, bytes: u64) -> Result<Self, Failure> {
        let path = file.with_extension(extension);
        match cut(&path, bytes) {
            Ok(bytes) => Ok(Rejects { path, bytes, file: None }),
            Err(error) => Err(unwritten(&path, &error)),
        }
    }

    /// Adds a row.
    pub fn add(&mut self, reject: &Reject) -> Result<(), Failure> {
        let path = self.path.clone();
        self.write(reject).map_err(|error| unwritten(&path, &error))
    }

    fn write(&mut self, reject: &Reject) -> Result<(), csv::Error> {
        if self.file.is_none() {
            let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
            let has_headers = self.bytes == 0;
            self.file = Some(csv::WriterBuilder::new().has_headers(has_headers).from_writer(file));
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        file.serialize(reject)?;
        file.flush()?;
        self.bytes = file.get_ref().metadata()?.len();
        Ok(())
    }

    /// The bytes of the list.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where the list is, if there is one.
    pub fn finish(self) -> Option<PathBuf> {
        (self.bytes > 0).then_some(self.path)
    }
}

/// Cuts the file to at most so many bytes, removes it if nothing is left; answers how many are left.
fn cut(path: &Path, bytes: u64) -> io::Result<u64> {
    let size = match path.metadata() {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let bytes = bytes.min(size);
    if bytes == 0 {
        std::fs::remove_file(path)?;
    } else {
        OpenOptions::new().write(true).open(path)?.set_len(bytes)?;
    }
    Ok(bytes)
}

fn unwritten(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    let message = format!("{}: {error}", path.display());
    Failure::input("not_written", message, "Put the file where this program may write beside it.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_goes_on_where_the_state_was_kept_and_a_new_one_begins_empty() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("orders.csv");
        let open = |bytes| Rejects::open(&file, "rejected.csv", bytes).expect("a list");
        let reject = |line| Reject::unread(line, "", "not_utf8", "it is not".to_owned());
        let listed = || std::fs::read_to_string(file.with_extension("rejected.csv"));

        let mut list = open(0);
        list.add(&reject(2)).expect("written");
        let kept = list.bytes();
        list.add(&reject(3)).expect("written");
        drop(list);
        let mut list = open(kept);
        list.add(&reject(3)).expect("written");
        assert!(list.finish().is_some());
        let expected = "line,field,code,message\n2,,not_utf8,it is not\n3,,not_utf8,it is not\n";
        assert_eq!(listed().expect("a list"), expected);

        assert_eq!(open(0).finish(), None);
        assert!(listed().is_err(), "the list of an earlier import is gone");
    }
}
