//! Microsoft's own words: payloads, replies, error codes, goals, reports. Nothing else knows them.
//!
//! - `payload`, `reply`: what is sent, and what each row's outcome is
//! - `errors`, `error_class`, `error_table`: how an error is looked up, what it means, each line
//! - `token_errors`: those of the identity service
//! - `goals`, `report`, `usual`: the check of the goals, what became of accepted rows, and whether
//!   that is as usual

mod error_class;
mod error_table;
pub mod errors;
pub mod goals;
pub mod payload;
pub mod reply;
pub mod report;
pub mod token_errors;
pub mod usual;
