//! What the project exists for: pure decisions from a row, its account and the time.

pub mod advice;
pub mod attribution;
pub mod audit;
pub mod calls;
pub mod decide;
pub mod erasure;
pub mod intake;
pub mod note;
pub mod orders;
pub mod orphans;
mod outcome;
pub mod redrive;
pub mod state;
#[cfg(test)]
mod testing;
pub mod totals;
pub mod verdict;
