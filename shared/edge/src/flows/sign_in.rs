//! Signing in for an ad account: its secret, an access token, and what all workers must know when
//! the identity service refuses to give one.
//!
//! A version of a secret that was refused is not asked with again, by any worker. A rotation or a
//! person may write a new version at any moment, so a refusal counts only once the secret was read
//! anew.

use std::time::Duration;

use tracklayer_core::id::AccountName;
use tracklayer_core::microsoft::token_errors::{TokenClass, look_up_token};

use crate::lambda::deadline::Deadline;
use crate::ports::{
    AccountItems, AccountSecret, AuthError, Clock, Secret, SecretError, Secrets, Tokens, Versioned,
};

/// The longest that a question to the identity service takes.
pub const LONGEST_QUESTION: Duration = Duration::from_secs(10);

/// Signs in, with the ports of a function.
pub struct SignIn<'a, S, T, L, C> {
    pub secrets: &'a S,
    pub tokens: &'a T,
    /// Where all workers see what was refused.
    pub ledger: &'a L,
    pub clock: &'a C,
    /// No question begins that could end after it.
    pub deadline: Deadline,
    /// How long a question may take: [`LONGEST_QUESTION`], or less in a short run, in which none
    /// could be asked otherwise.
    pub question: Duration,
    /// Seconds for which nobody asks for an account of which the identity service was asked too
    /// often.
    pub pause: i64,
}

/// An account that is signed in.
#[derive(Debug)]
pub struct Session {
    pub account: AccountName,
    /// Its credentials, as they were when the token was given.
    pub secret: Versioned<AccountSecret>,
    pub token: Secret,
    /// Whether it is the second token: a third is of no use.
    pub is_renewed: bool,
}

/// Why an account is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error("the identity service refused this version of the secret before; give consent again")]
    RefusedBefore,
    #[error("no time is left to ask")]
    NoTime,
}

impl SignInError {
    /// What helps, where a person must repair something.
    pub fn cure(&self) -> Option<&'static str> {
        match self {
            SignInError::RefusedBefore => Some(look_up_token(400, "invalid_grant", &[]).cure),
            // A loop ends by itself.
            SignInError::Auth(error) => error.cure.filter(|_| error.class != TokenClass::Looping),
            SignInError::Secret(SecretError::Malformed(..)) => {
                Some("Write the account's secret again, with all its members.")
            }
            SignInError::Secret(SecretError::Unavailable(..)) | SignInError::NoTime => None,
        }
    }
}

impl<S: Secrets, T: Tokens, L: AccountItems, C: Clock> SignIn<'_, S, T, L, C> {
    /// The account's secret; read anew where the version at hand is `refused`, so that a repair
    /// counts at once. It may be the refused one still.
    pub async fn secret(
        &self, account: &AccountName, refused: Option<&str>,
    ) -> Result<Versioned<AccountSecret>, SecretError> {
        let secret = self.secrets.account(account).await?;
        if refused != Some(secret.version.as_str()) {
            return Ok(secret);
        }
        self.secrets.forget(account).await;
        self.secrets.account(account).await
    }

    /// Gets an access token with `secret`, unless that version is the `refused` one.
    ///
    /// # Errors
    /// See [`SignInError`]. What all workers must know of it is noted.
    pub async fn sign_in(
        &self, account: &AccountName, secret: Versioned<AccountSecret>, refused: Option<&str>,
    ) -> Result<Session, SignInError> {
        if refused == Some(secret.version.as_str()) {
            return Err(SignInError::RefusedBefore);
        }
        let version = secret.version.clone();
        let asked = self.ask(account, secret).await;
        if !is_refused(&asked) {
            return asked;
        }
        match self.secrets.account(account).await {
            Ok(newer) if newer.version != version => self.ask_finally(account, newer).await,
            _ => {
                self.note_refused(account, &version).await;
                asked
            }
        }
    }

    /// Gets another token after Microsoft refused the session's, perhaps with a secret that was
    /// written meanwhile.
    pub async fn renew(&self, session: &mut Session) -> Result<(), SignInError> {
        session.is_renewed = true;
        self.tokens.forget(&session.account).await;
        self.secrets.forget(&session.account).await;
        let secret = self.secrets.account(&session.account).await?;
        let renewed = self.ask_finally(&session.account, secret).await?;
        *session = Session { is_renewed: true, ..renewed };
        Ok(())
    }

    /// Asks with a secret that was just read: a refusal stands.
    async fn ask_finally(
        &self, account: &AccountName, secret: Versioned<AccountSecret>,
    ) -> Result<Session, SignInError> {
        let version = secret.version.clone();
        let asked = self.ask(account, secret).await;
        if is_refused(&asked) {
            self.note_refused(account, &version).await;
        }
        asked
    }

    async fn ask(
        &self, account: &AccountName, secret: Versioned<AccountSecret>,
    ) -> Result<Session, SignInError> {
        if !self.deadline.allows(self.question, self.clock) {
            return Err(SignInError::NoTime);
        }
        match self.tokens.token(account, &secret).await {
            Ok(token) => Ok(Session { account: account.clone(), secret, token, is_renewed: false }),
            Err(error) => {
                self.note(account, &error).await;
                Err(error.into())
            }
        }
    }

    /// A service that is asked too often is left alone; a secret that is of no use is read anew.
    async fn note(&self, account: &AccountName, error: &AuthError) {
        match error.class {
            TokenClass::Retry => {}
            TokenClass::Looping => {
                let until = self.clock.now().plus_seconds(self.pause);
                if let Err(error) = self.ledger.pause(account, until).await {
                    tracing::warn!(account = account.as_str(), %error, "pause not noted");
                }
            }
            TokenClass::Configuration | TokenClass::Consent => self.secrets.forget(account).await,
        }
    }

    async fn note_refused(&self, account: &AccountName, version: &str) {
        if let Err(error) = self.ledger.refuse_secret(account, version).await {
            tracing::warn!(account = account.as_str(), %error, "refused token not noted");
        }
    }
}

/// Whether the identity service refuses the consent.
fn is_refused(asked: &Result<Session, SignInError>) -> bool {
    matches!(asked, Err(SignInError::Auth(error)) if error.class == TokenClass::Consent)
}

#[cfg(test)]
mod tests;
