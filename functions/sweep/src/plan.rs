//! What to do with an orphan that is due, given what stands under its original's id.

use tracklayer_core::{
    ledger::{
        correction::MAX_CORRECTIONS,
        observed::RefusalReason,
        row::{Row, RowKey},
        wait::WaitReason,
    },
    reconcile::{
        decide::Policy,
        intake::{append, has},
        note::{Context, Note},
    },
    time::{EventTime, MAX_AGE},
};

/// After how many hours of waiting an orphan rings (three days).
const RING_HOURS: i64 = 72;

/// What to do with an orphan.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// It is none any more: its original came and took the corrections over, or another run has
    /// removed it, refused it or moved it on.
    Gone,
    /// Its corrections go to this original, which then is the second.
    Move {
        /// The orphan as it was read.
        orphan: Box<Row>,
        /// The original as it was read.
        before: Box<Row>,
        /// The original with the corrections.
        after: Box<Row>,
    },
    /// It waits on, or ends.
    Note {
        /// The orphan as it was read.
        orphan: Box<Row>,
        /// What is noted in it.
        note: Note,
        /// Why a person should look at it.
        ring: Option<&'static str>,
    },
}

/// Decides about the orphan under `key`, whose index entry was due at `due`; `rows` are all rows of
/// its partition.
#[must_use]
pub fn plan(key: &RowKey, due: EventTime, rows: &[Row], context: &Context<'_>) -> Plan {
    let is_due = |row: &&Row| {
        row.key == *key && row.facts.is_none() && row.open.as_ref().is_some_and(|o| o.due == due)
    };
    let Some(orphan) = rows.iter().find(is_due) else { return Plan::Gone };
    let originals: Vec<&Row> = rows.iter().filter(|row| row.facts.is_some()).collect();
    match originals.as_slice() {
        [] => wait(orphan, rings(orphan, context.policy, context.now), context),
        // A correction that names its original's event is not given to a sibling.
        [_] if orphan.corrections.iter().any(|correction| correction.names_event) => {
            wait(orphan, rings(orphan, context.policy, context.now), context)
        }
        [original] => adopt(orphan, original, context),
        // None of them has the orphan's own event name, or it would stand where the orphan stands.
        _ => {
            wait(orphan, Some("several originals, none of the event the corrections name"), context)
        }
    }
}

/// The original with the orphan's corrections, as if they came now; one that it has already is
/// left out, so that a run that died before it removed the orphan is repeated without harm.
fn adopt(orphan: &Row, original: &Row, context: &Context<'_>) -> Plan {
    let missing = orphan.corrections.iter().filter(|correction| !has(original, correction));
    let after =
        missing.fold(original.clone(), |row, correction| append(&row, correction.clone(), context));
    if after.corrections.len() > MAX_CORRECTIONS {
        return wait(orphan, Some("the original has too many corrections"), context);
    }
    Plan::Move {
        orphan: Box::new(orphan.clone()),
        before: Box::new(original.clone()),
        after: Box::new(after),
    }
}

fn wait(orphan: &Row, ring: Option<&'static str>, context: &Context<'_>) -> Plan {
    let orphan_box = Box::new(orphan.clone());
    if is_over(orphan, context.now) {
        let note = Note::Refused(RefusalReason::OriginalNeverCame);
        return Plan::Note { orphan: orphan_box, note, ring: None };
    }
    let again = context.now.plus_seconds(context.policy.back_off(orphan.waits));
    let note = Note::Waits(again, WaitReason::OriginalMissing);
    Plan::Note { orphan: orphan_box, note, ring }
}

/// Counted from when the first correction reached the ledger.
fn rings(orphan: &Row, policy: &Policy, now: EventTime) -> Option<&'static str> {
    let since = orphan.corrections.iter().map(|correction| correction.recorded_at).min()?;
    let late = now.seconds_since(since) > RING_HOURS * policy.hour;
    late.then_some("no original has come")
}

/// An original that came now would be too old for its youngest correction to reach Microsoft.
fn is_over(orphan: &Row, now: EventTime) -> bool {
    let youngest = orphan.corrections.iter().map(|correction| correction.occurred_at).max();
    youngest.is_none_or(|time| now > time.plus_seconds(MAX_AGE))
}

#[cfg(test)]
mod tests;
