//! Takes a person out of the tables.
//!
//! - [`context`]: what the function needs
//! - [`handler`]: decode, check the key, note the erasure, delete clicks and ties, say how far it is
//! - [`wire`]: the body and the answer

pub mod context;
pub mod handler;
pub mod wire;

pub use context::Erase;
