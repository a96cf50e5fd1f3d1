//! DynamoDB, SQS and Secrets Manager.

pub mod account_secrets;
pub mod clicks;
pub mod clients;
pub mod ingest_keys;
pub mod ledger;
pub mod queue;
pub mod secret_versions;
