//! Access tokens, and the consents that they come from.

use tracklayer_core::id::AccountName;
use tracklayer_core::microsoft::token_errors::{TokenClass, TokenEntry};

use super::secrets::{AccountSecret, Secret, Versioned};

/// What the identity service refused, and what helps.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `error` with the AADSTS numbers; nothing of the secret.
    pub error: String,
    pub cure: &'static str,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; {}", self.error, self.cure)
    }
}

/// Why there is no access token.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    #[error("consent is no longer valid: {0}")]
    Consent(Refusal),
    #[error("the identity service refuses the application: {0}")]
    Configuration(Refusal),
    #[error("the identity service finds that it is asked in a loop: {0}")]
    Looping(Refusal),
    #[error("the identity service is unavailable: {0}")]
    Unavailable(String),
}

impl AuthError {
    /// What a refusal that the table knows under `entry` means; `error` is what was answered.
    pub fn of(entry: &TokenEntry, error: String) -> Self {
        let refusal = Refusal { error, cure: entry.cure };
        match entry.class {
            TokenClass::Consent => AuthError::Consent(refusal),
            TokenClass::Configuration => AuthError::Configuration(refusal),
            TokenClass::Looping => AuthError::Looping(refusal),
            TokenClass::Retry => AuthError::Unavailable(refusal.error),
        }
    }

    /// What helps, where a person must repair something.
    pub fn cure(&self) -> Option<&'static str> {
        match self {
            AuthError::Consent(refusal) | AuthError::Configuration(refusal) => Some(refusal.cure),
            AuthError::Looping(_) | AuthError::Unavailable(_) => None,
        }
    }
}

pub trait Tokens {
    /// The access token of `account`, fetched with its secret if need be.
    ///
    /// # Errors
    /// If the identity service refuses or does not answer.
    async fn token(
        &self, account: &AccountName, secret: &Versioned<AccountSecret>,
    ) -> Result<Secret, AuthError>;

    /// Forgets the token of `account`, because Microsoft refused it.
    async fn forget(&self, account: &AccountName);
}

/// The consents that account secrets hold.
pub trait Consents {
    /// Uses the refresh token of `secret`; answers with the one to use from now on.
    ///
    /// # Errors
    /// If the identity service refuses or does not answer.
    async fn renew(&self, secret: &AccountSecret) -> Result<Secret, AuthError>;
}
