//! What the rotation of refresh tokens needs.

use tracklayer_core::id::AccountName;

use crate::{
    ledger::LedgerError,
    microsoft::AuthError,
    secrets::{AccountSecret, Secret, SecretError},
    vault::{Document, Labels},
};

/// The versions of a secret, for the one function that writes secrets. Secrets are named by ARN.
pub trait Vault {
    /// Which versions carry the labels.
    ///
    /// # Errors
    /// If Secrets Manager does not answer or has no such secret.
    async fn labels(&self, id: &str) -> Result<Labels, SecretError>;

    /// The contents of a version, if it has any.
    ///
    /// # Errors
    /// If Secrets Manager does not answer, or it is no JSON object.
    async fn version(&self, id: &str, version: &str) -> Result<Option<Document>, SecretError>;

    /// Gives a version its contents and the label `AWSPENDING`; a new version with an id of its own
    /// where none is named. Contents never change: false if the version has others already.
    ///
    /// # Errors
    /// If Secrets Manager does not answer.
    async fn stage(
        &self,
        id: &str,
        version: Option<&str>,
        document: &Document,
    ) -> Result<bool, SecretError>;

    /// Moves `AWSCURRENT` to `version`, on condition that `from` has it.
    ///
    /// # Errors
    /// If `from` has not got it, or Secrets Manager does not answer.
    async fn promote(&self, id: &str, version: &str, from: &str) -> Result<(), SecretError>;

    /// Takes `AWSPENDING` from `version`, on condition that it has it.
    ///
    /// # Errors
    /// If it has not got it, or Secrets Manager does not answer.
    async fn unstage(&self, id: &str, version: &str) -> Result<(), SecretError>;
}

/// The consents that account secrets hold.
pub trait Consents {
    /// Uses the refresh token of `secret`; answers with the one to use from now on.
    ///
    /// # Errors
    /// If the identity service refuses or does not answer.
    async fn renew(&self, secret: &AccountSecret) -> Result<Secret, AuthError>;
}

/// What all workers know of a refused consent.
pub trait Refusals {
    /// The version of the account's secret that the identity service refused, if it did.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    async fn refused(&self, account: &AccountName) -> Result<Option<String>, LedgerError>;

    /// Notes that it refused this version.
    ///
    /// # Errors
    /// If the ledger is unavailable.
    async fn refuse(&self, account: &AccountName, version: &str) -> Result<(), LedgerError>;
}
