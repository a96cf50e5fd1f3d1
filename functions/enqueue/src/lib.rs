//! Takes confirmed events into the ledger and signals them.
//!
//! - `handler`: one request: key, events, answers
//! - `conversion`: an original; `correction`: a refund, restatement or cancellation
//! - `wire`: the answers

mod conversion;
mod correction;
mod handler;
mod wire;

pub use handler::Enqueue;
pub use wire::Status;
