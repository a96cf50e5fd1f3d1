//! One run in progress: from rows that were read to what is written about them.

use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::reconcile::note::{Context, Note, Write, is_left_without_message};
use tracklayer_edge::ports::{Batches as _, Clock as _, Ports, Written};

use crate::accounts::Accounts;
use crate::batch::{Disposition, Work};
use crate::context::Upload;
use crate::deadline::RunTime;
use crate::log::Report;

/// How often an outcome is written anew when other writers are faster.
const WRITE_ROUNDS: usize = 8;

/// What the steps of a run share.
pub struct Run<'a, P: Ports> {
    pub upload: &'a Upload<P>,
    pub works: &'a mut [Work],
    pub accounts: Accounts,
    pub time: RunTime,
    pub report: &'a mut Report,
}

impl<P: Ports> Run<'_, P> {
    /// Writes a note about each of these rows and keeps the rows up to date; true where it is
    /// written. Where another writer was faster, the note says itself what is still true.
    pub async fn note(&mut self, notes: &[(usize, Note)]) -> Vec<bool> {
        let mut written = vec![false; notes.len()];
        let mut pending: Vec<usize> = (0..notes.len()).collect();
        // The row each note was made from: what it meets later is compared with that one.
        let seen: Vec<_> = notes.iter().map(|(index, _)| self.works[*index].row.clone()).collect();
        for _ in 0..WRITE_ROUNDS {
            let (slots, writes): (Vec<_>, Vec<_>) = pending
                .iter()
                .filter_map(|&slot| {
                    let (index, note) = &notes[slot];
                    let write = self.draft(note, seen[slot].as_ref()?, &self.works[*index])?;
                    Some((slot, write))
                })
                .unzip();
            if writes.is_empty() {
                break;
            }
            pending.clear();
            let outcomes = self.upload.ledger.write(&writes).await;
            for ((slot, write), outcome) in slots.into_iter().zip(&writes).zip(outcomes) {
                let work = &mut self.works[notes[slot].0];
                match settle(work, write, outcome) {
                    Settled::Written => written[slot] = true,
                    Settled::Again => pending.push(slot),
                    Settled::Lost => {}
                }
            }
        }
        written
    }

    fn draft(&self, note: &Note, seen: &Row, work: &Work) -> Option<Write> {
        let current = work.row.as_ref()?;
        let account = self.accounts.view(&current.account).cloned().unwrap_or_default();
        let context = Context {
            account: &account,
            now: self.upload.clock.now(),
            policy: &self.upload.policy,
        };
        let revisions = |row: &Row| (row.observed_revision, row.desired_revision);
        if revisions(current) == revisions(seen) {
            return Some(note.write(current, work.found.as_deref(), &context));
        }
        note.again(seen, current, &context)
    }

    /// A row that is not sent, or not settled, in this run.
    pub fn set_aside(&mut self, index: usize, disposition: Disposition) {
        let upload = self.upload;
        self.works[index].set_aside(disposition, upload.clock.now(), &upload.policy);
    }

    /// Leaves to their `due` the rows that were set aside for trouble. Another run that has received
    /// the same message needs it for a dead letter if it sends the row and is refused: if it has
    /// claimed the row, its message is kept; if not, it can't any more.
    pub async fn leave(&mut self) {
        let left = |work: &Work| work.is_left && work.disposition == Disposition::Done;
        let notes: Vec<(usize, Note)> = (0..self.works.len())
            .filter(|&index| left(&self.works[index]))
            .map(|index| (index, Note::Left))
            .collect();
        let written = self.note(&notes).await;
        for ((index, _), _) in notes.into_iter().zip(written).filter(|(_, written)| !written) {
            self.works[index].disposition = Disposition::Return;
            self.set_aside(index, Disposition::Return);
            let work = &mut self.works[index];
            if work.disposition == Disposition::Done {
                // It still waits, but could not be written.
                (work.row, work.disposition) = (None, Disposition::Return);
            }
        }
    }

    /// At the last receive, what becomes a dead-letter message is marked in the ledger too.
    pub async fn mark_dead(&mut self) {
        let max_receives = self.upload.max_receives;
        let is_dying = |work: &Work| {
            let again = matches!(work.disposition, Disposition::Return | Disposition::Defer(_));
            // A row that is looked at for a click is driven by its `due`.
            let is_look = |row: &Row| {
                row.open.as_ref().is_some_and(|open| open.class == IndexClass::Look)
                    && work.found.is_none()
            };
            let is_left =
                work.row.as_ref().is_none_or(|row| is_left_without_message(row) && !is_look(row));
            again && work.receives() >= max_receives && is_left
        };
        let dying: Vec<(usize, Note)> = (0..self.works.len())
            .filter(|&index| is_dying(&self.works[index]))
            .map(|index| (index, Note::Dead))
            .collect();
        let written = self.note(&dying).await;
        for ((index, _), written) in dying.into_iter().zip(written) {
            let record = self.works[index].key.label();
            tracing::error!(record, written, "given up by the queue");
            if let Some(row) = &self.works[index].row {
                self.report.count(&row.account, "Dead");
            }
        }
    }
}

/// How one write of a note ended.
enum Settled {
    Written,
    /// Somebody was faster, or DynamoDB did not answer: what is still true is written anew.
    Again,
    Lost,
}

fn settle(work: &mut Work, write: &Write, outcome: Written) -> Settled {
    match outcome {
        Written::Done => {
            work.row = work.row.as_ref().map(|row| write.applied_to(row));
            work.found = None;
            Settled::Written
        }
        Written::Conflict(Some(current)) => {
            work.row = Some(*current);
            work.found = None;
            Settled::Again
        }
        Written::Conflict(None) => Settled::Lost,
        Written::Failed(error) => {
            tracing::warn!(record = work.key.label(), error, "row not written");
            Settled::Again
        }
    }
}
