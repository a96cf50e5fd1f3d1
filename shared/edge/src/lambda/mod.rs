//! What every function needs of Lambda: configuration, logs, the clock, requests and answers.

pub mod clock;
pub mod config;
pub mod deadline;
pub mod http_api;
pub mod problems;
pub mod telemetry;
