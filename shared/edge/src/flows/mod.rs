//! What several functions do over ports.

pub mod erase_person;
pub mod find_click;
pub mod held;
pub mod originals;
pub mod sign_in;
