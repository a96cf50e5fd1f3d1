use tracklayer_core::id::AccountName;
use tracklayer_core::microsoft::token_errors::{TokenClass, TokenEntry};

use super::secrets::{AccountSecret, Secret, Versioned};

/// Why there is no access token.
#[derive(Debug, thiserror::Error)]
#[error("{}{error}{}", what(.class), .cure.map(|cure| format!("; {cure}")).unwrap_or_default())]
pub struct AuthError {
    pub class: TokenClass,
    /// `error` with the AADSTS numbers; nothing of the secret.
    pub error: String,
    /// What helps against a refusal.
    pub cure: Option<&'static str>,
}

fn what(class: &TokenClass) -> &'static str {
    match class {
        TokenClass::Consent => "consent is no longer valid: ",
        TokenClass::Configuration => "the identity service refuses the application: ",
        TokenClass::Looping => "the identity service finds that it is asked in a loop: ",
        TokenClass::Retry => "the identity service is unavailable: ",
    }
}

impl AuthError {
    /// What a refusal that the table knows under `entry` means; `error` is what was answered.
    pub fn of(entry: &TokenEntry, error: String) -> Self {
        let cure = (entry.class != TokenClass::Retry).then_some(entry.cure);
        AuthError { class: entry.class, error, cure }
    }

    pub fn unavailable(error: impl Into<String>) -> Self {
        AuthError { class: TokenClass::Retry, error: error.into(), cure: None }
    }
}

pub trait Tokens {
    /// The access token of `account`, fetched with its secret if need be.
    async fn token(
        &self, account: &AccountName, secret: &Versioned<AccountSecret>,
    ) -> Result<Secret, AuthError>;

    /// Forgets the token of `account`, because Microsoft refused it.
    async fn forget(&self, account: &AccountName);
}

/// The consents that account secrets hold.
pub trait Consents {
    /// Uses the refresh token of `secret`; answers with the one to use from now on.
    async fn renew(&self, secret: &AccountSecret) -> Result<Secret, AuthError>;
}
