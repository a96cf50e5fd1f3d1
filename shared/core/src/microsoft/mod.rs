//! Microsoft's own words: payloads, replies, error codes, goals, reports. Nothing else knows them.

mod error_table;
pub mod errors;
pub mod goals;
pub mod payload;
pub mod reply;
pub mod report;
pub mod token_errors;
