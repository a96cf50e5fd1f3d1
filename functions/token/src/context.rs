use tracklayer_edge::ports::{AccountItems, Consents, SecretVersions};

use crate::{error::TokenError, wire::Event};

/// How often a step looks again because something changed while it was at work.
pub(crate) const ROUNDS: usize = 4;

#[derive(Debug)]
pub struct Token<V, C, R> {
    pub versions: V,
    pub consents: C,
    pub refusals: R,
}

impl<V: SecretVersions, C: Consents, R: AccountItems> Token<V, C, R> {
    /// Whether this version's consent was refused before, by whichever worker. A ledger that can't
    /// be read is no ground to let a refresh token end.
    pub(crate) async fn is_refused(&self, event: &Event, version: &str) -> bool {
        let Some(account) = event.account() else { return false };
        match self.refusals.account_item(&account).await {
            Ok(item) => item.refused_secret_version.as_deref() == Some(version),
            Err(error) => {
                tracing::warn!(account = account.as_str(), %error, "refused secret not looked up");
                false
            }
        }
    }

    /// No worker asks with this version again.
    pub(crate) async fn note_refusal(&self, event: &Event, version: &str) {
        let Some(account) = event.account() else { return };
        if let Err(error) = self.refusals.refuse_secret(&account, version).await {
            tracing::warn!(account = account.as_str(), %error, "refused secret not noted");
        }
    }

    /// Takes `AWSPENDING` from a version; well if it hasn't got it any more.
    pub(crate) async fn drop_label(&self, id: &str, version: &str) -> Result<(), TokenError> {
        let Err(error) = self.versions.unstage(id, version).await else { return Ok(()) };
        let is_pending = self.versions.labels(id).await?.pending.as_deref() == Some(version);
        if is_pending { Err(error.into()) } else { Ok(()) }
    }
}
