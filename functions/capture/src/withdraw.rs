//! Consent is withdrawn: clicks are deleted, and nothing else. A row that was credited to one of them
//! finds out before it is sent.

use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

use tracklayer_core::event::Landing;
use tracklayer_core::id::RecordId;
use tracklayer_core::reconcile::attribution::{TIES_COUNTED, TIES_READ, TiedBy};
use tracklayer_core::time::DAY;
use tracklayer_edge::lambda::deadline::Deadline;
use tracklayer_edge::ports::{Captures, Clicks, Clock as _, LedgerError, Ports, Traces};

use crate::{context::Capture, wire};

/// What one page of clicks may take.
const PAGE_TIME: Duration = Duration::from_secs(3);
/// What session ids that the browser snippet makes begin with; 32 hex digits follow.
const MADE_BY_SNIPPET: &str = "tl.";

pub(crate) struct Withdrawal<'a> {
    pub landing: &'a Landing,
    pub cookie: Option<&'a RecordId>,
    pub by: TiedBy,
}

impl<P: Ports> Capture<P>
where
    P::Clicks: Captures + Traces,
{
    /// Deletes clicks page by page; answers whether the time was enough for all of them.
    pub(crate) async fn withdraw(
        &self, withdrawal: &Withdrawal<'_>, deadline: &Deadline,
    ) -> Result<bool, LedgerError> {
        let mut clicks = 0;
        // Another machine's clock may have been ahead.
        let until = self.clock.now().plus_seconds(DAY);
        for (reference, cookie) in self.meant(withdrawal).await? {
            let mut after = None;
            loop {
                if !deadline.allows(PAGE_TIME, &self.clock) {
                    tracing::warn!(clicks, "out of time, some clicks are left");
                    return Ok(false);
                }
                let mut page = self.clicks.clicks(&reference, until, after).await?;
                page.items.retain(|click| cookie.is_none() || click.cookie == cookie);
                let meant = page.items.into_iter().map(|click| click.place).collect();
                clicks += self.clicks.delete_traces(meant).await?;
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        if clicks > 0 {
            tracing::info!(clicks, "consent withdrawn");
        }
        Ok(true)
    }

    /// The references whose clicks are meant, and the cookie that they must have come with; none if
    /// all of them are.
    ///
    /// A visitor takes back what came with the visitor's own cookie: who names somebody else's session
    /// or record changes nothing. A session id that the snippet made is known to one browser only,
    /// which may live where cookies can't. A key speaks for whoever it names.
    async fn meant(
        &self, withdrawal: &Withdrawal<'_>,
    ) -> Result<BTreeMap<RecordId, Option<RecordId>>, LedgerError> {
        let Withdrawal { landing, cookie, by } = *withdrawal;
        let keyed = by == TiedBy::Key;
        let own = cookie.cloned();
        let mut meant = BTreeMap::new();
        if keyed || own.is_some() {
            for visitor in self.visitors(landing).await? {
                meant.insert(visitor, own.clone().filter(|_| !keyed));
            }
        }
        if let Some(cookie) = cookie {
            // A session may have the same id as this value: the cookie has to be that of the click.
            meant.entry(cookie.clone()).or_insert_with(|| own.clone());
        }
        if let Some(session) =
            landing.references.session.as_ref().filter(|id| is_made_by_snippet(id))
        {
            meant.insert(session.clone(), None);
        }
        Ok(meant)
    }

    /// The session, and the visitors whom the records are tied to, those tied with a key and the
    /// newest ones first.
    async fn visitors(&self, landing: &Landing) -> Result<Vec<RecordId>, LedgerError> {
        let mut visitors: Vec<RecordId> = landing.references.session.iter().cloned().collect();
        for (kind, id) in wire::ties(landing) {
            let mut ties =
                Clicks::ties(&self.clicks, kind, id, TIES_READ, self.clock.now()).await?;
            ties.sort_by_key(|tie| (tie.by, Reverse(tie.at)));
            visitors.extend(ties.into_iter().take(TIES_COUNTED).map(|tie| tie.reference));
        }
        Ok(visitors)
    }
}

fn is_made_by_snippet(session: &RecordId) -> bool {
    let digits = session.as_str().strip_prefix(MADE_BY_SNIPPET);
    digits.is_some_and(wire::is_32_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_snippets_own_form_is_a_proof() {
        let is_proof = |id: &str| is_made_by_snippet(&id.parse().expect("an id"));
        let digits = "0123456789abcdef".repeat(2);
        assert!(is_proof(&format!("tl.{digits}")));
        for other in [digits.clone(), format!("tl.{digits}0"), format!("tl.{}", &digits[1..])] {
            assert!(!is_proof(&other), "{other}");
        }
        assert!(!is_proof("tl.sess_10492") && !is_proof("tl."));
    }
}
