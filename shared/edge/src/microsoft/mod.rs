//! Microsoft Advertising: access tokens and the Apply calls.

mod auth;
mod client;

pub use auth::{Auth, AuthError};
pub use client::{Answer, Client, Endpoints};
