//! The domain core.

pub mod click;
pub mod id;
pub mod money;
pub mod time;
