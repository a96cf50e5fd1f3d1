//! Stores confirmed events in the ledger and signals them.
//!
//! - `context`: what the function reads and writes
//! - `handler`: one request: key, events, answers; `call`: what its events share
//! - `conversion`: an original; `correction`: a refund, restatement or cancellation
//! - `wire`: the answers

mod call;
mod context;
mod conversion;
mod correction;
mod handler;
mod wire;

pub use context::Enqueue;
pub use wire::Status;
