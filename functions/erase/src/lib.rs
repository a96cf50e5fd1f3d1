//! Takes a person out of the tables.
//!
//! - [`handler`]: notes the erasure, deletes clicks and ties; sweep's audit does the rows
//! - [`wire`]: request and answer
//! - [`context`]: what it reads and writes

pub mod context;
pub mod handler;
pub mod wire;

pub use context::Erase;
