//! A row of the ledger: what the source wants (facts and corrections), what is known of Microsoft, and why
//! the row is open.

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
