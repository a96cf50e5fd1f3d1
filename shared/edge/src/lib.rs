//! Everything that touches the outside: AWS, Microsoft, the environment, the clock.
//!
//! Functions depend on this crate, this crate on `tracklayer-core`, never the other way round.

pub mod aws;
pub mod clicks;
pub mod clock;
pub mod config;
pub mod erasure;
pub mod http;
pub mod keys;
pub mod ledger;
pub mod microsoft;
pub mod ports;
pub mod problems;
pub mod queue;
pub mod secrets;
pub mod telemetry;
pub mod vault;

/// An error with its causes in one line, for the log.
pub(crate) fn text_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
