//! Microsoft Advertising: access tokens and calls.

pub mod client;
pub mod tokens;
