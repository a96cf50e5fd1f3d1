//! Keeps the Microsoft click id with which a visitor landed.
//!
//! - `handler`: one request
//! - `withdraw`: consent is withdrawn
//! - `wire`: the body
//! - `crawlers`: whose landings are none
//! - `snippet`: the script for web pages that sends all this

mod context;
mod crawlers;
mod handler;
mod snippet;
mod wire;
mod withdraw;

pub use context::Capture;
pub use snippet::SNIPPET;
