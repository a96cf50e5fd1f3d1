//! `testSecret`: uses the staged refresh token once. The answer may carry yet another one in its
//! place; that one is staged then, in a version of its own.

use tracklayer_edge::ports::{AuthError, Consents, Refusals, Vault};

use crate::{
    handler::{ROUNDS, Token, TokenError},
    look::{Look, Pending, RENEWED_FROM, ROTATED_FROM, ROTATION, is_of},
    wire::{Event, Outcome},
};

impl<V: Vault, C: Consents, R: Refusals> Token<V, C, R> {
    pub(crate) async fn test(&self, event: &Event) -> Result<Outcome, TokenError> {
        for _ in 0..ROUNDS {
            let look = self.look(event).await?;
            match look.pending.as_ref().filter(|pending| pending.ours) {
                None => return self.test_of_nothing(event, &look).await,
                // It may be worth nothing any more; `finishSecret` drops it.
                Some(pending) if !pending.based => return Ok(Outcome::Superseded),
                Some(pending) => {
                    if let Some(outcome) = self.try_out(event, &look, pending).await? {
                        return Ok(outcome);
                    }
                }
            }
        }
        Err(TokenError::Restless)
    }

    /// `None`: things have changed, look again.
    async fn try_out(
        &self,
        event: &Event,
        look: &Look,
        pending: &Pending,
    ) -> Result<Option<Outcome>, TokenError> {
        let id = &event.secret_id;
        let account = pending.document.account(id)?;
        let refusal = match self.consents.renew(&account).await {
            Ok(token) if token == account.refresh_token => return Ok(Some(Outcome::Tested)),
            Ok(token) => {
                let newer = pending.document.clone().with("refresh_token", token.expose());
                let newer = newer.with(ROTATION, &event.rotation);
                let newer = newer.with(RENEWED_FROM, &pending.renewed());
                self.vault.stage(id, None, &newer).await?;
                return Ok(Some(Outcome::Tested));
            }
            Err(refusal @ AuthError::Consent(_)) => refusal,
            Err(error) => return Err(error.into()),
        };
        if self.has_changed(event, look).await? {
            return Ok(None);
        }
        self.drop_label(id, &pending.version).await?;
        Err(TokenError::StagedRefused(refusal))
    }

    /// Nothing of this rotation is staged. So it is when it has finished, and when Secrets Manager
    /// only tries its configuration: then it calls this step alone, on a version that it made itself
    /// (docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html,
    /// RotateImmediately).
    async fn test_of_nothing(&self, event: &Event, look: &Look) -> Result<Outcome, TokenError> {
        let current = self.current(event, look).await?;
        if is_of(&event.rotation, &look.current, &current) {
            return Ok(Outcome::Finished);
        }
        let own = self.vault.version(&event.secret_id, &event.rotation).await?;
        match own.and_then(|document| document.member(ROTATED_FROM)) {
            None => Ok(Outcome::Nothing),
            Some(from) if from != look.current => Ok(Outcome::Superseded),
            Some(_) => Err(TokenError::GivenUp),
        }
    }
}
