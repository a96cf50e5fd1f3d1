//! The pages say what the code and the template say.
//!
//! `UPDATE_PAGES=1 cargo test -p pages` writes the tables.

#[macro_use]
mod lines;
mod accounts;
mod alarms;
mod api;
mod build;
mod dashboard;
mod fields;
mod infra;
mod mapping;
mod microsoft;
mod policies;
mod shape;
mod states;
