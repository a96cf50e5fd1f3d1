//! DynamoDB, SQS and Secrets Manager.
//!
//! - `clients`: the three clients
//! - `ledger`, `clicks`: the two tables; `together`: what is asked of them at the same moment
//! - `queue`: the signals
//! - `account_secrets`, `secret_versions`, `ingest_keys`: reading secrets, rotating them, and who may
//!   send

pub mod account_secrets;
pub mod clicks;
pub mod clients;
pub mod ingest_keys;
pub mod ledger;
pub mod queue;
pub mod secret_versions;
mod table;
mod together;
