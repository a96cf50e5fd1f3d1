//! Runs functions as Lambda does: a [`Function`] keeps environments; an environment is one process
//! with a runtime API of its own (`api`) and runs one invocation at a time.

mod api;
mod environment;
mod function;
mod guard;
mod process;

pub(crate) use function::access_key_id;
pub use function::{Function, FunctionSpec, Lines};
pub use guard::Guard;

use std::fmt;

/// Largest request and answer of a synchronous invocation.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;

/// Why an invocation has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The event is larger than [`PAYLOAD_LIMIT`]; the function never ran.
    RequestTooLarge,
    /// The function answered with an error, or with too much.
    FunctionError {
        /// Lambda's `errorType`, for example `Function.ResponseSizeTooLarge`.
        kind: String,
        /// Lambda's `errorMessage`.
        message: String,
    },
    /// The process ended or could not be started.
    Exited(String),
    /// It took longer than the function's timeout and was killed.
    TimedOut,
    /// The stack is stopping.
    Stopping,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RequestTooLarge => write!(formatter, "the event is larger than 6 MB"),
            Self::FunctionError { kind, message } => write!(formatter, "{kind}: {message}"),
            Self::Exited(how) => write!(formatter, "the process ended: {how}"),
            Self::TimedOut => write!(formatter, "timed out"),
            Self::Stopping => write!(formatter, "the local stack is stopping"),
        }
    }
}

impl std::error::Error for Failure {}
