//! Checks the mapping's goals against each ad account, on a schedule and on demand. Rows of a goal
//! that fails wait; they go by themselves once a later check passes. Its report also says what
//! became of the rows that Microsoft accepted.
//!
//! - [`handler`]: one run over all accounts
//! - `ask`: Microsoft's answers
//! - [`deadline`]: until when questions begin
//! - [`wire`]: the report

mod ask;
pub mod deadline;
pub mod handler;
pub mod wire;

pub use handler::Goals;
