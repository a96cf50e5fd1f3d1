//! One run: read the rows, decide each, send, write what was learned, answer per message.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use tracklayer_core::{
    decide::Policy,
    id::AccountName,
    mapping::Mapping,
    note::{Judge, Note, Second},
    observed::Environment,
};
use tracklayer_edge::{
    clicks::Clicks,
    clock,
    ledger::{Found, Ledger, Written},
    microsoft::{Auth, Client},
    queue::Queue,
    secrets::Secrets,
};

use crate::{
    account::{Account, Accounts},
    batch::{Batch, Fate, Work},
    report::Report,
    wire::{SqsBatchResponse, SqsEvent},
};

/// Time kept free at the end of a run for writing what was learned; less in short runs.
const MAX_WRITE_TIME: Duration = Duration::from_secs(10);
/// The longest a call may take.
const MAX_CALL_TIME: Duration = Duration::from_secs(60);
/// How often an outcome is written anew when other writers are faster.
const WRITE_ROUNDS: usize = 8;

/// What the function needs.
pub struct Upload {
    pub mapping: Mapping,
    pub policy: Policy,
    /// Receives after which the queue gives a message up.
    pub max_receives: u32,
    pub environment: Environment,
    pub clicks: Clicks,
    pub ledger: Ledger,
    pub queue: Queue,
    pub secrets: Secrets,
    pub auth: Auth,
    pub microsoft: Client,
}

/// When Lambda ends the run.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    end: Instant,
    call_time: Duration,
    write_time: Duration,
}

impl Deadline {
    /// From the invocation's deadline in milliseconds since 1970. A call gets half of what is left
    /// at the start, at most a minute.
    pub fn at_epoch_ms(deadline: u64) -> Self {
        let left = i64::try_from(deadline).unwrap_or(i64::MAX).saturating_sub(clock::now_ms());
        let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
        Deadline {
            end: Instant::now() + left,
            call_time: MAX_CALL_TIME.min(left / 2),
            write_time: MAX_WRITE_TIME.min(left / 4),
        }
    }

    /// How long a call may take; `None` if one begun now could outlive the time to write.
    pub fn for_call(&self) -> Option<Duration> {
        let end = Instant::now() + self.call_time + self.write_time;
        (end <= self.end).then_some(self.call_time)
    }
}

impl Upload {
    /// Answers one batch. Never fails as a whole: what could not be done is handed back.
    pub async fn handle(&self, event: SqsEvent, deadline: Deadline) -> SqsBatchResponse {
        let mut batch = Batch::new(event, clock::now());
        let mut report = Report::default();
        match self.read(&mut batch).await {
            Ok(found) => self.work(&mut batch.works, found, deadline, &mut report).await,
            Err(error) => tracing::error!(%error, "rows not read, nothing is sent"),
        }
        self.bury(&mut batch.works, &mut report).await;
        self.queue.hide(&batch.hides()).await;
        report.finish(&batch);
        batch.response()
    }

    async fn read(&self, batch: &mut Batch) -> Result<Found, tracklayer_edge::ledger::LedgerError> {
        let keys: Vec<_> = batch.works.iter().map(|work| work.key.clone()).collect();
        let accounts: Vec<_> =
            self.mapping.accounts().map(|account| account.name().clone()).collect();
        if keys.is_empty() {
            return Ok(Found::default());
        }
        let mut found = self.ledger.read(&keys, &accounts).await?;
        for work in &mut batch.works {
            work.row = found.rows.remove(&work.key);
            if work.row.is_none() {
                // Perhaps not processed, perhaps not written yet: never taken for settled.
                tracing::warn!(record = work.key.label(), "row not read, handed back");
            }
        }
        Ok(found)
    }

    async fn work(
        &self,
        works: &mut [Work],
        found: Found,
        deadline: Deadline,
        report: &mut Report,
    ) {
        let names: BTreeSet<AccountName> = works
            .iter()
            .filter_map(|work| work.row.as_ref())
            .map(|row| row.account.clone())
            .collect();
        let accounts = self.accounts(names, found.accounts, report).await;
        self.redrive(works, &accounts).await;
        self.bind(works).await;
        let planned = self.decide(works, &accounts, report).await;
        self.send(works, planned, &accounts, deadline, report).await;
    }

    /// Writes a note about each of these rows and keeps the rows up to date; true where it is
    /// written. Where another writer was faster, the note says itself what is still true.
    pub async fn note(
        &self,
        works: &mut [Work],
        notes: Vec<(usize, Note)>,
        accounts: &Accounts,
    ) -> Vec<bool> {
        let mut written = vec![false; notes.len()];
        let mut pending: Vec<usize> = (0..notes.len()).collect();
        // The row each note was made from: what it meets later is compared with that one.
        let seen: Vec<_> = notes.iter().map(|(index, _)| works[*index].row.clone()).collect();
        for _ in 0..WRITE_ROUNDS {
            let (slots, writes): (Vec<_>, Vec<_>) = pending
                .iter()
                .filter_map(|&slot| {
                    let (index, note) = &notes[slot];
                    let write = self.draft(note, seen[slot].as_ref()?, &works[*index], accounts)?;
                    Some((slot, write))
                })
                .unzip();
            if writes.is_empty() {
                break;
            }
            pending.clear();
            let outcomes = self.ledger.write(&writes).await;
            for ((slot, write), outcome) in slots.into_iter().zip(&writes).zip(outcomes) {
                let work = &mut works[notes[slot].0];
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

    fn draft(
        &self,
        note: &Note,
        seen: &tracklayer_core::record::Row,
        work: &Work,
        accounts: &Accounts,
    ) -> Option<tracklayer_core::note::Write> {
        let current = work.row.as_ref()?;
        let account = accounts.view(&current.account);
        let judge = Judge { account: &account, now: clock::now(), policy: &self.policy };
        let moved = (current.observed, current.desired) != (seen.observed, seen.desired);
        match moved {
            false => Some(note.write(current, &judge)),
            true => match note.again(seen, current, &judge) {
                Second::Write(write) => Some(*write),
                Second::HandBack => None,
            },
        }
    }

    /// At the last receive, what goes to the dead letters is marked in the ledger too.
    async fn bury(&self, works: &mut [Work], report: &mut Report) {
        let is_dying = |work: &Work| {
            let refused = work.row.as_ref().is_some_and(|row| row.microsoft.refusal.is_some());
            let again = matches!(work.fate, Fate::HandBack | Fate::Later(_));
            again && work.receives() >= self.max_receives && !refused
        };
        let dying: Vec<usize> = (0..works.len()).filter(|&index| is_dying(&works[index])).collect();
        let notes = dying.iter().map(|&index| (index, Note::Dead)).collect();
        let written = self.note(works, notes, &Accounts::default()).await;
        for (index, written) in dying.into_iter().zip(written) {
            tracing::error!(record = works[index].key.label(), written, "given up by the queue");
            if let Some(row) = &works[index].row {
                report.count(&row.account, "Dead");
            }
        }
    }
}

impl Accounts {
    /// The account of a work's row, if it can be used.
    pub fn of(&self, work: &Work) -> Option<&Account> {
        self.get(&work.row.as_ref()?.account)
    }
}
