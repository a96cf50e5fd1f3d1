//! `createSecret`: exchanges the refresh token and stages the new one.

use tracklayer_core::microsoft::token_errors::TokenClass;
use tracklayer_edge::ports::{AccountItems, Consents, Document, SecretError, SecretVersions};

use crate::context::{ROUNDS, Token};
use crate::error::TokenError;
use crate::snapshot::{Pending, RENEWED_FROM, ROTATED_FROM, ROTATION, Snapshot, is_of};
use crate::wire::{Event, Outcome};

/// Where a rotation can stage its version.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Own,
    /// Under a new id: somebody else's contents have its own.
    New,
    GivenUp,
}

impl<V: SecretVersions, C: Consents, R: AccountItems> Token<V, C, R> {
    pub(crate) async fn create(&self, event: &Event) -> Result<Outcome, TokenError> {
        let mut end = TokenError::Restless;
        for _ in 0..ROUNDS {
            let found = self.snapshot(event).await?;
            if found.pending.as_ref().is_some_and(|pending| pending.ours) {
                return Ok(Outcome::Staged);
            }
            let current = self.current(event, &found).await?;
            if is_of(&event.rotation, &found.current, &current) {
                return Ok(Outcome::Finished);
            }
            if let Some(version) = &found.foreign {
                // Nobody else rotates: it was staged by mistake, and would end every rotation.
                tracing::warn!(secret = event.secret_id, version, "staged by others, given up");
                self.drop_label(&event.secret_id, version).await?;
                continue;
            }
            let place = self.place(event).await?;
            if place == Place::GivenUp {
                // Or staged since the labels were read.
                end = TokenError::GivenUp;
                continue;
            }
            let stale = self.stale(event, &found).await?;
            if let Some(outcome) = self.exchange(event, &found, current, stale, place).await? {
                return Ok(outcome);
            }
        }
        Err(end)
    }

    async fn place(&self, event: &Event) -> Result<Place, TokenError> {
        let document = match self.versions.version(&event.secret_id, &event.rotation).await {
            Err(SecretError::Malformed(..)) => return Ok(Place::New),
            document => document?,
        };
        Ok(match document.map(|document| document.member(ROTATED_FROM)) {
            None => Place::Own,
            Some(None) => Place::New,
            Some(Some(_)) => Place::GivenUp,
        })
    }

    /// What another rotation left staged. If its base is current, its refresh token may be the only
    /// one that still counts; otherwise it is of no use to anybody.
    async fn stale<'a>(
        &self, event: &Event, found: &'a Snapshot,
    ) -> Result<Option<&'a Pending>, TokenError> {
        match &found.pending {
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
        &self, event: &Event, found: &Snapshot, current: Document, stale: Option<&Pending>,
        place: Place,
    ) -> Result<Option<Outcome>, TokenError> {
        let id = &event.secret_id;
        if stale.is_none() && self.is_refused(event, &found.current).await {
            return Err(TokenError::Refused);
        }
        let source = stale.map_or(&current, |pending| &pending.document).account(id)?;
        let refusal = match self.consents.renew(&source).await {
            Ok(token) => {
                let new = renewed(current, &found.current, token.expose(), stale);
                let staged = match place {
                    Place::New => {
                        let new = new.with(ROTATION, &event.rotation);
                        self.versions.stage(id, None, &new).await?
                    }
                    _ => self.versions.stage(id, Some(&event.rotation), &new).await?,
                };
                return Ok(staged.then_some(Outcome::Staged));
            }
            Err(refusal) if refusal.class == TokenClass::Consent => refusal,
            Err(error) => return Err(error.into()),
        };
        match stale {
            _ if self.has_changed(event, found).await? => Ok(None),
            Some(pending) => self.drop_label(id, &pending.version).await.map(|()| None),
            None => {
                self.note_refusal(event, &found.current).await;
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
