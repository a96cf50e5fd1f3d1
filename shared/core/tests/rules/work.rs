//! What a worker does with one message: read, decide, claim, send, note – in steps between which
//! anything may happen.

use serde_json::{Value, to_value};
use tracklayer_core::ledger::facts::Facts;
use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::observed::{Adjustment, Kind, RefusalReason};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::microsoft::payload::{OfflineConversion, OfflineConversionAdjustment};
use tracklayer_core::microsoft::reply::read_apply;
use tracklayer_core::reconcile::decide::{Action, busy_until};
use tracklayer_core::reconcile::note::{CallRef, Note};
use tracklayer_core::reconcile::redrive::{Redrive, redrive};
use tracklayer_core::reconcile::verdict::{Sent, verdict};
use tracklayer_core::time::EventTime;

use crate::messages::{Message, VISIBILITY};
use crate::microsoft::End;
use crate::support::{DAY, production};
use crate::world::World;

enum Stage {
    /// The row was read.
    Decide,
    /// It is claimed, and about to be sent.
    Send(Kind, Value),
    /// Answered.
    Record(Note),
}

pub struct Run {
    pub message: Message,
    seen: Row,
    pub started: EventTime,
    stage: Stage,
    /// When it claimed something.
    pub claimed: Option<EventTime>,
}

impl Run {
    pub fn new(message: Message, seen: Row, started: EventTime) -> Self {
        Run { message, seen, started, stage: Stage::Decide, claimed: None }
    }
}

impl World {
    /// The `n`-th run goes one step on; if that is its call, it ends like this.
    pub fn advance(&mut self, n: usize, end: End) {
        if self.runs.is_empty() {
            return;
        }
        let mut run = self.runs.remove(n % self.runs.len());
        match std::mem::replace(&mut run.stage, Stage::Decide) {
            Stage::Decide => self.decide(run),
            Stage::Send(kind, payload) => self.call(run, kind, payload, end),
            Stage::Record(note) => self.record(run, &note),
        }
    }

    fn decide(&mut self, mut run: Run) {
        match redrive(&run.seen, run.message.sent_at, Some(&self.goal)) {
            Redrive::NotNeeded => {}
            Redrive::LeftOver if run.seen.observed.refusal.is_none() => {
                return self.acknowledge(&run.message);
            }
            Redrive::LeftOver => return self.bury(run.message),
            Redrive::Lift(goal) => {
                if !self.note(&Note::Redriven(goal), &run.seen, None) {
                    return self.hand_back(run.message, VISIBILITY);
                }
                run.seen = self.row().clone();
            }
        }
        let found = self.credited(&run.seen);
        let row = Row {
            facts: found.clone().unwrap_or_else(|| run.seen.facts.clone()),
            ..run.seen.clone()
        };
        match self.bench.context(self.now).next(&row) {
            Action::Apply => self.claim_original(run, found.as_ref()),
            Action::Adjust(adjustment, time) => self.claim_adjustment(run, &adjustment, time),
            Action::WaitUntil(until, WaitReason::ClickTooYoung | WaitReason::AttemptRunning) => {
                self.hand_back(run.message, until.seconds_since(self.now));
            }
            Action::WaitUntil(..) if busy_until(&row, self.now, &self.bench.policy).is_some() => {
                self.hand_back(run.message, VISIBILITY);
            }
            Action::WaitUntil(until, reason) => {
                self.close(run, &Note::Waits(until, reason), found.as_ref());
            }
            // No person can repair it: its message ends here.
            Action::Refuse(RefusalReason::IdentityErased) => self.acknowledge(&run.message),
            Action::Refuse(reason) => {
                let over = reason == RefusalReason::MayAlreadyCount;
                if !self.note(&Note::Refused(reason), &run.seen, found.as_ref()) {
                    self.hand_back(run.message, VISIBILITY);
                } else if over {
                    self.acknowledge(&run.message);
                } else {
                    self.bury(run.message);
                }
            }
            Action::InSync => self.close(run, &Note::InSync, None),
        }
    }

    /// Writes the end of a run that sends nothing, and acknowledges.
    fn close(&mut self, run: Run, note: &Note, found: Option<&Facts>) {
        if !self.note(note, &run.seen, found) {
            return self.hand_back(run.message, VISIBILITY);
        }
        self.acknowledge(&run.message);
        if *note == Note::InSync && !self.row().is_erased() {
            assert!(!self.in_doubt, "in sync, though nobody knows what the last adjustment did");
        }
    }

    fn claim_original(&mut self, mut run: Run, found: Option<&Facts>) {
        if !self.note(&Note::ClaimedApply, &run.seen, found) {
            return self.hand_back(run.message, VISIBILITY);
        }
        (run.seen, run.claimed) = (self.row().clone(), Some(self.now));
        let payload = to_value(OfflineConversion::new(&run.seen.facts)).expect("JSON");
        run.stage = Stage::Send(Kind::Apply, payload);
        self.runs.push(run);
    }

    fn claim_adjustment(&mut self, mut run: Run, adjustment: &Adjustment, time: EventTime) {
        if !self.note(&Note::ClaimedAdjustment(adjustment.clone(), time), &run.seen, None) {
            return self.hand_back(run.message, VISIBILITY);
        }
        self.was_in_doubt = std::mem::replace(&mut self.in_doubt, true);
        self.claims.push(self.now);
        self.adjustment_times.push(time);
        (run.seen, run.claimed) = (self.row().clone(), Some(self.now));
        let payload = OfflineConversionAdjustment::new(&run.seen.facts, adjustment, time);
        run.stage = Stage::Send(adjustment.kind(), to_value(payload).expect("JSON"));
        self.runs.push(run);
    }

    fn call(&mut self, mut run: Run, kind: Kind, payload: Value, end: End) {
        let late = kind == Kind::Apply && self.microsoft.finds_click_late(&payload);
        let answer = end.answer(kind, late);
        if kind == Kind::Apply {
            let text = payload.to_string();
            let may_have = self.may_have.as_ref();
            assert!(may_have.is_none_or(|it| *it == text), "another Apply than {may_have:?}");
            let open = matches!(end, End::TakenUnheard(_) | End::Lost);
            if open || (end.delay().is_some() && !late) {
                self.may_have = Some(text.clone());
            }
            self.applies.push(text);
        }
        // Near the end adjustments lie only a run apart: one that is slow at Microsoft would come
        // after the next one.
        let near_the_end = self.now > self.row().correction_limit().plus_seconds(-2 * DAY);
        let delay = end.delay().map(|delay| if near_the_end { 0 } else { delay });
        match (delay.map(|delay| self.now.plus_seconds(delay)), kind) {
            (Some(shows_from), Kind::Apply) if !late => self.microsoft.apply(&payload, shows_from),
            (Some(at), Kind::Restate | Kind::Retract) => self.microsoft.adjust(payload, at),
            _ => {}
        }
        self.accidents += usize::from(late || !matches!(end, End::Taken(_)));
        let mark = CallRef { to: production(), tracking_id: None };
        run.stage = Stage::Record(match answer {
            None => Note::NotTaken(kind, mark, None),
            Some((status, body)) => {
                let (reply, sent) =
                    (read_apply(status, body.as_bytes(), 1), Sent::of(&run.seen, kind));
                verdict(reply, &[sent], &mark, self.now, &self.bench.policy).notes.remove(0)
            }
        });
        self.runs.push(run);
    }

    fn record(&mut self, run: Run, note: &Note) {
        let clean = self.row().observed_revision == run.seen.observed_revision;
        self.note(note, &run.seen, None);
        match note {
            Note::Accepted(Kind::Restate | Kind::Retract, _) if clean => self.in_doubt = false,
            // It changed nothing: what was in doubt before still is, and nothing else.
            Note::Failed(Kind::Restate | Kind::Retract, ..)
            | Note::Postponed(Kind::Restate | Kind::Retract, ..)
            | Note::NotTaken(Kind::Restate | Kind::Retract, ..)
                if clean =>
            {
                self.in_doubt = self.was_in_doubt;
                self.claims.pop();
            }
            _ => {}
        }
        if self.row().observed.refusal.is_some() {
            self.bury(run.message);
        } else {
            self.hand_back(run.message, VISIBILITY);
        }
    }

    /// What holds at any time, whatever has happened.
    pub fn check(&self) {
        assert!(self.microsoft.counted.len() <= 1, "one sale, one conversion");
        let Some(row) = &self.row else { return };
        let class = row.open.as_ref().map(|open| &open.class);
        if row.is_erased() {
            return assert_eq!(class, None, "still driven: {row:?}");
        }
        if let Some(refusal) = &row.observed.refusal {
            let listed = class == Some(&IndexClass::Refused);
            let either = refusal.reason == RefusalReason::MayAlreadyCount;
            assert!(either || listed != refusal.reason.is_beyond_repair(), "{row:?}");
        } else if row.observed.dead_at.is_some() {
            assert_eq!(class, Some(&IndexClass::Dead), "{row:?}");
        } else if class.is_none() && row.observed.accepted.is_some() {
            let next = self.bench.context(self.now).next(row);
            assert_eq!(next, Action::InSync, "forgotten: {row:?}");
        } else if class.is_none() {
            let carried = self.messages.len() + self.runs.len() + self.dead_letters.len();
            assert!(carried > 0, "forgotten: {row:?}");
        } else if class == Some(&IndexClass::Look) {
            assert!(!self.bench.account.can_match(&row.facts), "it could be sent: {row:?}");
        }
    }
}
