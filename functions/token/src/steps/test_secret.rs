//! `testSecret`: uses the staged refresh token once. The answer may carry yet another one in its
//! place; that one is staged then, in a version of its own.

use tracklayer_core::microsoft::token_errors::TokenClass;
use tracklayer_edge::ports::{AccountItems, Consents, SecretVersions};

use crate::context::{ROUNDS, Token};
use crate::error::TokenError;
use crate::snapshot::{Pending, RENEWED_FROM, ROTATED_FROM, ROTATION, Snapshot, is_of};
use crate::wire::{Event, Outcome};

impl<V: SecretVersions, C: Consents, R: AccountItems> Token<V, C, R> {
    pub(crate) async fn test(&self, event: &Event) -> Result<Outcome, TokenError> {
        for _ in 0..ROUNDS {
            let found = self.snapshot(event).await?;
            match found.pending.as_ref().filter(|pending| pending.ours) {
                None => return self.test_of_nothing(event, &found).await,
                // It may be worth nothing any more; `finishSecret` drops it.
                Some(pending) if !pending.based => return Ok(Outcome::Superseded),
                Some(pending) => {
                    if let Some(outcome) = self.try_out(event, &found, pending).await? {
                        return Ok(outcome);
                    }
                }
            }
        }
        Err(TokenError::Restless)
    }

    /// `None`: things have changed, look again.
    async fn try_out(
        &self, event: &Event, found: &Snapshot, pending: &Pending,
    ) -> Result<Option<Outcome>, TokenError> {
        let id = &event.secret_id;
        let account = pending.document.account(id)?;
        let refusal = match self.consents.renew(&account).await {
            Ok(token) if token == account.refresh_token => return Ok(Some(Outcome::Tested)),
            Ok(token) => {
                let newer = pending.document.clone().with("refresh_token", token.expose());
                let newer = newer.with(ROTATION, &event.rotation);
                let newer = newer.with(RENEWED_FROM, &pending.renewed());
                self.versions.stage(id, None, &newer).await?;
                return Ok(Some(Outcome::Tested));
            }
            Err(refusal) if refusal.class == TokenClass::Consent => refusal,
            Err(error) => return Err(error.into()),
        };
        if self.has_changed(event, found).await? {
            return Ok(None);
        }
        self.drop_label(id, &pending.version).await?;
        Err(TokenError::StagedRefused(refusal))
    }

    /// Nothing of this rotation is staged. So it is when it has finished, and when Secrets Manager
    /// only tries its configuration: then it calls this step alone, on a version that it made itself
    /// (docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html,
    /// RotateImmediately).
    async fn test_of_nothing(
        &self, event: &Event, found: &Snapshot,
    ) -> Result<Outcome, TokenError> {
        let current = self.current(event, found).await?;
        if is_of(&event.rotation, &found.current, &current) {
            return Ok(Outcome::Finished);
        }
        let own = self.versions.version(&event.secret_id, &event.rotation).await?;
        match own.and_then(|document| document.member(ROTATED_FROM)) {
            None => Ok(Outcome::Nothing),
            Some(from) if from != found.current => Ok(Outcome::Superseded),
            Some(_) => Err(TokenError::GivenUp),
        }
    }
}
