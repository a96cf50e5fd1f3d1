//! Who acts: sources that post, upload's workers, sweep's schedule, and the operator.

pub mod operator;
pub mod source;
pub mod sweeper;
pub mod worker;
