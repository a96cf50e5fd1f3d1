//! Reads signals, decides what each row needs, and sends it to Microsoft in batches.
//!
//! - [`context`]: the function and its ports; [`handler`]: one run, from messages to the answer
//! - `batch`: messages by row, and what becomes of each; `accounts`: secrets and tokens
//! - `late_clicks`: the click is looked for anew before an original is first sent
//! - `decide`: what each row needs; `send`: claim, call, outcome; `run`: what these steps share
//! - `deadline`: how much of a run a call may take; `log`: lines and metrics; [`wire`]

mod accounts;
mod batch;
pub mod context;
mod deadline;
mod decide;
pub mod handler;
mod late_clicks;
mod log;
mod run;
mod send;
pub mod wire;

pub use context::Upload;
pub use tracklayer_edge::lambda::deadline::Deadline;
