//! Keeps the Microsoft click id with which a visitor landed.
//!
//! - `handler`: one request
//! - `withdraw`: consent is withdrawn
//! - `wire`: the body

mod context;
mod handler;
mod wire;
mod withdraw;

pub use context::Capture;
