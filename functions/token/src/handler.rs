use tracklayer_edge::ports::{AccountItems, Consents, SecretVersions};

use crate::context::Token;
use crate::error::TokenError;
use crate::wire::{Answer, Event, Outcome, Step};

impl<V: SecretVersions, C: Consents, R: AccountItems> Token<V, C, R> {
    /// Carries out one step.
    pub async fn handle(&self, event: &Event) -> Result<Answer, TokenError> {
        let outcome = match event.step {
            Step::CreateSecret => self.create(event).await?,
            Step::SetSecret => Outcome::Nothing,
            Step::TestSecret => self.test(event).await?,
            Step::FinishSecret => self.finish(event).await?,
        };
        let (step, secret) = (event.step, event.secret_id.as_str());
        match outcome {
            Outcome::Superseded => {
                tracing::warn!(
                    secret,
                    ?step,
                    "another version became current during the rotation and stays"
                );
            }
            _ => tracing::info!(secret, ?step, ?outcome, "rotation step"),
        }
        Ok(Answer { step, outcome })
    }
}
