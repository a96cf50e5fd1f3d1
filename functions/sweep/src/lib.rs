//! Wakes what waits in the ledger: signals rows that are due, looks again for the originals of
//! orphans, counts what is open.
//!
//! - [`context`]: what the function reads and writes
//! - [`handler`]: one run, its metrics and its answer; [`span`]: when it works
//! - [`due_entries`]: the index of open rows, oldest first
//! - [`signals`]: rows that wait, and why overlapping runs and lost signals do no harm
//! - [`held`]: rows of goals that a check has released
//! - [`orphans`]: corrections without an original
//! - [`counts`]: what is open, by account
//! - [`audit`]: all rows, once a week, for what nothing drives any more; [`erasures`]: and for
//!   persons that are to be erased
//! - [`wire`]: the answer

pub mod audit;
pub mod context;
pub mod counts;
pub mod due_entries;
pub mod erasures;
pub mod handler;
pub mod held;
pub mod orphans;
pub mod signals;
pub mod span;
pub mod wire;

pub use context::Sweep;
