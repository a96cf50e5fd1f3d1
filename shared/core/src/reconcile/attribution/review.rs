//! Whether the click of a row that is about to be sent still is the one it is credited to.

use super::{Credit, KEPT, Reading, Sale, credit};
use crate::id::RecordId;
use crate::ledger::facts::{Click, Facts};
use crate::ledger::row::Row;
use crate::person::click_id::ClickId;
use crate::person::consent::Consent;
use crate::time::EventTime;

/// What a new look at the stored clicks says about a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fresh {
    Keep,
    /// The row's click is still stored, or it had none: this is what it is credited to now. Of a
    /// row without a click, an error is only another reason to wait.
    Change(Credit),
    /// The row's click was deleted before its time was over, because consent was withdrawn or a
    /// person was erased: this is what is left without it.
    Gone(Credit),
    /// The visitor of the event's own session has taken back all that the session gave: nothing of
    /// the row may be sent, its hashes included.
    End,
}

/// Looks at a row anew. `reading` holds the sightings of the reference that the row's click is stored
/// under (see [`stored_under`]) as well; and, if the click is not among them, the newest of the
/// event's session, whenever they were seen.
pub fn review(row: &Row, sale: &Sale<'_>, reading: &Reading, now: EventTime) -> Fresh {
    let facts = &row.facts;
    if is_outlived(facts, now) {
        return Fresh::Keep;
    }
    if is_gone(facts, reading) {
        return if has_left(facts, reading) {
            Fresh::End
        } else {
            // A click id that the event brought was taken back as well.
            Fresh::Gone(credit(&Sale { own: None, ..*sale }, reading))
        };
    }
    let fresh = credit(sale, reading);
    if is_known(row, facts, &fresh) { Fresh::Keep } else { Fresh::Change(fresh) }
}

/// The click of a row, as it was found in the table: its reference, its id, and when it was first
/// seen. None for a click id that the event brought and nobody had seen.
pub fn stored_under(facts: &Facts) -> Option<(&RecordId, &ClickId, EventTime)> {
    let Click { clicked_at, reference, .. } = facts.click.as_ref()?;
    let reference = reference.as_ref().or(facts.references.session.as_ref())?;
    Some((reference, facts.identity.click_id.as_ref()?, (*clicked_at)?))
}

/// A click of this age is deleted for its age: nothing can be concluded from that.
fn is_outlived(facts: &Facts, now: EventTime) -> bool {
    stored_under(facts).is_some_and(|(_, _, at)| now >= at.plus_seconds(KEPT))
}

fn is_gone(facts: &Facts, reading: &Reading) -> bool {
    let is_there = |click_id| reading.sightings.iter().any(|it| it.is_of(click_id));
    stored_under(facts).is_some_and(|(_, click_id, _)| !is_there(click_id))
}

/// Whether the event's own session gave a click that is gone, and has no other one left. The word of
/// the event itself counts for more: the source has asked the person.
fn has_left(facts: &Facts, reading: &Reading) -> bool {
    let Some(session) = &facts.references.session else { return false };
    let gave_it = facts.click.as_ref().is_some_and(|click| click.reference.is_none());
    let has_click = reading.sightings.iter().any(|it| it.reference == *session);
    gave_it && !has_click && facts.consent != Consent::Granted
}

fn is_known(row: &Row, facts: &Facts, credit: &Credit) -> bool {
    match credit {
        Ok((click_id, click)) => {
            facts.identity.click_id.as_ref() == Some(click_id)
                && facts.click.as_ref() == Some(click)
        }
        Err(reason) => {
            let waits = row.open.as_ref().and_then(|open| open.reason);
            let shown = waits.filter(|reason| reason.is_for_click());
            facts.identity.click_id.is_none() && shown.is_none_or(|it| it == *reason)
        }
    }
}
