//! What is asked on a terminal. Without one, nothing is.

use std::io::IsTerminal as _;

use dialoguer::{Input, Password, Select};
use tracklayer_edge::ports::Secret;

use crate::{failure::Failure, screen::Screen};

/// The person at the terminal, if there is one.
#[derive(Clone, Copy, Debug)]
pub struct Prompt {
    is_there: bool,
}

impl Prompt {
    /// Nobody is asked by a pipe, nor where the answer is JSON.
    pub fn new(screen: &Screen) -> Self {
        let is_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        Prompt { is_there: is_terminal && !screen.is_json() }
    }

    /// A text; none where nobody can be asked.
    pub fn text(self, what: &str) -> Result<Option<String>, Failure> {
        self.ask(|| Input::new().with_prompt(what).interact_text())
    }

    /// A text that is not shown, and may be empty.
    pub fn secret(self, what: &str) -> Result<Option<Secret>, Failure> {
        let asked = || Password::new().with_prompt(what).allow_empty_password(true).interact();
        Ok(self.ask(asked)?.map(Secret::from))
    }

    /// The index of one of `items`; the cursor begins at `first`.
    pub fn one_of(
        self, what: &str, items: &[String], first: usize,
    ) -> Result<Option<usize>, Failure> {
        self.ask(|| Select::new().with_prompt(what).items(items).default(first).interact())
    }

    fn ask<T>(self, ask: impl FnOnce() -> dialoguer::Result<T>) -> Result<Option<T>, Failure> {
        if !self.is_there {
            return Ok(None);
        }
        let stopped = |error: dialoguer::Error| Failure::input("stopped", error.to_string(), "");
        ask().map(Some).map_err(stopped)
    }
}
