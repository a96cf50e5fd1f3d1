//! How far an import is, in a small file beside the CSV.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::tally::Tally;
use crate::failure::Failure;

/// How far an import is.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    of: String,
    /// How many rows were answered, the first ones of the file.
    pub done: u64,
    /// The bytes that the list of rejected rows had then: what is behind them is listed again.
    pub listed: u64,
    /// What became of these rows.
    pub tally: Tally,
}

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    of: String,
    done: u64,
    listed: u64,
    tally: Tally,
}

impl State {
    /// Reads how far the import with this mark is; another one begins anew.
    pub fn open(file: &Path, of: String) -> Self {
        let path = file.with_extension("import.json");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let stored = serde_json::from_str::<Stored>(&text).ok();
        let stored = stored.filter(|stored| stored.of == of);
        let stored = stored.map(|it| (it.done, it.listed, it.tally));
        let (done, listed, tally) = stored.unwrap_or_default();
        State { path, of, done, listed, tally }
    }

    /// Keeps it: whoever starts again goes on here. What is sent twice is a duplicate.
    pub fn save(&self) -> Result<(), Failure> {
        let State { path: _, of, done, listed, tally } = self;
        let stored = Stored { of: of.clone(), done: *done, listed: *listed, tally: tally.clone() };
        let text = serde_json::to_string(&stored).unwrap_or_default();
        let half = self.path.with_extension("half");
        let written = std::fs::write(&half, text).and_then(|()| std::fs::rename(&half, &self.path));
        written.map_err(|error| {
            let message = format!("{}: {error}", self.path.display());
            let help = "Put the file where this program may write beside it.";
            Failure::input("not_written", message, help)
        })
    }

    /// The import is through: the same file may be sent again.
    pub fn finish(self) {
        let _ = std::fs::remove_file(self.path);
    }
}
