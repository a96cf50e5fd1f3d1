//! Stores confirmed events in the ledger and signals them.
//!
//! - `context`: what the function reads and writes
//! - `handler`: one request: key, body, answer
//! - `batch`: its events, in an order in which each finds what it needs; `call`: what they share;
//!   `clicks`: what they have read of the clicks; `denials`: which of them deny consent
//! - `conversion`: an original; `order`: one order, one conversion; `denial`: the person has said no
//! - `correction`: a refund, restatement or cancellation
//! - `wire`: the body and the answers

mod batch;
mod call;
mod clicks;
mod context;
mod conversion;
mod correction;
mod denial;
mod denials;
mod handler;
mod order;
mod wire;

pub use context::Enqueue;
pub use wire::Status;
