//! What a person or a script sees: lines, tables, colours, JSON, progress.
//!
//! Colours go through `anstream`, which leaves them out where the output is no terminal or NO_COLOR
//! is set. Progress goes to standard error, on a terminal only.

mod progress;
mod table;

use std::{fmt::Display, io::Write as _};

use owo_colors::OwoColorize as _;
use serde::Serialize;
use serde_json::json;
use tracklayer_core::reconcile::state::State;

pub use progress::Progress;
pub use table::Table;

use crate::failure::Failure;

/// Where answers go.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    json: bool,
}

impl Screen {
    /// Answers in JSON, or for people.
    pub fn new(json: bool) -> Self {
        Screen { json }
    }

    /// Whether the answer is one of JSON: nothing else may be written to standard output.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// The answer, if it is wanted in JSON; answers whether it is.
    pub fn json(self, answer: &impl Serialize) -> bool {
        if self.json {
            let text = serde_json::to_string_pretty(answer).unwrap_or_default();
            self.say(text);
        }
        self.json
    }

    /// A line of the answer. Whoever reads it may have gone (`| head`): that is no error.
    pub fn say(self, line: impl Display) {
        let _ = writeln!(anstream::stdout().lock(), "{line}");
    }

    /// A line beside the answer, for people.
    pub fn note(self, line: impl Display) {
        let _ = writeln!(anstream::stderr().lock(), "{line}");
    }

    /// Why there is no answer.
    pub fn failure(self, failure: &Failure) {
        if self.json(&json!({"error": failure})) {
            return;
        }
        self.note(format!("{} {}", "error:".red().bold(), failure.message));
        if !failure.help.is_empty() {
            self.note(format!("{}  {}", "help:".cyan().bold(), failure.help));
        }
    }
}

/// The state of a row in its colour.
pub fn state(state: State) -> String {
    let word = state.as_str();
    match state {
        State::Accepted | State::Restated | State::Retracted => word.green().to_string(),
        State::Queued | State::Waiting => word.yellow().to_string(),
        State::Refused | State::Dead => word.red().bold().to_string(),
    }
}

/// How long `seconds` are, in the largest unit that fits: `3 d`, `5 h`, `12 min`, `40 s`.
pub fn duration(seconds: i64) -> String {
    let (number, unit) = match seconds.abs() {
        0..120 => (seconds, "s"),
        120..7_200 => (seconds / 60, "min"),
        7_200..172_800 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "d"),
    };
    format!("{number} {unit}")
}

/// How long ago something was. What another clock puts a little ahead is just over.
pub fn ago(seconds: i64) -> String {
    format!("{} ago", duration(seconds.max(0)))
}

/// An error with its causes in one line.
pub fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_in_their_largest_unit() {
        let told = [0, 119, 120, 7_199, 7_200, 172_799, 172_800].map(duration);
        assert_eq!(told, ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 d"]);
        assert_eq!([ago(-3), ago(7)], ["0 s ago", "7 s ago"], "no age is negative");
    }
}
