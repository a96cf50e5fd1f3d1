//! The simulator over real HTTP, one test a rule.

mod adjustments;
mod attribution;
mod bench;
mod consent;
mod conversions;
mod faults;
mod goals;
mod headers;
mod listing;
mod report;
mod tokens;
mod twice;
