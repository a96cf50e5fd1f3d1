//! One step of a rotation.

use tracklayer_edge::{
    microsoft::{Auth, AuthError},
    ports::{Consents, Vault},
    secrets::SecretError,
    vault,
};

use crate::wire::{Answer, Event, Outcome, Step};

/// How often a step looks again because something changed while it was at work.
pub(crate) const ROUNDS: usize = 4;

/// What the function needs.
#[derive(Debug)]
pub struct Token<V = vault::Vault, C = Auth> {
    /// The secrets.
    pub vault: V,
    /// The identity service.
    pub consents: C,
}

/// Why a step failed. Nothing is lost by it: the step may be repeated.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The secret can't be read or written.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The identity service refuses the current refresh token, or does not answer.
    #[error("{0}; the secret is unchanged")]
    Auth(#[from] AuthError),
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

impl<V: Vault, C: Consents> Token<V, C> {
    /// Carries out one step.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub async fn handle(&self, event: &Event) -> Result<Answer, TokenError> {
        let outcome = match event.step {
            Step::CreateSecret => self.create(event).await?,
            Step::SetSecret => Outcome::Nothing,
            Step::TestSecret => self.test(event).await?,
            Step::FinishSecret => self.finish(event).await?,
        };
        let (step, secret) = (event.step, event.secret_id.as_str());
        match outcome {
            Outcome::Superseded => {
                tracing::warn!(
                    secret,
                    ?step,
                    "another version became current during the rotation and stays"
                );
            }
            _ => tracing::info!(secret, ?step, ?outcome, "rotation step"),
        }
        Ok(Answer { step, outcome })
    }

    /// Takes `AWSPENDING` from a version; well if it hasn't got it any more.
    pub(crate) async fn drop_label(&self, id: &str, version: &str) -> Result<(), TokenError> {
        let Err(error) = self.vault.unstage(id, version).await else { return Ok(()) };
        match self.vault.labels(id).await?.pending.as_deref() == Some(version) {
            true => Err(error.into()),
            false => Ok(()),
        }
    }
}
