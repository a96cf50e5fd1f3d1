//! Microsoft Advertising: access tokens and calls.

mod auth;
mod client;

pub use auth::{Auth, AuthError, Refusal};
pub use client::{Answer, Client, Endpoints};
