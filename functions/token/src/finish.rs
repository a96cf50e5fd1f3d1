//! `finishSecret`: makes the staged version current, unless another one became current meanwhile.

use tracklayer_edge::ports::{Consents, Refusals, Vault};

use crate::{
    handler::{ROUNDS, Token, TokenError},
    look::Look,
    wire::{Event, Outcome},
};

impl<V: Vault, C: Consents, R: Refusals> Token<V, C, R> {
    pub(crate) async fn finish(&self, event: &Event) -> Result<Outcome, TokenError> {
        let id = &event.secret_id;
        for _ in 0..ROUNDS {
            let look = self.look(event).await?;
            if look.labels.pending == look.labels.current {
                // Left by one that was killed after the move: it would stop the next rotation as
                // soon as a person writes a new version.
                self.drop_label(id, &look.current).await?;
                return Ok(Outcome::Finished);
            }
            let Some(pending) = look.pending.as_ref().filter(|pending| pending.ours) else {
                return Ok(Outcome::Nothing);
            };
            if !pending.based {
                self.drop_label(id, &pending.version).await?;
                return Ok(Outcome::Superseded);
            }
            if self.promote(event, &look, &pending.version).await? {
                self.drop_label(id, &pending.version).await?;
                return Ok(Outcome::Finished);
            }
        }
        Err(TokenError::Restless)
    }

    /// Moves `AWSCURRENT`, on condition that it is where `look` saw it. False: it isn't.
    async fn promote(&self, event: &Event, look: &Look, version: &str) -> Result<bool, TokenError> {
        let Err(error) = self.vault.promote(&event.secret_id, version, &look.current).await else {
            return Ok(true);
        };
        match self.has_changed(event, look).await? {
            true => Ok(false),
            false => Err(error.into()),
        }
    }
}
