//! The life of one row: corrections, attempts that end in every way, redrives, better clicks, time.

use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, to_value};
use tracklayer_core::id::GoalName;
use tracklayer_core::ledger::correction::Correction;
use tracklayer_core::ledger::facts::{Click, Facts};
use tracklayer_core::ledger::observed::{Kind, Postponed};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::microsoft::errors::ErrorClass;
use tracklayer_core::microsoft::payload::{OfflineConversion, OfflineConversionAdjustment};
use tracklayer_core::microsoft::reply::MicrosoftError;
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::decide::{Action, next_action};
use tracklayer_core::reconcile::intake::{append, credited_to};
use tracklayer_core::reconcile::note::Note;
use tracklayer_core::reconcile::redrive::{Redrive, redrive};
use tracklayer_core::time::EventTime;

use crate::{support::*, world::CLICKS};

/// How the attempt that a row asks for ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    Accepted,
    Failed,
    Later,
    Unknown,
    NotTaken,
    TooLate,
    Killed,
}

#[derive(Clone, Debug)]
pub enum Step {
    Refund(i64),
    Restatement(i64),
    Full,
    Attempt(End),
    Pass(i64),
    Redrive,
    Click(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![
        4 => Just(End::Accepted),
        1 => Just(End::Failed),
        1 => Just(End::Later),
        1 => Just(End::Unknown),
        1 => Just(End::NotTaken),
        1 => Just(End::TooLate),
        1 => Just(End::Killed),
    ];
    prop_oneof![
        2 => (1_i64..150_000).prop_map(Step::Refund),
        1 => (0_i64..200_000).prop_map(Step::Restatement),
        1 => Just(Step::Full),
        8 => end.prop_map(Step::Attempt),
        1 => (0_i64..900).prop_map(Step::Pass),
        3 => (0_i64..2 * DAY).prop_map(Step::Pass),
        1 => Just(Step::Redrive),
        1 => (0_usize..3).prop_map(Step::Click),
    ]
}

/// What happens to a sale, and how many days old it is at first.
pub fn steps() -> impl Strategy<Value = (i64, Vec<Step>)> {
    let days = prop_oneof![3 => Just(0_i64), 1 => Just(86_i64)];
    (days, prop::collection::vec(step(), 0..40))
}

/// Something that was sent.
#[derive(Clone)]
pub struct Sent {
    pub at: EventTime,
    pub end: End,
    pub payload: Value,
    pub kind: Kind,
}

/// A row on its way, with the attempts that were made of it.
pub struct Story {
    pub row: Row,
    pub now: EventTime,
    pub bench: Bench,
    pub click: usize,
    pub sent: Vec<Sent>,
}

impl Story {
    fn new(row: Row, now: EventTime) -> Self {
        Story { row, now, bench: Bench::new(), click: 0, sent: Vec::new() }
    }

    fn take(&mut self, number: usize, step: &Step) {
        let happened = number as i64;
        let name = format!("c-{number}");
        let text = |thousandths: i64| Decimal::new(thousandths, 3).to_string();
        match step {
            Step::Refund(part) => self.correct(refund(&name, happened, &text(*part))),
            Step::Restatement(value) => self.correct(restatement(&name, happened, &text(*value))),
            Step::Full => self.correct(full(&name, happened)),
            Step::Pass(seconds) => self.now = self.now.plus_seconds(*seconds),
            Step::Redrive => self.redrive(),
            Step::Attempt(end) => self.attempt(*end),
            Step::Click(n) => self.click = *n,
        }
    }

    fn correct(&mut self, correction: Correction) {
        self.row = append(&self.row, correction, &self.bench.context(self.now));
    }

    fn redrive(&mut self) {
        let goal: GoalName = id("Purchases");
        if let Redrive::Lift(goal) = redrive(&self.row, self.now, Some(&goal)) {
            self.note(&Note::Redriven(goal), None);
        }
    }

    pub fn next(&self) -> Action {
        next_action(&self.row, &self.bench.account, self.now, &self.bench.policy)
    }

    fn note(&mut self, note: &Note, found: Option<&Facts>) {
        let write = note.write(&self.row, found, &self.bench.context(self.now));
        assert!(carry_out(&mut self.row, &write));
    }

    /// What is found now, where nothing may have been sent.
    fn found(&self) -> Option<Facts> {
        let free = self.row.observed.accepted.is_none() && !self.row.observed.may_count();
        let click = ClickId::parse(CLICKS[self.click]).expect("a click id");
        let facts = &self.row.facts;
        let search = match facts.refused_clicks.contains(&click) {
            true => Err(WaitReason::NoClick),
            false => Ok((click, Click::BROUGHT)),
        };
        Some(credited_to(facts, &search)).filter(|_| free)
    }

    pub fn attempt(&mut self, end: End) {
        let found = self.found();
        let facts = found.clone().unwrap_or_else(|| self.row.facts.clone());
        let row = Row { facts, ..self.row.clone() };
        let action = next_action(&row, &self.bench.account, self.now, &self.bench.policy);
        let (kind, payload) = match action {
            Action::Apply => {
                self.note(&Note::ClaimedApply, found.as_ref());
                (Kind::Apply, to_value(OfflineConversion::new(&self.row.facts)))
            }
            Action::Adjust(adjustment, time) => {
                self.note(&Note::ClaimedAdjustment(adjustment.clone(), time), None);
                let facts = &self.row.facts;
                let payload = OfflineConversionAdjustment::new(facts, &adjustment, time);
                (adjustment.kind(), to_value(payload))
            }
            Action::Refuse(reason) if self.row.observed.refusal.is_none() => {
                return self.note(&Note::Refused(reason), None);
            }
            _ => return,
        };
        let payload = payload.expect("JSON");
        self.sent.push(Sent { at: self.now, end, payload, kind });
        let may_wait = !matches!(self.next(), Action::Apply | Action::Adjust(..));
        assert!(may_wait, "somebody is at it: {:?}", self.row);
        if let Some(note) = self.outcome(end, kind) {
            self.note(&note, None);
        }
    }

    fn outcome(&self, end: End, kind: Kind) -> Option<Note> {
        let error = |code, class| MicrosoftError { code: Some(code), symbol: None, class };
        let until = self.now.plus_seconds(HOUR);
        let until = Postponed { until, reason: WaitReason::GoalTooRecent };
        let has_free_click =
            self.row.facts.click_id().is_some() && !self.row.observed.apply_unknown;
        Some(match end {
            End::Accepted => Note::Accepted(kind, mark()),
            End::Later => Note::Postponed(kind, mark(), error(5615, ErrorClass::Unknown), until),
            End::Unknown => Note::Unknown(kind, mark(), None),
            End::NotTaken => Note::NotTaken(kind, mark(), Some(error(106, ErrorClass::Account))),
            End::TooLate if kind == Kind::Apply && has_free_click => {
                Note::ClickRefused(mark(), error(5616, ErrorClass::Click))
            }
            End::Failed | End::TooLate => {
                Note::Failed(kind, mark(), error(5606, ErrorClass::GoalName))
            }
            End::Killed => return None,
        })
    }

    pub fn of_kind(&self, wanted: impl Fn(Kind) -> bool) -> Vec<&Sent> {
        self.sent.iter().filter(|sent| wanted(sent.kind)).collect()
    }
}

/// Whether Microsoft may have taken it.
pub fn may_be_taken(sent: &Sent) -> bool {
    matches!(sent.end, End::Accepted | End::Unknown | End::Killed)
}

/// Takes the steps, and looks at the row before and after each.
pub fn follow(steps: &(i64, Vec<Step>), look: impl FnMut(&Story)) -> Story {
    follow_row(|now| Row { recorded_at: now, ..row() }, steps, look)
}

/// The same of the row that is recorded first.
pub fn follow_row(
    row: impl FnOnce(EventTime) -> Row, (days, steps): &(i64, Vec<Step>),
    mut look: impl FnMut(&Story),
) -> Story {
    let now = after(2 * HOUR + days * DAY);
    let mut story = Story::new(row(now), now);
    for (number, step) in steps.iter().enumerate() {
        look(&story);
        story.take(number, step);
    }
    look(&story);
    story
}

pub fn moment(sent: &Sent) -> EventTime {
    time(sent.payload["AdjustmentTime"].as_str().expect("a time"))
}

pub fn identity(sent: &Sent) -> [&Value; 4] {
    identity_of(&sent.payload)
}

pub fn identity_of(payload: &Value) -> [&Value; 4] {
    ["ConversionName", "ConversionTime", "MicrosoftClickId", "HashedEmailAddress"]
        .map(|name| &payload[name])
}
