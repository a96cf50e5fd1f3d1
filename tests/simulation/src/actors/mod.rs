//! Who acts: visitors, sources that post, upload's workers, the schedules of sweep and of the goal
//! check, persons who withdraw or are erased, people who ask, and the operator.

pub mod asker;
pub mod checker;
pub mod endings;
mod http;
pub mod operator;
pub mod source;
pub mod sweeper;
pub mod visitor;
pub mod worker;
