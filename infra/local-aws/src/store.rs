//! Keeps queues and secrets over restarts: JSON rows in one SQLite file, or nowhere at all.
//!
//! Every request is one transaction, committed before the request is answered, so that what was
//! acknowledged survives a `kill -9`. A power failure may lose the last requests.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use serde::{Serialize, de::DeserializeOwned};

use crate::error::{AwsError, Error};

/// Exclusive: a second process on the same folder is refused instead of working on old rows.
const SCHEMA: &str = "
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS entry (
  kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, key)
) WITHOUT ROWID;";

/// How long an earlier process on the same folder may take to close it.
const PREDECESSOR_ENDS: Duration = Duration::from_secs(1);

/// Rows by kind and key. Without a file every write is a no-op.
#[derive(Default)]
pub(crate) struct Store {
    connection: Option<Connection>,
    in_transaction: bool,
    failure: Option<AwsError>,
}

impl Store {
    /// Opens `name` in the folder, or a store that keeps nothing.
    pub(crate) fn open(folder: Option<&Path>, name: &str) -> Result<Self, Error> {
        let Some(folder) = folder else {
            return Ok(Self::default());
        };
        let connection = Connection::open(folder.join(name))?;
        connection.busy_timeout(PREDECESSOR_ENDS)?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection: Some(connection), ..Self::default() })
    }

    /// All rows of a kind in the order of their keys.
    pub(crate) fn all<T: DeserializeOwned>(&self, kind: &str) -> Result<Vec<(String, T)>, Error> {
        let Some(connection) = &self.connection else {
            return Ok(Vec::new());
        };
        let mut select =
            connection.prepare("SELECT key, value FROM entry WHERE kind = ? ORDER BY key")?;
        let rows = select.query_map([kind], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.map(|row| {
            let (key, value): (String, String) = row?;
            let value = serde_json::from_str(&value)
                .map_err(|error| Error::Storage(format!("{kind} {key}: {error}")))?;
            Ok((key, value))
        })
        .collect()
    }

    /// Writes a row as part of the running request.
    pub(crate) fn put(&mut self, kind: &str, key: &str, value: &impl Serialize) {
        if self.connection.is_none() {
            return;
        }
        match serde_json::to_string(value) {
            Ok(text) => self.execute(
                "INSERT OR REPLACE INTO entry (kind, key, value) VALUES (?, ?, ?)",
                &[kind, key, &text],
            ),
            Err(error) => self.failure = Some(AwsError::internal(error)),
        }
    }

    /// Removes a row as part of the running request.
    pub(crate) fn delete(&mut self, kind: &str, key: &str) {
        self.execute("DELETE FROM entry WHERE kind = ? AND key = ?", &[kind, key]);
    }

    /// Ends the request: its rows are written, or the caller learns that they are not.
    pub(crate) fn commit(&mut self) -> Result<(), AwsError> {
        if std::mem::take(&mut self.in_transaction)
            && let Some(connection) = &self.connection
            && let Err(error) = connection.execute_batch("COMMIT")
        {
            self.failure = Some(AwsError::internal(error));
        }
        self.failure.take().map_or(Ok(()), Err)
    }

    fn execute(&mut self, sql: &str, values: &[&str]) {
        let Some(connection) = &self.connection else {
            return;
        };
        let begin =
            if self.in_transaction { Ok(()) } else { connection.execute_batch("BEGIN IMMEDIATE") };
        self.in_transaction = true;
        let written = begin
            .and_then(|()| connection.prepare_cached(sql))
            .and_then(|mut statement| statement.execute(rusqlite::params_from_iter(values)));
        if let Err(error) = written {
            self.failure = Some(AwsError::internal(error));
        }
    }
}
