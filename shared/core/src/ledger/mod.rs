//! A row of the ledger: what the source wants (facts and corrections), what is known of Microsoft, and why
//! the row is open.
//!
//! - `key`, `row`, `facts`, `correction`, `observed`: a row and its parts
//! - `wait`, `index`: why a row waits, and where it is listed until something is done about it
//! - `order`, `orphan`: what belongs to an order, and corrections whose original has not come
//! - `signal`: the message about a row
//! - `stored`: the stored form of a row

pub mod correction;
pub mod facts;
pub mod index;
pub mod key;
pub mod observed;
pub mod order;
pub mod orphan;
pub mod row;
pub mod signal;
pub mod stored;
pub mod wait;
