//! Reads signals, decides what each row needs, and sends it to Microsoft in batches.
//!
//! - [`handler`]: one run, from messages to the answer per message
//! - `batch`: messages by row; `account`: secrets and tokens
//! - `run`: what the steps share, and how notes are written
//! - `prepare`: redrives and decisions; `bind`: which click a row is sent with; `call`: Microsoft
//! - `report`: lines and metrics; [`wire`]: event and answer

mod account;
mod batch;
mod bind;
mod call;
pub mod handler;
mod prepare;
mod report;
mod run;
pub mod wire;

pub use handler::{Deadline, Upload};
