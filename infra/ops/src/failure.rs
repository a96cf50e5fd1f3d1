//! What keeps a command from its work, and what helps; how a command ends for scripts.

use std::process::ExitCode;

use serde::Serialize;
use tracklayer_edge::ports::LedgerError;

/// What a command that did its work found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything is as it should be.
    Fine,
    /// Something is wrong, or what was asked for is not there.
    Wrong,
}

impl Verdict {
    /// [`Verdict::Fine`] where `is_fine`.
    pub fn fine_if(is_fine: bool) -> Self {
        if is_fine { Verdict::Fine } else { Verdict::Wrong }
    }

    /// 0 or 1.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Verdict::Fine => ExitCode::SUCCESS,
            Verdict::Wrong => ExitCode::from(1),
        }
    }
}

/// Whose fault it is; decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Input,
    Unreachable,
}

/// What keeps a command from its work.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    #[serde(skip)]
    kind: Kind,
    /// A word for scripts.
    pub code: &'static str,
    /// What went wrong.
    pub message: String,
    /// What helps; may be empty.
    pub help: String,
}

impl Failure {
    /// What was asked can't be done as it was asked: exit code 2.
    pub fn input(
        code: &'static str, message: impl Into<String>, help: impl Into<String>,
    ) -> Failure {
        Failure { kind: Kind::Input, code, message: message.into(), help: help.into() }
    }

    /// Something could not be reached or read: exit code 3.
    pub fn unreachable(
        code: &'static str, message: impl Into<String>, help: impl Into<String>,
    ) -> Failure {
        Failure { kind: Kind::Unreachable, code, message: message.into(), help: help.into() }
    }

    /// 2 or 3.
    pub fn exit_code(&self) -> ExitCode {
        match self.kind {
            Kind::Input => ExitCode::from(2),
            Kind::Unreachable => ExitCode::from(3),
        }
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        let help = match &error {
            LedgerError::Unavailable(_) => {
                "Check that these credentials may read the tables (dynamodb:Query, GetItem, \
                 BatchGetItem, Scan, DescribeTable), and try again."
            }
            LedgerError::Conflict => "Try again.",
            LedgerError::Unreadable(_) => {
                "The item was written by another version of this software: use the tool of the \
                 version that is deployed."
            }
        };
        Failure::unreachable("ledger", error.to_string(), help)
    }
}
