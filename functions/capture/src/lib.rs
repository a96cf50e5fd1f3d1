//! Keeps the Microsoft click id with which a visitor landed, and takes it back.
//!
//! - `handler`: one request: key, body, answer, cookie
//! - `withdraw`: consent is withdrawn
//! - `wire`: the body that the page sends

mod handler;
mod wire;
mod withdraw;

pub use handler::Capture;
