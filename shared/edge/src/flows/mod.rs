//! What several functions do over ports.
//!
//! - `sign_in`: an access token for an account
//! - `find_click`: what attribution needs of the stored clicks
//! - `originals`: the rows that a correction may mean
//! - `erase_person`: takes a person out of the tables

pub mod erase_person;
pub mod find_click;
pub mod held;
pub mod originals;
pub mod sign_in;
