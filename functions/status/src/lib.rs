//! Answers with the whole story of one event.
//!
//! - `handler`: one request
//! - `next`: what happens to a record next
//! - `wire`: the answer

mod context;
mod handler;
mod next;
mod wire;

pub use context::Status;
