//! Before anything is sent: lift refusals of redriven rows, decide each row, write down what waits.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tracklayer_core::{
    ledger::{index::Open, observed::RefusalReason, row::Row, wait::WaitReason},
    mapping::Mapping,
    reconcile::{
        calls::{Item, Operation},
        decide::{Action, Adjustment, is_rushed, next_action},
        note::Note,
        redrive::{Delivery, Redrive, Today, redrive},
    },
    time::EventTime,
};
use tracklayer_edge::ports::{Clock as _, Ports};

use crate::{
    account::Account,
    batch::{Fate, Work},
    run::Run,
};

/// A row to be sent, by its place in the batch.
#[derive(Clone, Debug)]
pub struct Load {
    pub index: usize,
    /// The correction and its AdjustmentTime; absent for the original.
    pub adjustment: Option<(Adjustment, EventTime)>,
}

impl<P: Ports> Run<'_, P> {
    /// Rows that were refused or dead: taken up by a redrive, or left where they are.
    pub async fn redrive(&mut self) {
        let upload = self.upload;
        let mut notes = Vec::new();
        for (index, work) in self.works.iter_mut().enumerate() {
            let Some(row) = &work.row else { continue };
            let message = Delivery { sent_at: work.sent_at, receives: work.receives() };
            let today = today(&upload.mapping, row);
            match redrive(row, message, today, upload.clock.now(), &upload.policy) {
                Redrive::NotNeeded => {}
                Redrive::LeftOver => {
                    work.fate = Fate::Refused;
                    work.row = None;
                }
                Redrive::TooEarly => work.row = None,
                Redrive::Take(goal) => notes.push((index, Note::Taken(goal))),
            }
        }
        let indices: Vec<usize> = notes.iter().map(|(index, _)| *index).collect();
        let written = self.note(notes).await;
        for (index, written) in indices.into_iter().zip(written) {
            if !written {
                self.works[index].row = None;
            }
        }
    }

    /// Decides every row; answers with those that are to be sent.
    pub async fn decide(&mut self) -> Vec<Item<Load>> {
        let mut items = Vec::new();
        let mut notes = Vec::new();
        let (now, hour) = (self.upload.clock.now(), self.upload.policy.hour);
        for index in 0..self.works.len() {
            let decided = self.decide_one(&self.works[index]);
            let work = &mut self.works[index];
            match decided {
                Some(Decided::Send(operation, adjustment)) => {
                    let Some(row) = &work.row else { continue };
                    if adjustment.is_some() && is_rushed(row, now, &self.upload.policy) {
                        self.report.rushed(&row.account, &work.key);
                    }
                    let excused = |account: &Account| account.was_in_trouble(now, hour);
                    items.push(Item {
                        account: row.account.clone(),
                        operation,
                        suspect: work.is_suspect() && !self.accounts.of(work).is_some_and(excused),
                        load: Load { index, adjustment },
                    });
                }
                Some(Decided::Note(note)) => notes.push((index, note)),
                Some(Decided::Erased) => {
                    work.fate = Fate::Done;
                    if let Some(row) = &work.row {
                        self.report.count(&row.account, "Refused");
                    }
                }
                Some(Decided::Fate(fate)) => work.fate = fate,
                None => {}
            }
        }
        self.write_down(notes).await;
        items
    }

    /// Takes from the rows to be sent the hashes that their goals don't take; one whose row can't be
    /// written is not sent.
    pub async fn drop_hashes(&mut self, items: &mut Vec<Item<Load>>) {
        let originals = items.iter().filter(|item| item.operation == Operation::Conversions);
        let sent: Vec<usize> = originals.map(|item| item.load.index).collect();
        self.upload.drop_hashes(self.works, self.accounts, &sent).await;
        items.retain(|item| self.works[item.load.index].row.is_some());
    }

    async fn write_down(&mut self, notes: Vec<(usize, Note)>) {
        let written = self.note(notes.clone()).await;
        for ((index, note), _) in notes.into_iter().zip(written).filter(|(_, written)| *written) {
            let work = &mut self.works[index];
            work.fate = match note {
                Note::Refused(_) => Fate::Refused,
                _ => Fate::Done,
            };
            self.report.noted(work, &note);
        }
    }

    /// `None`: handed back as it is.
    fn decide_one(&self, work: &Work) -> Option<Decided> {
        let row = work.row.as_ref()?;
        let account = self.accounts.of(work)?;
        let now = self.upload.clock.now();
        let decide = || next_action(row, &account.view, now, &self.upload.policy);
        // A row that can't be decided is a defect; it must not take its batch with it.
        let Ok(action) = catch_unwind(AssertUnwindSafe(decide)) else {
            tracing::error!(record = work.key.label(), "decision failed, handed back");
            return None;
        };
        Some(match action {
            Action::Apply => Decided::Send(Operation::Conversions, None),
            Action::Adjust(adjustment, time) => {
                Decided::Send(Operation::Adjustments, Some((adjustment, time)))
            }
            Action::WaitUntil(until, WaitReason::ClickTooYoung) => {
                Decided::Fate(Fate::Later(until.seconds_since(now)))
            }
            Action::WaitUntil(_, WaitReason::OriginalMissing) => Decided::Fate(Fate::Done),
            Action::WaitUntil(until, reason) if is_waiting(row.open.as_ref(), until, reason) => {
                Decided::Fate(Fate::Done)
            }
            Action::WaitUntil(until, reason) => Decided::Note(Note::Waits(until, reason)),
            Action::Refuse(RefusalReason::IdentityErased) => Decided::Erased,
            Action::Refuse(reason) => Decided::Note(Note::Refused(reason)),
            Action::InSync if row.open.is_none() => Decided::Fate(Fate::Done),
            Action::InSync => Decided::Note(Note::InSync),
        })
    }
}

fn today<'a>(mapping: &'a Mapping, row: &Row) -> Today<'a> {
    let old = row.facts.as_ref().map(|facts| &facts.goal);
    let account = mapping.account(row.account.as_str());
    Today {
        goal: mapping.goal(&row.account, &row.key.event).map(|goal| &goal.name),
        has_old: account.is_some_and(|it| it.goals().any(|(_, goal)| Some(&goal.name) == old)),
    }
}

enum Decided {
    Send(Operation, Option<(Adjustment, EventTime)>),
    Note(Note),
    /// Its person is gone. No redrive could repair that, so its message ends here.
    Erased,
    Fate(Fate),
}

/// Whether the index says so already.
fn is_waiting(open: Option<&Open>, until: EventTime, reason: WaitReason) -> bool {
    open.is_some_and(|open| open.due == until && open.reason == Some(reason))
}
