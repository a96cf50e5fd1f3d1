//! The rules of the core, each as a test: what is decided, what is written, what is sent.
//!
//! - `support` builds rows, corrections and times; `microsoft` is a small model of Microsoft,
//!   `world` drives one row against it through every kind of accident
//! - `each_rule` states the rules of reconciliation one by one
//! - `convergence` states what must hold in every such world; `histories` tells single accidents
//! - the other files test the module they are named after

mod attribution;
mod calls;
mod convergence;
mod correction;
mod decide;
mod each_rule;
mod erasure;
mod errors;
mod histories;
mod intake;
mod microsoft;
mod mistakes;
mod note;
mod payload;
mod redrive;
mod reply;
mod report;
mod review;
mod state;
mod stored;
mod support;
mod verdict;
mod world;
