//! Rotates an account's refresh token, as the rotation function of Secrets Manager.
//!
//! Secrets Manager calls it in four steps (docs.aws.amazon.com/secretsmanager/latest/userguide/
//! rotate-secrets_lambda-functions.html), each of which may be killed, repeated, or run beside
//! another one. So each step first looks at what is there and keeps nothing in memory:
//!
//! - a staged version notes what it was made of (see [`snapshot`]); `AWSCURRENT` moves to it only from
//!   there, so whatever a person wrote meanwhile stays
//! - contents of a version never change, and a label is moved only from its known holder
//! - a refusal is believed only if the labels are still those that were read before the question
//!
//! Microsoft may answer every use of a refresh token with a new one and drop the old: between that
//! answer and its being staged there is nothing but one write.
//!
//! - [`handler`]: the step asked for; `steps`: what each does
//! - [`snapshot`]: what the labels and notes say
//! - [`wire`]: event and answer
//! - `context`: what it reads and writes; `error`: why a step fails

mod context;
mod error;
pub mod handler;
pub mod snapshot;
mod steps;
pub mod wire;

#[cfg(test)]
mod fakes;
#[cfg(test)]
mod tests;

pub use context::Token;
pub use error::TokenError;
