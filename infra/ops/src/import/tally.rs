//! What became of the rows, and the list of what was rejected.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tracklayer_core::{event::EventError, money::Money};

use crate::{
    backlog::Sums,
    failure::Failure,
    screen::{Screen, Table},
};

/// What became of the rows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tally {
    /// Rows by their status.
    pub rows: BTreeMap<String, usize>,
    /// The values of those that are new; in a check, of all that would be accepted.
    pub money: Sums,
    /// Rejected or conflicting rows by the code of their error.
    pub errors: BTreeMap<String, usize>,
    /// Fields that were left out or changed.
    pub warnings: usize,
    /// The list of what was rejected, if anything was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejects: Option<PathBuf>,
}

impl Tally {
    /// Counts a row that was accepted.
    pub fn add(&mut self, status: &str, money: Option<Money>, warnings: usize) {
        *self.rows.entry(status.to_owned()).or_default() += 1;
        self.money.add(money);
        self.warnings += warnings;
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
    pub fn show(&self, is_check: bool, screen: &Screen) {
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
    goes_on: bool,
    file: Option<csv::Writer<File>>,
}

impl Rejects {
    /// A new list beside the file.
    pub fn beside(file: &Path) -> Self {
        Rejects::go_on(file, false)
    }

    /// The list of an import that was begun before, or a new one.
    pub fn go_on(file: &Path, goes_on: bool) -> Self {
        Rejects { path: file.with_extension("rejected.csv"), goes_on, file: None }
    }

    /// Adds a row.
    pub fn add(&mut self, reject: &Reject) -> Result<(), Failure> {
        let path = self.path.clone();
        let written = self.writer().and_then(|file| {
            file.serialize(reject)?;
            file.flush()?;
            Ok(())
        });
        written.map_err(|error| unwritten(&path, &error))
    }

    fn writer(&mut self) -> Result<&mut csv::Writer<File>, csv::Error> {
        if self.file.is_none() {
            let goes_on = self.goes_on && self.path.exists();
            let mut options = OpenOptions::new();
            options.create(true).write(true).append(goes_on).truncate(!goes_on);
            let file = options.open(&self.path)?;
            self.file = Some(csv::WriterBuilder::new().has_headers(!goes_on).from_writer(file));
        }
        self.file.as_mut().ok_or_else(|| std::io::Error::other("no file").into())
    }

    /// Where the list is, if there is one.
    pub fn finish(self) -> Result<Option<PathBuf>, Failure> {
        let is_there = self.file.is_some() || (self.goes_on && self.path.exists());
        Ok(is_there.then_some(self.path))
    }
}

fn unwritten(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    let message = format!("{}: {error}", path.display());
    Failure::input("not_written", message, "Put the file where this program may write beside it.")
}
