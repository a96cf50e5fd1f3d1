//! The domain core: what a conversion is, what Microsoft should have, and what to do about it.
//!
//! No I/O and no clock: time is a parameter, so that every decision can be tested and simulated.
//!
//! - at the door: [`event`] with [`id`], [`time`], [`money`], [`click`], [`identity`], [`mapping`]
//! - the ledger: [`record`] (desired state), [`observed`] (Microsoft's), [`open`] (what waits),
//!   [`stored`] (the table's form), [`signal`] (the queue's), [`state`] (in operators' words)
//! - the decision: [`intake`] writes rows, [`correction`] folds, [`decide`] decides, [`redrive`] reads an operator's hand,
//!   [`audit`] finds what was forgotten, [`erasure`] takes a person out of it
//! - Microsoft: [`plan`] cuts calls, [`payload`] writes them, [`reply`] reads answers, [`errors`]
//!   knows their codes, [`goals`] checks goals, [`consent`] the errors of the
//!   identity service, [`outcome`] explains what became of rows,
//!   [`verdict`] draws the conclusions, [`note`] turns them into writes

pub mod audit;
pub mod click;
pub mod consent;
pub mod correction;
pub mod decide;
pub mod erasure;
pub mod errors;
pub mod event;
pub mod goals;
pub mod id;
pub mod identity;
pub mod intake;
pub mod mapping;
pub mod money;
pub mod note;
pub mod observed;
pub mod open;
pub mod outcome;
pub mod payload;
mod phone;
pub mod plan;
pub mod record;
pub mod redrive;
pub mod reply;
pub mod signal;
pub mod state;
pub mod stored;
pub mod time;
pub mod verdict;
