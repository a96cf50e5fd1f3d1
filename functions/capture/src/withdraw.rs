//! Consent is withdrawn: clicks go, and what was recorded before and waits is not sent.
//!
//! A mark is left before anything is deleted: whoever dies in between is repeated without harm.

use std::collections::BTreeSet;

use tracklayer_core::{id::RecordId, mapping::Account, reconcile::erasure::Person};
use tracklayer_edge::ports::{
    Captures, Clock as _, Forgets, LedgerError, Ports, TiedBy, WithdrawnBy,
};

use crate::{context::Capture, wire::Landing};

impl<P: Ports> Capture<P>
where
    P::Clicks: Captures + Forgets,
{
    /// Deletes the clicks of the visitor's `cookie`, and of the session and of the visitors of the
    /// records in `landing`: those that came with this cookie, or all if a key asks. A stranger who
    /// names somebody's session or record changes nothing.
    pub(crate) async fn withdraw(
        &self,
        cookie: Option<&str>,
        landing: &Landing,
        by: TiedBy,
    ) -> Result<(), LedgerError> {
        let mut clicks = 0;
        if let Some(cookie) = cookie
            && let Ok(reference) = RecordId::parse(cookie)
        {
            // Somebody's session id may be the same as this value.
            clicks += self.withdraw_own(&reference, cookie).await?;
        }
        if by == TiedBy::Key {
            clicks += self.withdraw_all(landing).await?;
        } else if let Some(cookie) = cookie {
            for reference in self.references(landing).await? {
                clicks += self.withdraw_own(&reference, cookie).await?;
            }
        }
        if clicks > 0 {
            tracing::info!(clicks, "consent withdrawn");
        }
        Ok(())
    }

    /// The clicks of `reference` that came with `cookie`. Without any, the visitor is a stranger.
    async fn withdraw_own(&self, reference: &RecordId, cookie: &str) -> Result<usize, LedgerError> {
        if !self.clicks.has_clicks(reference.as_str(), cookie).await? {
            return Ok(0);
        }
        let visitor = Person::Session(reference.clone());
        self.clicks.withdraw(&visitor, WithdrawnBy::Visitor, self.clock.now_ms()).await?;
        self.clicks.forget_clicks(reference.as_str(), Some(cookie)).await
    }

    /// All clicks of whoever is named, by somebody with a key. What waits may know the person by a
    /// record alone, so records are marked, too.
    async fn withdraw_all(&self, landing: &Landing) -> Result<usize, LedgerError> {
        let (by, at_ms) = (WithdrawnBy::Key, self.clock.now_ms());
        for (kind, id) in &landing.ties {
            self.clicks.withdraw(&kind.person(id.clone()), by, at_ms).await?;
        }
        let mut clicks = 0;
        for reference in self.references(landing).await? {
            self.clicks.withdraw(&Person::Session(reference.clone()), by, at_ms).await?;
            clicks += self.clicks.forget_clicks(reference.as_str(), None).await?;
        }
        Ok(clicks)
    }

    /// The session, and the visitors that the records lead to.
    async fn references(&self, landing: &Landing) -> Result<BTreeSet<RecordId>, LedgerError> {
        // Clicks and ties are no account's.
        let browser = self.mapping.accounts().any(Account::browser_order_ties);
        let mut references: BTreeSet<RecordId> = landing.session.iter().cloned().collect();
        for (kind, id) in &landing.ties {
            references.extend(self.clicks.references_of(*kind, id, browser).await?);
        }
        Ok(references)
    }
}
