//! The local stack: the whole system on one machine, with the real function binaries.
//!
//! A tool for development and tests, kept small, and no production engine. What it runs it reads
//! from `infra/template.yaml` at every start ([`template`]); around the functions ([`runtime`])
//! stand the HTTP API ([`gateway`]), the queue's event source ([`poller`]) and the clock
//! ([`schedule`]). [`Stack`] puts them together.

mod accounts;
pub mod build;
pub mod console;
pub mod gateway;
mod invoke;
pub mod options;
pub mod poller;
mod queue;
pub mod runtime;
pub mod sample;
pub mod schedule;
mod serve;
mod setup;
pub mod stack;
pub mod template;

pub use options::Options;
pub use stack::Stack;
