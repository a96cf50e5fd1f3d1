//! Takes a person out of the tables.

pub mod context;
pub mod handler;
pub mod wire;

pub use context::Erase;
