//! Why a step fails.

use tracklayer_edge::ports::{AuthError, SecretError};

/// Why a step failed. Nothing is lost by it: the step may be repeated.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The secret can't be read or written.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The identity service refuses the current refresh token, or does not answer.
    #[error("the secret is unchanged: {0}")]
    Auth(#[from] AuthError),
    /// It refused the current refresh token before, and nobody has written another one.
    #[error("the identity service refused this version of the secret before; give consent again")]
    Refused,
    /// The identity service refuses the staged refresh token.
    #[error("the staged version was refused and is no longer pending, the current one stays: {0}")]
    StagedRefused(AuthError),
    /// The secret has no version that anybody reads.
    #[error("no version of the secret is current")]
    NoCurrent,
    /// The version was staged once and is pending no more.
    #[error("this rotation was given up; start a new one")]
    GivenUp,
    /// Others changed the labels all the time.
    #[error("the secret's labels don't come to rest; try again later")]
    Restless,
}
