//! How corrections and their originals find each other, in whatever order they come and whoever dies
//! in between.
//!
//! A correction reads the partition of its original, writes itself into the row, or else into the
//! orphan ([`aim`], [`add`]), and then, if it is in the orphan, reads the partition again
//! ([`look_again`]). An original, new or repeated, writes its row and then reads the partition
//! ([`take`]). Both write before they read, so at least one of them sees the other. If it dies before
//! it acts, sweep finds the orphan on its third day and on its last ([`look`]).
//!
//! A correction is in one place at any time, even if it is sent twice at once. It is written into the
//! orphan together with its pointer, and only if it has none. Who writes it into a row owns the pointer
//! before; if there was one already, another request may have written the correction, and the
//! partition is read again. From the orphan it moves to a row in one transaction.
//!
//! An id may also be that of another notice of an order ([`crate::reconcile::orders`]): then the
//! order's row is an original under that id, too.

use crate::id::{AccountName, EventName};
use crate::ledger::correction::{Correction, CorrectionRefusal, MAX_CORRECTIONS};
use crate::ledger::orphan::{Orphan, entry, kept_until};
use crate::ledger::row::{PartitionKey, Row};
use crate::reconcile::intake::{Unfit, append, has};
use crate::reconcile::note::Context;
use crate::reconcile::state::{lost_since, without_effect};
use crate::time::EventTime;

/// Hours after which an orphan is looked at: on its third day.
const LOOK_HOURS: i64 = 3 * 24;
/// Hours after which an orphan ends: on its fourteenth day.
const END_HOURS: i64 = 14 * 24;

/// An original under the id that corrections name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Original<'a> {
    /// The event by which corrections may name it. Of another notice of an order it is the notice's.
    pub event: &'a EventName,
    pub row: &'a Row,
}

impl<'a> Original<'a> {
    /// The row under its own id.
    pub fn own(row: &'a Row) -> Self {
        Original { event: &row.key.event, row }
    }

    /// The rows under their own id.
    pub fn all_of(rows: &'a [Row]) -> Vec<Self> {
        rows.iter().map(Original::own).collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim<'a> {
    /// In the row of the one original that is meant.
    Row(&'a Row),
    /// In the orphan: its original has not come.
    Orphan,
    /// Nowhere: it names no event, and there are several originals.
    Ambiguous,
}

/// The one that `correction` means among the `originals` under its id. An event that it names and
/// that none of them has is waited for: the others may be siblings that came first. Several notices of
/// one order are one original.
pub fn aim<'a>(correction: &Correction, originals: &[Original<'a>]) -> Aim<'a> {
    let mut meant = originals.iter().filter(|original| means(correction, original.event));
    let Some(Original { row, .. }) = meant.next() else { return Aim::Orphan };
    if meant.all(|other| other.row.key == row.key) { Aim::Row(row) } else { Aim::Ambiguous }
}

fn means(correction: &Correction, event: &EventName) -> bool {
    correction.original_event.as_ref().is_none_or(|named| named == event)
}

/// The orphan with one more correction. One that has ended is looked at again, as if it were new.
///
/// # Errors
/// If it has as many corrections as a row takes.
pub fn add(
    key: &PartitionKey, known: Option<&Orphan>, correction: Correction,
    account: Option<&AccountName>, context: &Context<'_>,
) -> Result<Orphan, Unfit> {
    let now = context.now;
    let mut after = known.cloned().unwrap_or_else(|| Orphan {
        key: key.clone(),
        account: None,
        corrections: Vec::new(),
        revision: 0,
        recorded_at: now,
        open: None,
        ttl: now,
    });
    if after.corrections.len() >= MAX_CORRECTIONS {
        return Err(Unfit::TooMany);
    }
    after.corrections.push(correction);
    after.revision += 1;
    after.account = after.account.or_else(|| account.cloned());
    after.open = after.open.or_else(|| Some(entry(hours_after(now, LOOK_HOURS, context), now)));
    after.ttl = kept_until(now);
    Ok(after)
}

fn hours_after(since: EventTime, hours: i64, context: &Context<'_>) -> EventTime {
    since.plus_seconds(hours * context.policy.hour)
}

/// What has become of a correction since it was written into the orphan.
#[derive(Clone, Debug, PartialEq)]
pub enum Again<'a> {
    /// Its original has not come: it waits.
    Waits,
    Taken(&'a Row),
    /// This original is there, but has not taken what it may: its request read the partition too
    /// early, or died.
    Take(&'a Row, Box<Moved>),
    Gone,
}

/// Looks at the partition again after `correction` was written into the orphan. If several originals
/// have come meanwhile and it names none, it goes to the one that was recorded first, as if that one
/// had come alone: the correction came before them, and it may be acknowledged already.
pub fn look_again<'a>(
    correction: &Correction, originals: &[Original<'a>], orphan: Option<&Orphan>,
    context: &Context<'_>,
) -> Again<'a> {
    if let Some(original) = originals.iter().find(|it| has(&it.row.corrections, correction)) {
        return Again::Taken(original.row);
    }
    let Some(orphan) = orphan.filter(|orphan| has(&orphan.corrections, correction)) else {
        return Again::Gone;
    };
    match take_first(originals, orphan, context) {
        Some((row, moved)) => Again::Take(row, Box::new(moved)),
        None => Again::Waits,
    }
}

/// A row and an orphan after corrections have moved from one to the other. Both are written in one
/// transaction, on condition of all their revisions.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// The row with the corrections, as if they came now.
    pub row: Row,
    /// The orphan with what is left, perhaps nothing.
    pub orphan: Orphan,
    /// What a log says of each of the corrections that can have no effect any more.
    pub lost: Vec<String>,
}

/// What the row of `original` takes of the orphan: the corrections that name its event or none, first
/// come, first served, up to as many as a row has. What there is no room for is refused and stays in
/// the orphan: no other original may take it. `None` if nothing changes.
pub fn take(original: Original<'_>, orphan: &Orphan, context: &Context<'_>) -> Option<Moved> {
    let before = original.row;
    let is_meant = |it: &Correction| it.refused.is_none() && means(it, original.event);
    if !orphan.corrections.iter().any(is_meant) {
        return None;
    }
    let mut row = before.clone();
    let (mut left, mut too_many) = (Vec::new(), Vec::new());
    for correction in orphan.corrections.iter().cloned() {
        if !is_meant(&correction) {
            left.push(correction);
        } else if row.corrections.len() < MAX_CORRECTIONS {
            row = append(&row, correction, context);
        } else {
            let refusal = CorrectionRefusal::TooManyCorrections;
            too_many.push(without_effect(&correction, refusal));
            left.push(Correction { refused: Some(refusal), ..correction });
        }
    }
    if row.desired_revision == before.desired_revision {
        // An update must change something.
        row.desired_revision += 1;
    }
    let mut lost = lost_since(&row, before.corrections.len());
    lost.append(&mut too_many);
    let mut orphan = Orphan { corrections: left, revision: orphan.revision + 1, ..orphan.clone() };
    orphan.open = orphan.open.take().filter(|_| orphan.waiting().next().is_some());
    Some(Moved { row, orphan, lost })
}

/// The first of the originals, in the order in which they were recorded, that takes something of the
/// orphan.
fn take_first<'a>(
    originals: &[Original<'a>], orphan: &Orphan, context: &Context<'_>,
) -> Option<(&'a Row, Moved)> {
    let mut originals = originals.to_vec();
    originals.sort_by_key(|original| (original.row.recorded_at, &original.row.key));
    originals.into_iter().find_map(|it| Some((it.row, take(it, orphan, context)?)))
}

/// What sweep does about an orphan.
#[derive(Clone, Debug, PartialEq)]
pub enum Look<'a> {
    /// Nothing: it is not due.
    Nothing,
    /// This original is there and takes what it may.
    Take(&'a Row, Box<Moved>),
    /// No original has come: people are told, and it is looked at once more at its end.
    Missing(Box<Orphan>),
    /// No original has come, and nobody looks for one any more.
    Ended(Box<Orphan>),
}

/// Looks at an orphan that is due, among the `originals` under its id.
pub fn look<'a>(orphan: &Orphan, originals: &[Original<'a>], context: &Context<'_>) -> Look<'a> {
    let Some(open) = orphan.open.as_ref().filter(|open| open.due <= context.now) else {
        return Look::Nothing;
    };
    if let Some((row, moved)) = take_first(originals, orphan, context) {
        return Look::Take(row, Box::new(moved));
    }
    let end = hours_after(open.since, END_HOURS, context);
    let is_over = end <= context.now;
    let open = (!is_over).then(|| entry(end, open.since));
    let after = Box::new(Orphan { open, revision: orphan.revision + 1, ..orphan.clone() });
    if is_over { Look::Ended(after) } else { Look::Missing(after) }
}
