//! One step of a rotation.

use tracklayer_edge::{
    aws::{ledger::Ledger, secret_versions},
    microsoft::tokens::Auth,
    ports::{AuthError, Consents, Refusals, SecretError, Vault},
};

use crate::wire::{Answer, Event, Outcome, Step};

/// How often a step looks again because something changed while it was at work.
pub(crate) const ROUNDS: usize = 4;

/// What the function needs.
#[derive(Debug)]
pub struct Token<V = secret_versions::Vault, C = Auth, R = Ledger> {
    /// The secrets.
    pub vault: V,
    /// The identity service.
    pub consents: C,
    /// What all workers know of refused consents.
    pub refusals: R,
}

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

impl<V: Vault, C: Consents, R: Refusals> Token<V, C, R> {
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

    /// Whether this version's consent was refused before, by whichever worker. A ledger that can't
    /// be read is no ground to let a refresh token end.
    pub(crate) async fn is_refused(&self, event: &Event, version: &str) -> bool {
        let Some(account) = event.account() else { return false };
        match self.refusals.refused(&account).await {
            Ok(refused) => refused.as_deref() == Some(version),
            Err(error) => {
                tracing::warn!(account = account.as_str(), %error, "refused secret not looked up");
                false
            }
        }
    }

    /// No worker asks with this version again.
    pub(crate) async fn note_refusal(&self, event: &Event, version: &str) {
        let Some(account) = event.account() else { return };
        if let Err(error) = self.refusals.refuse(&account, version).await {
            tracing::warn!(account = account.as_str(), %error, "refused secret not noted");
        }
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
