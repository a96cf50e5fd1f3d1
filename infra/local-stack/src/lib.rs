//! The local stack: the whole system on one machine, with the real function binaries.
//!
//! A tool for development and tests, kept small, and no production engine. At every start it reads
//! from `infra/template.yaml` what to run ([`template`]). The functions ([`runtime`]) are invoked by
//! the HTTP API ([`gateway`]), by the queue's event source ([`poller`]) and on schedules
//! ([`schedule`]). [`Stack`] puts them together.

mod access;
mod accounts;
pub mod build;
pub mod console;
pub mod gateway;
mod invoke;
pub mod options;
pub mod poller;
mod queue;
mod rest;
pub mod runtime;
pub mod sample;
pub mod schedule;
mod serve;
mod setup;
mod shop;
pub mod stack;
pub mod template;

pub use options::Options;
pub use stack::Stack;
