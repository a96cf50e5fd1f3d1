//! What the project exists for: pure decisions from a row, its account and the time.
//!
//! - `intake`, `orders`, `orphans`: how events become rows, which event speaks for an order, and how
//!   corrections find their original
//! - `attribution`: which click a sale is credited to
//! - `second`: the second that it is sent with
//! - `decide`: what a row needs now
//! - `calls`: how large the calls are
//! - `verdict`: what Microsoft's answer means for each row
//! - `note`, `outcome`: what is written about a row, and on which condition
//! - `redrive`: what a message means for a row that is refused or dead
//! - `state`, `advice`, `totals`: the words for people, what helps, and the money by them
//! - `audit`, `erasure`: what nothing drives any more, and what of a person is left

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
pub mod second;
pub mod state;
#[cfg(test)]
mod tests;
pub mod totals;
pub mod verdict;
