//! Answers with the whole story of one event.
//!
//! - `handler`: one request
//! - `find`: the records that an event led to
//! - `next`: what happens next, and when
//! - `wire`: the answer
//! - `context`: what it reads

mod context;
mod find;
mod handler;
mod next;
mod wire;

pub use context::Status;
pub use find::{accounts, find};
pub use next::next;
pub use wire::{Accounts, Record, Story, findings};
