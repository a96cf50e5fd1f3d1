//! Keeps the Microsoft click id with which a visitor landed.
//!
//! - `handler`: one request
//! - `withdraw`: consent is withdrawn
//! - `wire`: the body; its limits are those of the core's types (`id`, `click_id`, `landing_url`),
//!   those of body and times are in `handler`
//! - `crawlers`: whose landings are none
//! - `snippet`: the script for web pages that sends all this
//! - `context`: what it reads and writes

mod context;
mod crawlers;
mod handler;
mod snippet;
mod wire;
mod withdraw;

pub use context::Capture;
pub use snippet::SNIPPET;
