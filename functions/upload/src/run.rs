//! One run in progress: from rows that were read to what is written about them.

use std::collections::BTreeMap;

use tracklayer_core::{
    id::AccountName,
    ledger::row::Row,
    reconcile::{
        decide::after_wait,
        note::{Context, Note, OnConflict, Write},
    },
};
use tracklayer_edge::ports::{Batches as _, Clock as _, Ports, Written};

use crate::{
    account::Accounts,
    batch::{Fate, Work},
    handler::{Deadline, Upload},
    report::Report,
};

/// How often an outcome is written anew when other writers are faster.
const WRITE_ROUNDS: usize = 8;

/// What the steps of a run share.
pub struct Run<'a, P: Ports> {
    pub upload: &'a Upload<P>,
    pub works: &'a mut [Work],
    pub accounts: &'a Accounts,
    pub deadline: Deadline,
    pub report: &'a mut Report,
    /// Calls in a row that were refused whole.
    pub refused_whole: BTreeMap<AccountName, u32>,
}

impl<P: Ports> Run<'_, P> {
    /// Works on all rows.
    pub async fn work(&mut self) {
        self.redrive().await;
        self.upload.review_clicks(self.works).await;
        let mut planned = self.decide().await;
        self.drop_hashes(&mut planned).await;
        self.send(planned).await;
    }

    /// Writes a note about each of these rows and keeps the rows up to date; true where it is
    /// written. Where another writer was faster, the note says itself what is still true.
    pub async fn note(&mut self, notes: Vec<(usize, Note)>) -> Vec<bool> {
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
                match outcome {
                    Written::Done => {
                        work.row = work.row.as_ref().map(|row| write.applied_to(row));
                        written[slot] = true;
                    }
                    Written::Conflict(Some(current)) => {
                        work.row = Some(*current);
                        pending.push(slot);
                    }
                    Written::Conflict(None) => {}
                    Written::Failed(error) => {
                        tracing::warn!(record = work.key.label(), error, "row not written");
                        pending.push(slot);
                    }
                }
            }
        }
        written
    }

    fn draft(&self, note: &Note, seen: &Row, work: &Work) -> Option<Write> {
        let current = work.row.as_ref()?;
        let account = self.accounts.view(&current.account);
        let context = Context {
            account: &account,
            now: self.upload.clock.now(),
            policy: &self.upload.policy,
        };
        let moved = (current.observed_revision, current.desired_revision)
            != (seen.observed_revision, seen.desired_revision);
        match moved {
            false => Some(note.write(current, &context)),
            true => match note.again(seen, current, &context) {
                OnConflict::Write(write) => Some(*write),
                OnConflict::HandBack => None,
            },
        }
    }

    /// At the last receive, what goes to the dead letters is marked in the ledger too.
    pub async fn bury(&mut self) {
        let max_receives = self.upload.max_receives;
        let is_dying = |work: &Work| {
            let rests = |row: &Row| row.observed.refusal.is_some() || after_wait(row).is_none();
            let refused = work.row.as_ref().is_some_and(rests);
            let again = matches!(work.fate, Fate::HandBack | Fate::Later(_));
            again && work.receives() >= max_receives && !refused
        };
        let dying: Vec<usize> =
            (0..self.works.len()).filter(|&index| is_dying(&self.works[index])).collect();
        let notes = dying.iter().map(|&index| (index, Note::Dead)).collect();
        let written = self.note(notes).await;
        for (index, written) in dying.into_iter().zip(written) {
            tracing::error!(
                record = self.works[index].key.label(),
                written,
                "given up by the queue"
            );
            if let Some(row) = &self.works[index].row {
                self.report.count(&row.account, "Dead");
            }
        }
    }
}
