//! Clicks, by the references they are stored under and by their ids.

use std::collections::BTreeSet;

use tracklayer_core::id::RecordId;
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::attribution::{LATE, SIGHTINGS_READ, Sighting, TIES_READ, TieKind};
use tracklayer_edge::ports::Clicks as _;

use super::answer::Found;
use crate::{failure::Failure, place::Ops, screen::Progress};

/// The newest clicks of a session or cookie.
pub async fn of_reference(ops: &Ops, reference: &RecordId) -> Result<Vec<Sighting>, Failure> {
    let now = ops.now();
    // The clock of the functions may be a little ahead of this one.
    let until = now.plus_seconds(LATE);
    Ok(ops.clicks.sightings(reference, until, SIGHTINGS_READ, now).await?)
}

/// The links of a record and the clicks that they lead to.
pub async fn of_record(ops: &Ops, kind: TieKind, id: &RecordId) -> Result<Found, Failure> {
    let mut found =
        Found { ties: ops.clicks.ties(kind, id, TIES_READ, ops.now()).await?, ..Found::default() };
    let references: BTreeSet<_> = found.ties.iter().map(|tie| tie.reference.clone()).collect();
    for reference in &references {
        found.clicks.extend(of_reference(ops, reference).await?);
    }
    Ok(found)
}

/// Where a click id was seen: reads all clicks.
pub async fn everywhere(ops: &Ops, id: &ClickId) -> Result<Vec<Sighting>, Failure> {
    let progress = Progress::new("clicks", ops.size_of("ClicksTable").await);
    let (mut sightings, mut after) = (Vec::new(), None);
    loop {
        let page = ops.clicks.page(after).await?;
        progress.add((page.sightings.len() + page.ties.len()) as u64);
        sightings.extend(page.sightings.into_iter().filter(|sighting| sighting.is_of(id)));
        after = page.next;
        if after.is_none() {
            return Ok(sightings);
        }
    }
}
