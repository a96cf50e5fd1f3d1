//! Stores confirmed events in the ledger and signals them.
//!
//! - `handler`: one request; `batch`: its events, and in which order; `call`: what they share
//! - `conversion`: an original; `correction`: a refund, restatement or cancellation; `denial`: an
//!   event whose person denies consent
//! - `wire`: the body and the answers

mod batch;
mod call;
mod context;
mod conversion;
mod correction;
mod denial;
mod handler;
mod wire;

pub use context::Enqueue;
