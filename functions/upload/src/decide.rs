//! Before anything is sent: lift refusals of redriven rows, decide each row, write down what waits.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tracklayer_core::id::AccountName;
use tracklayer_core::ledger::index::Open;
use tracklayer_core::ledger::observed::{Adjustment, Kind};
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::reconcile::calls::CAREFUL_FROM;
use tracklayer_core::reconcile::decide::{Action, busy_until, is_rushed, next_action};
use tracklayer_core::reconcile::note::Note;
use tracklayer_core::reconcile::redrive::{Redrive, redrive};
use tracklayer_core::time::EventTime;
use tracklayer_edge::ports::{Clock as _, Ports};

use crate::batch::{Disposition, Work};
use crate::run::Run;

/// A row to be sent, by its place in the batch.
#[derive(Clone, Debug)]
pub struct Load {
    pub account: AccountName,
    pub index: usize,
    /// The correction and its AdjustmentTime; absent for the original.
    pub adjustment: Option<(Adjustment, EventTime)>,
}

impl Load {
    pub fn kind(&self) -> Kind {
        self.adjustment.as_ref().map_or(Kind::Apply, |(adjustment, _)| adjustment.kind())
    }

    /// What is written before it is sent.
    pub fn claim(&self) -> Note {
        match &self.adjustment {
            None => Note::ClaimedApply,
            Some((adjustment, time)) => Note::ClaimedAdjustment(adjustment.clone(), *time),
        }
    }
}

/// What was decided about a row.
enum Decided {
    Send(Option<(Adjustment, EventTime)>),
    Note(Note),
    Dispose(Disposition),
    /// Its person is gone. No redrive could repair that, so its message ends here.
    Erased,
}

impl<P: Ports> Run<'_, P> {
    /// Rows that were refused, dead or left to their `due`: taken up by a redrive, or left where they are.
    pub async fn redrive(&mut self, part: Range<usize>) {
        let mut notes = Vec::new();
        for index in part {
            let work = &mut self.works[index];
            let Some(row) = &work.row else { continue };
            let goal = self.upload.mapping.goal(&row.account, &row.key.event);
            match redrive(row, work.sent_at, goal.map(|goal| &goal.name)) {
                Redrive::NotNeeded => {}
                Redrive::LeftOver => {
                    // What no redrive could help is not listed as refused.
                    let ended = row.observed.refusal.is_none() || row.open.is_none();
                    work.disposition =
                        if ended { Disposition::Done } else { Disposition::DeadLetter };
                    work.row = None;
                }
                Redrive::Lift(goal) => notes.push((index, Note::Redriven(goal))),
            }
        }
        let written = self.note(&notes).await;
        for ((index, _), written) in notes.into_iter().zip(written) {
            if !written {
                self.works[index].row = None;
            }
        }
    }

    /// Decides every row; answers with those that are to be sent.
    pub async fn decide(&mut self, part: Range<usize>) -> Vec<Load> {
        let mut loads = Vec::new();
        let mut notes = Vec::new();
        for index in part {
            if self.works[index].is_left {
                continue;
            }
            match self.decide_one(&self.works[index]) {
                Some(Decided::Send(adjustment)) => loads.extend(self.load(index, adjustment)),
                Some(Decided::Note(note)) => notes.push((index, note)),
                Some(Decided::Dispose(disposition)) => self.works[index].disposition = disposition,
                Some(Decided::Erased) => self.end(index),
                None => self.set_aside(index, Disposition::Return),
            }
        }
        self.write_down(notes).await;
        loads
    }

    fn end(&mut self, index: usize) {
        let work = &mut self.works[index];
        work.disposition = Disposition::Done;
        if let Some(row) = &work.row {
            self.report.count(&row.account, "Refused");
        }
    }

    fn load(&mut self, index: usize, adjustment: Option<(Adjustment, EventTime)>) -> Option<Load> {
        let upload = self.upload;
        let work = &self.works[index];
        let row = work.row.as_ref()?;
        if adjustment.is_some() && is_rushed(row, upload.clock.now(), &upload.policy) {
            self.report.rushed(&row.account, &work.key);
        }
        Some(Load { account: row.account.clone(), index, adjustment })
    }

    /// Whether it was tried often without success. A pause of its account explains that for an hour.
    pub fn needs_care(&self, load: &Load) -> bool {
        let work = &self.works[load.index];
        let tries = match load.adjustment {
            None => work.receives(),
            // This try is not claimed yet.
            Some(_) => work.row.as_ref().map_or(0, |row| row.observed.tries + 1),
        };
        let (now, hour) = (self.upload.clock.now(), self.upload.policy.hour);
        let paused = self.accounts.get(&load.account).is_some_and(|it| it.was_paused(now, hour));
        tries >= CAREFUL_FROM && !paused
    }

    async fn write_down(&mut self, notes: Vec<(usize, Note)>) {
        let written = self.note(&notes).await;
        for ((index, note), written) in notes.into_iter().zip(written) {
            if !written {
                self.set_aside(index, Disposition::Return);
                continue;
            }
            let work = &mut self.works[index];
            work.disposition = match &note {
                Note::Refused(reason) if !reason.is_over_unsent() => Disposition::DeadLetter,
                _ => Disposition::Done,
            };
            self.report.noted(work, &note, self.upload.clock.now());
        }
    }

    /// `None`: it can't be decided now.
    fn decide_one(&self, work: &Work) -> Option<Decided> {
        let row = work.candidate()?;
        let account = self.accounts.view(&row.account)?;
        let (now, policy) = (self.upload.clock.now(), &self.upload.policy);
        let decide = || next_action(&row, account, now, policy);
        // A row that can't be decided is a defect; it must not take its batch with it.
        let Ok(action) = catch_unwind(AssertUnwindSafe(decide)) else {
            tracing::error!(record = work.key.label(), "decision failed, its message is returned");
            return None;
        };
        Some(match action {
            Action::Apply => Decided::Send(None),
            Action::Adjust(adjustment, time) => Decided::Send(Some((adjustment, time))),
            Action::WaitUntil(until, reason) if reason.is_queued() => {
                Decided::Dispose(Disposition::Defer(until.seconds_since(now)))
            }
            // Another run has claimed its correction, perhaps because of the same message.
            Action::WaitUntil(..) if let Some(over) = busy_until(&row, now, policy) => {
                Decided::Dispose(Disposition::Defer(over.seconds_since(now)))
            }
            Action::WaitUntil(until, reason) => {
                let reason = work.missing.filter(|_| reason.is_for_click()).unwrap_or(reason);
                if work.found.is_none() && is_looking(row.open.as_ref(), until, reason) {
                    Decided::Dispose(Disposition::Done)
                } else {
                    Decided::Note(Note::Waits(until, reason))
                }
            }
            Action::Refuse(_) if row.is_erased() => Decided::Erased,
            Action::Refuse(reason) => Decided::Note(Note::Refused(reason)),
            Action::InSync if row.open.is_none() => Decided::Dispose(Disposition::Done),
            Action::InSync => Decided::Note(Note::InSync),
        })
    }
}

/// Whether the index says so already: sweep itself writes when a click is looked for next.
fn is_looking(open: Option<&Open>, until: EventTime, reason: WaitReason) -> bool {
    reason.is_for_click() && open.is_some_and(|it| it.due == until && it.reason == Some(reason))
}
