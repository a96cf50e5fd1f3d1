//! One line of the doctor.

use owo_colors::OwoColorize as _;
use serde::Serialize;

use tracklayer_edge::ports::LedgerError;

use crate::{failure::Failure, screen::Screen};

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// As it should be.
    Fine,
    /// Sales do not suffer, but somebody should look.
    Warns,
    /// Sales suffer, or will.
    Wrong,
    /// It could not be looked at, or there is no such thing here.
    Unknown,
}

/// What was looked at, and how it is.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// What was looked at.
    pub what: String,
    /// How it is.
    pub mark: Mark,
    /// What was found.
    pub found: String,
    /// What helps; empty where all is well.
    pub cure: String,
}

impl Check {
    /// All is well.
    pub fn fine(what: impl Into<String>, found: impl Into<String>) -> Self {
        Check { what: what.into(), mark: Mark::Fine, found: found.into(), cure: String::new() }
    }

    /// Something is wrong.
    pub fn wrong(
        what: impl Into<String>, found: impl Into<String>, cure: impl Into<String>,
    ) -> Self {
        Check { what: what.into(), mark: Mark::Wrong, found: found.into(), cure: cure.into() }
    }

    /// Somebody should look.
    pub fn warns(
        what: impl Into<String>, found: impl Into<String>, cure: impl Into<String>,
    ) -> Self {
        Check { mark: Mark::Warns, ..Check::wrong(what, found, cure) }
    }

    /// It could not be looked at.
    pub fn unknown(what: impl Into<String>, why: impl Into<String>) -> Self {
        Check { mark: Mark::Unknown, ..Check::fine(what, why) }
    }

    /// The ledger did not answer: what it would have said of `what` is unknown.
    pub fn ledger(what: impl Into<String>, error: LedgerError) -> Self {
        let Failure { message, help, .. } = error.into();
        Check::wrong(what, format!("ledger: {message}"), help)
    }

    /// Shows the line, and what helps below it.
    pub fn show(&self, screen: &Screen) {
        let sign = match self.mark {
            Mark::Fine => "✓".green().to_string(),
            Mark::Warns => "!".yellow().bold().to_string(),
            Mark::Wrong => "✗".red().bold().to_string(),
            Mark::Unknown => "–".dimmed().to_string(),
        };
        screen.say(format!("{sign} {}: {}", self.what, self.found));
        if !self.cure.is_empty() {
            screen.say(format!("    {} {}", "cure:".bold(), self.cure));
        }
    }
}
