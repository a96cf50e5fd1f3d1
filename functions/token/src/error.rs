use tracklayer_edge::ports::{AuthError, SecretError};

/// Why a step failed. Nothing is lost by it: the step may be repeated.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("the secret is unchanged: {0}")]
    Auth(#[from] AuthError),
    #[error("the identity service refused this version of the secret before; give consent again")]
    Refused,
    #[error("the staged version was refused and is no longer pending, the current one stays: {0}")]
    StagedRefused(AuthError),
    #[error("no version of the secret is current")]
    NoCurrent,
    #[error("this rotation was given up; start a new one")]
    GivenUp,
    #[error("the secret's labels don't come to rest; try again later")]
    Restless,
}
