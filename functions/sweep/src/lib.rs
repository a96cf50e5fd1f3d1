//! Wakes what waits in the ledger: signals rows that are due, looks again for the originals of
//! orphans, counts what is open.
//!
//! - [`handler`]: one run and its metrics; [`span`]: when it works
//! - [`pages`]: the index of open rows, oldest first
//! - [`signals`]: rows that wait, and why overlapping runs and lost signals do no harm; `overdue`:
//!   how long they are due
//! - [`held`]: rows of goals that a check has released
//! - [`orphans`] acts on what [`plan`] decides about corrections without an original
//! - [`counts`]: what is open, by account
//! - [`audit`]: all rows, once a week, for what nothing drives any more; [`erasures`]: and for
//!   persons that are to be erased
//! - [`wire`]: the answer

pub mod audit;
mod context;
pub mod counts;
pub mod erasures;
pub mod handler;
pub mod held;
pub mod orphans;
mod overdue;
pub mod pages;
pub mod plan;
pub mod signals;
pub mod span;
pub mod wire;

pub use context::Sweep;
