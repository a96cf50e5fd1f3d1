//! Reads signals, decides what each row needs, and sends it to Microsoft in batches.
//!
//! - [`context`]: the function and its ports; [`handler`]: one run, from messages to the answer
//! - `batch`: messages by row, and what becomes of each; `accounts`: secrets and tokens
//! - `late_clicks`: the click is looked for anew before an original is first sent
//! - `decide`: what each row needs; `send`: claim, call, outcome; `run`: what these steps share
//! - `log`: lines and metrics; [`deadline`], [`wire`]

mod accounts;
mod batch;
pub mod context;
pub mod deadline;
mod decide;
pub mod handler;
mod late_clicks;
mod log;
mod run;
mod send;
pub mod wire;

pub use context::Upload;
pub use deadline::Deadline;
