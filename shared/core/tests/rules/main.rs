//! The rules of the core, each as a test: what is decided, what is written, what is sent.
//!
//! - `microsoft` is a small model of Microsoft,
//!   `world` drives one row against it through every kind of accident, `work` is what a worker does,
//!   `messages` is the queue
//! - `each_rule` states the rules of reconciliation one by one, over every `story` of a row
//! - `convergence` states what must hold in every such world; `histories` tells single accidents,
//!   `cases` what real shops send
//! - `queue_model` counts what an outage or a poisoned row costs
//! - `decide` and `adjust` are about originals and corrections, `note` and `conflict` about the first
//!   and the second write
//! - the other files test the module they are named after

mod adjust;
mod attribution;
mod calls;
mod cases;
mod conflict;
mod convergence;
mod correction;
mod decide;
mod each_rule;
mod erasure;
mod errors;
mod histories;
mod intake;
mod messages;
mod microsoft;
mod mistakes;
mod note;
mod orders;
mod payload;
mod queue_model;
mod redrive;
mod reply;
mod report;
mod review;
mod second;
mod sent_before;
mod signal;
mod state;
mod stored;
mod story;
mod usual;
mod verdict;
mod work;
mod world;

use test_support::rows as support;
