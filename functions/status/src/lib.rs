//! Answers with the whole story of one event.
//!
//! - `handler`: one request
//! - `find`: what is under an id
//! - `next`: what happens to a record next
//! - `wire`: the answer

mod context;
mod find;
mod handler;
mod next;
mod wire;

pub use context::Status;
pub use find::{accounts, find};
pub use next::next;
pub use wire::{Accounts, Record, Story, findings};
