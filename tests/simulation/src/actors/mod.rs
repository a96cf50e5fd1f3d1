//! Who acts: sources that post, upload's workers, the schedules of sweep and of the goal check, and
//! the operator.

pub mod checker;
pub mod operator;
pub mod source;
pub mod sweeper;
pub mod worker;
