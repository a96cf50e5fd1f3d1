//! The domain core: what a conversion is, what Microsoft should have, and what to do about it.
//!
//! No I/O and no clock: time is a parameter, so that every decision can be tested and simulated.
//!
//! | module | holds |
//! |---|---|
//! | [`event`] | what sources send, parsed once into types; error codes |
//! | [`field`] | the names of its fields |
//! | [`person`] | click ids, hashed e-mail addresses and phone numbers, consent |
//! | [`mapping`] | goals, events, accounts |
//! | [`ledger`] | one row: facts and corrections, what is known of Microsoft, why it is open |
//! | [`reconcile`] | the decisions: intake, attribution, what a row needs next, what an answer means |
//! | [`microsoft`] | the vendor's own words: payloads, replies, error codes, goals, reports |
//!
//! [`money`], [`time`], [`id`] and `text` are used by all of them.

pub mod event;
pub mod field;
pub mod id;
pub mod ledger;
pub mod mapping;
pub mod microsoft;
pub mod money;
pub mod person;
pub mod reconcile;
mod serde_help;
mod text;
pub mod time;
