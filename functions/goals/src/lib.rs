//! Checks the mapping's goals against each ad account, on a schedule and on demand. Rows of a goal
//! that fails wait; they are sent by themselves once a later check passes. The report also says
//! what became of the rows that Microsoft accepted.
//!
//! - [`handler`]: one run over all accounts
//! - `ask`: the questions to Microsoft; `error`: why they are not answered
//! - `compare`: the answers against the mapping
//! - `sharing`: whether two accounts have the same ad account
//! - `history`: what Microsoft's report says, kept by goal and day
//! - `log`: what is logged and counted
//! - [`wire`]: the report
//! - `context`: what it reads and writes

mod ask;
mod compare;
mod context;
mod error;
pub mod handler;
mod history;
mod log;
mod sharing;
pub mod wire;

pub use context::Goals;
