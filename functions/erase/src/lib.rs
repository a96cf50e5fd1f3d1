//! Removes a person from the click table and the ledger.
//!
//! - `handler`: one request
//! - `wire`: the body and the answer

mod context;
mod handler;
mod wire;

pub use context::Erase;
