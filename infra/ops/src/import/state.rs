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
    /// The last line that was answered.
    pub done: u64,
    /// What became of the lines until there.
    pub tally: Tally,
}

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    of: String,
    done: u64,
    tally: Tally,
}

impl State {
    /// Reads how far the import of this file with these columns is; another one begins anew.
    pub fn open(file: &Path, of: String) -> Result<Self, Failure> {
        let path = file.with_extension("import.json");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let stored = serde_json::from_str::<Stored>(&text).ok();
        let stored = stored.filter(|stored| stored.of == of);
        let (done, tally) = stored.map(|it| (it.done, it.tally)).unwrap_or_default();
        Ok(State { path, of, done, tally })
    }

    /// Keeps it: whoever starts again goes on here. What is sent twice is a duplicate.
    pub fn save(&self) -> Result<(), Failure> {
        let stored = Stored { of: self.of.clone(), done: self.done, tally: self.tally.clone() };
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
