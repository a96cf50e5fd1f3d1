//! Shows the whole story of one event.
//!
//! - [`context`]: what the function needs
//! - [`handler`]: decode, check the key, find the records, answer
//! - [`next`]: what happens to a record next
//! - [`wire`]: the answer

pub mod context;
pub mod handler;
pub mod next;
pub mod wire;

pub use context::Status;
