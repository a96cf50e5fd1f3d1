//! `finishSecret`: makes the staged version current, unless another one became current meanwhile.

use tracklayer_edge::ports::{AccountItems, Consents, SecretVersions};

use crate::context::{ROUNDS, Token};
use crate::error::TokenError;
use crate::snapshot::Snapshot;
use crate::wire::{Event, Outcome};

impl<V: SecretVersions, C: Consents, R: AccountItems> Token<V, C, R> {
    pub(crate) async fn finish(&self, event: &Event) -> Result<Outcome, TokenError> {
        let id = &event.secret_id;
        for _ in 0..ROUNDS {
            let found = self.snapshot(event).await?;
            if found.labels.pending == found.labels.current {
                // Left by one that was killed after the move: it would stop the next rotation as
                // soon as a person writes a new version.
                self.drop_label(id, &found.current).await?;
                return Ok(Outcome::Finished);
            }
            let Some(pending) = found.pending.as_ref().filter(|pending| pending.ours) else {
                return Ok(Outcome::Nothing);
            };
            if !pending.based {
                self.drop_label(id, &pending.version).await?;
                return Ok(Outcome::Superseded);
            }
            if self.promote(event, &found, &pending.version).await? {
                self.drop_label(id, &pending.version).await?;
                return Ok(Outcome::Finished);
            }
        }
        Err(TokenError::Restless)
    }

    /// Moves `AWSCURRENT`, on condition that it is where `found` has it. False: it isn't.
    async fn promote(
        &self, event: &Event, found: &Snapshot, version: &str,
    ) -> Result<bool, TokenError> {
        let Err(error) = self.versions.promote(&event.secret_id, version, &found.current).await
        else {
            return Ok(true);
        };
        if self.has_changed(event, found).await? { Ok(false) } else { Err(error.into()) }
    }
}
