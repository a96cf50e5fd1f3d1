//! Who acts: sources that post, upload's workers, the schedules of sweep and of the goal check,
//! persons who withdraw or are erased, and the operator.

pub mod checker;
pub mod endings;
pub mod operator;
pub mod source;
pub mod sweeper;
pub mod worker;
