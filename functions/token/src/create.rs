//! `createSecret`: exchanges the refresh token and stages the new one.

use tracklayer_edge::{
    microsoft::AuthError,
    ports::{Consents, Refusals, Vault},
    vault::Document,
};

use crate::{
    handler::{ROUNDS, Token, TokenError},
    look::{Look, Pending, RENEWED_FROM, ROTATED_FROM, ROTATION, is_of},
    wire::{Event, Outcome},
};

impl<V: Vault, C: Consents, R: Refusals> Token<V, C, R> {
    pub(crate) async fn create(&self, event: &Event) -> Result<Outcome, TokenError> {
        let mut end = TokenError::Restless;
        for _ in 0..ROUNDS {
            let look = self.look(event).await?;
            if look.pending.as_ref().is_some_and(|pending| pending.ours) {
                return Ok(Outcome::Staged);
            }
            let current = self.current(event, &look).await?;
            if is_of(&event.rotation, &look.current, &current) {
                return Ok(Outcome::Finished);
            }
            if self.vault.version(&event.secret_id, &event.rotation).await?.is_some() {
                // Or staged since the labels were read.
                end = TokenError::GivenUp;
                continue;
            }
            let stale = self.stale(event, &look).await?;
            if let Some(outcome) = self.exchange(event, &look, current, stale).await? {
                return Ok(outcome);
            }
        }
        Err(end)
    }

    /// What another rotation left staged. If its base is current, its refresh token may be the only
    /// one that still counts; otherwise it is of no use to anybody.
    async fn stale<'a>(
        &self,
        event: &Event,
        look: &'a Look,
    ) -> Result<Option<&'a Pending>, TokenError> {
        match &look.pending {
            Some(pending) if !pending.based => {
                self.drop_label(&event.secret_id, &pending.version).await?;
                Ok(None)
            }
            pending => Ok(pending.as_ref()),
        }
    }

    /// Exchanges the stale version's refresh token, else the current one's, and stages what came of
    /// it. `None`: things have changed, look again.
    async fn exchange(
        &self,
        event: &Event,
        look: &Look,
        current: Document,
        stale: Option<&Pending>,
    ) -> Result<Option<Outcome>, TokenError> {
        let id = &event.secret_id;
        if stale.is_none() && self.is_refused(event, &look.current).await {
            return Err(TokenError::Refused);
        }
        let source = stale.map_or(&current, |pending| &pending.document).account(id)?;
        let refusal = match self.consents.renew(&source).await {
            Ok(token) => {
                let new = renewed(current, &look.current, token.expose(), stale);
                let staged = self.vault.stage(id, Some(&event.rotation), &new).await?;
                return Ok(staged.then_some(Outcome::Staged));
            }
            Err(refusal @ AuthError::Consent(_)) => refusal,
            Err(error) => return Err(error.into()),
        };
        match stale {
            _ if self.has_changed(event, look).await? => Ok(None),
            Some(pending) => self.drop_label(id, &pending.version).await.map(|()| None),
            None => {
                self.note_refusal(event, &look.current).await;
                Err(refusal.into())
            }
        }
    }
}

/// The current contents with the new refresh token and this rotation's notes.
fn renewed(current: Document, from: &str, token: &str, stale: Option<&Pending>) -> Document {
    let new = current.with("refresh_token", token).with(ROTATED_FROM, from).without(ROTATION);
    match stale {
        Some(pending) => new.with(RENEWED_FROM, &pending.renewed()),
        None => new.without(RENEWED_FROM),
    }
}
