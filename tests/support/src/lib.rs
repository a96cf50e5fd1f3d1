//! What the tests of several crates share, written once.
//!
//! - [`rows`] builds what the ledger holds: rows, facts, corrections
//! - [`events`] builds what sources send
//! - `alarms` asks the template's alarms whether they would go off; it needs the feature `alarms`
//! - [`python`] makes virtual environments of Python
//! - `rig` runs a whole system on free ports and does to it what pages, shops, operators and
//!   accidents do; it needs the feature `rig`
//!
//! A test inside `src` of `tracklayer-core` can't use this crate: it would meet two versions of
//! every type, its own and the one that this crate is built with.

#[cfg(feature = "alarms")]
pub mod alarms;
pub mod events;
pub mod python;
#[cfg(feature = "rig")]
pub mod rig;
pub mod rows;
