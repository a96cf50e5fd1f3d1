//! Answers with the whole story of one event.

mod context;
mod find;
mod handler;
mod next;
mod wire;

pub use context::Status;
pub use find::{accounts, find};
pub use next::next;
pub use wire::{Accounts, Record, Story, findings};
