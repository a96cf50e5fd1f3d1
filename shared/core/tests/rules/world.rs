//! One row of the ledger in a world full of accidents: workers that overlap, stall and die, messages
//! that come twice, early or again from the dead letters, clicks that come late or are wrong, and a
//! Microsoft that doesn't always answer.

use std::sync::LazyLock;

use serde_json::{Value, json};
use tracklayer_core::event::{Conversion, Event, parse_event};
use tracklayer_core::id::GoalName;
use tracklayer_core::ledger::correction::Correction;
use tracklayer_core::ledger::facts::{Click, ClickOrigin, Facts};
use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::observed::RefusalReason;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::mapping::Mapping;
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::attribution::Credit;
use tracklayer_core::reconcile::erasure::erase;
use tracklayer_core::reconcile::intake::{
    Dispatch, append, check, credited_to, facts_of, has, place,
};
use tracklayer_core::reconcile::note::Note;
use tracklayer_core::time::EventTime;

use crate::messages::Message;
use crate::microsoft::{End, Microsoft, PIPELINE};
use crate::support::*;
use crate::work::Run;

/// Clicks that may be found; Microsoft knows that the second one is later than the sale.
pub const CLICKS: [&str; 3] =
    [CLICK, "a894f652ea334e739002f7167ab8f8e3", "b894f652ea334e739002f7167ab8f8e3"];

pub struct World {
    pub bench: Bench,
    pub now: EventTime,
    pub row: Option<Row>,
    pub microsoft: Microsoft,
    /// The goal that the mapping names today.
    pub goal: GoalName,
    /// What a search finds, the best click first.
    pub clicks: Vec<ClickId>,
    /// Every Apply payload that was sent.
    pub applies: Vec<String>,
    /// The one that Microsoft may have.
    pub may_have: Option<String>,
    /// When adjustments were claimed that may have been taken.
    pub claims: Vec<EventTime>,
    /// AdjustmentTimes in the order sent.
    pub adjustment_times: Vec<EventTime>,
    /// Calls that went wrong in any way, and runs that died.
    pub accidents: usize,
    /// Runs that died.
    pub kills: usize,
    /// An adjustment was claimed and none was taken since.
    pub in_doubt: bool,
    /// Whether that was so before the last claim, too.
    pub was_in_doubt: bool,
    pub dead_letters: Vec<Message>,
    pub runs: Vec<Run>,
    conversion: Conversion,
    corrections: Vec<Correction>,
    /// Corrections whose original has not come.
    orphans: Vec<Correction>,
    pub messages: Vec<Message>,
    /// How many messages were sent.
    pub sent: usize,
    /// Numbers of messages that were acknowledged or are dead letters.
    pub deleted: Vec<usize>,
}

fn parse(event: &Value, now: EventTime) -> Event {
    static MAPPING: LazyLock<Mapping> = LazyLock::new(Mapping::sample);
    parse_event(&event.to_string(), &MAPPING, now).event.expect("an event")
}

impl World {
    /// A world two hours after a sale of this value by somebody with a click, with these corrections
    /// to come (each a pair of the second it happened and its members).
    pub fn new(event: &str, value: Option<&str>, corrections: &[(i64, Value)]) -> Self {
        Self::later(2 * HOUR, event, value, corrections, json!({ "sessionId": "S" }))
    }

    /// Such a world so many seconds after the sale, with what the event says of the person.
    pub fn later(
        seconds: i64, event: &str, value: Option<&str>, corrections: &[(i64, Value)], person: Value,
    ) -> Self {
        let now = after(seconds);
        let mut sale = json!({ "event": event, "eventId": "4711", "source": "shop", "leadId": "L1",
            "occurredAt": sold().to_string() });
        for (name, value) in person.as_object().expect("members") {
            sale[name] = value.clone();
        }
        if let Some(value) = value {
            sale["value"] = serde_json::from_str(value).expect("a number");
            sale["currency"] = json!("USD");
        }
        let Event::Conversion(conversion) = parse(&sale, now) else { panic!("a conversion") };
        let corrections = corrections.iter().enumerate().map(|(n, (second, change))| {
            let mut refund = json!({ "event": "refund", "eventId": format!("r{n}"),
                "source": "shop", "occurredAt": after(*second).to_string(),
                "original": { "eventId": "4711", "event": event } });
            for (name, value) in change.as_object().expect("members") {
                refund[name] = value.clone();
            }
            match parse(&refund, now) {
                Event::Correction(correction) => correction.recorded,
                other => panic!("{other:?}"),
            }
        });
        let mut microsoft = Microsoft::default();
        microsoft.late_clicks.insert(CLICKS[1].to_owned());
        World {
            bench: Bench::new(),
            now,
            row: None,
            microsoft,
            goal: conversion.goal.name.clone(),
            clicks: vec![ClickId::parse(CLICK).expect("a click id")],
            applies: Vec::new(),
            may_have: None,
            claims: Vec::new(),
            adjustment_times: Vec::new(),
            accidents: 0,
            kills: 0,
            in_doubt: false,
            was_in_doubt: false,
            dead_letters: Vec::new(),
            runs: Vec::new(),
            corrections: corrections.collect(),
            conversion,
            orphans: Vec::new(),
            messages: Vec::new(),
            sent: 0,
            deleted: Vec::new(),
        }
    }

    pub fn row(&self) -> &Row {
        self.row.as_ref().expect("a row")
    }

    /// A click becomes known, better than those before.
    pub fn click_is_seen(&mut self, n: usize) {
        let click = ClickId::parse(CLICKS[n]).expect("a click id");
        self.clicks.retain(|known| *known != click);
        self.clicks.insert(0, click);
    }

    fn search(&self, refused: &[ClickId]) -> Credit {
        match self.clicks.iter().find(|click| !refused.contains(click)) {
            None => Err(WaitReason::NoClick),
            Some(click) => Ok((
                click.clone(),
                Click {
                    clicked_at: Some(after(-HOUR)),
                    from: ClickOrigin::Session,
                    reference: None,
                },
            )),
        }
    }

    /// The facts with what is found now, if that is something else and nothing may have been sent.
    pub fn credited(&self, row: &Row) -> Option<Facts> {
        if row.observed.accepted.is_some() || row.observed.may_count() || row.is_erased() {
            return None;
        }
        let facts = credited_to(&row.facts, &self.search(&row.facts.refused_clicks));
        (facts != row.facts).then_some(facts)
    }

    /// The sale comes in, perhaps again.
    pub fn sale_arrives(&mut self) {
        if let Some(row) = &self.row {
            if row.observed_revision == 0 && row.open.is_none() {
                self.send(None);
            }
            return;
        }
        let context = self.bench.context(self.now);
        let search = self.search(&[]);
        let missing = search.as_ref().err().copied();
        let facts = facts_of(&self.conversion, &search);
        let (mut row, dispatch) = place(&self.conversion, facts, missing, &context, 13 * 30);
        for correction in self.orphans.drain(..) {
            row = append(&row, correction, &context);
        }
        self.row = Some(row);
        if let Dispatch::Message(not_before) = dispatch {
            self.send(not_before);
        }
    }

    /// The `n`-th correction comes in, perhaps again.
    pub fn correction_arrives(&mut self, n: usize) {
        let correction = Correction { recorded_at: self.now, ..self.corrections[n].clone() };
        let context = self.bench.context(self.now);
        match &self.row {
            None if !has(&self.orphans, &correction) => self.orphans.push(correction),
            Some(row) if !has(&row.corrections, &correction) => {
                assert_eq!(check(row, &correction), Ok(()));
                self.row = Some(append(row, correction, &context));
            }
            _ => {}
        }
    }

    /// The person is erased; answers with how many runs know the row as it was.
    pub fn person_is_erased(&mut self) -> usize {
        let Some(after) = self.row.as_ref().and_then(|row| erase(row, self.now)) else { return 0 };
        self.row = Some(after);
        self.runs.len()
    }

    /// Signals what is due; writes when a click is looked for next.
    pub fn sweep(&mut self) {
        let (now, held) = (self.now, self.bench.account.held);
        let Some(row) = self.row.as_mut() else { return };
        let look = self.bench.policy.next_look(row.recorded_at, row.limit(), now);
        let in_an_hour = now.plus_seconds(HOUR);
        let Some(open) = row.open.as_mut().filter(|open| open.due <= now) else { return };
        open.due = match open.class {
            IndexClass::Held(_) if !held => in_an_hour,
            IndexClass::Look => look.unwrap_or(in_an_hour),
            IndexClass::Wait => in_an_hour,
            _ => return,
        };
        self.send(None);
    }

    /// An operator moves the dead letters back.
    pub fn redrive_all(&mut self) {
        for _ in std::mem::take(&mut self.dead_letters) {
            self.send(None);
        }
    }

    /// Time passes; a run that lasts longer than any may is dead.
    pub fn pass(&mut self, seconds: i64) {
        self.now = self.now.plus_seconds(seconds);
        self.microsoft.pass(self.now);
        let margin = self.bench.policy.run_margin;
        while let Some(n) =
            self.runs.iter().position(|run| self.now >= run.started.plus_seconds(margin))
        {
            self.kill(n);
        }
    }

    /// Nothing happens until something is due; then it is signalled and received.
    pub fn wait_for_work(&mut self) {
        if let Some(next) = self.next_moment().filter(|_| self.runs.is_empty()) {
            self.pass(next.seconds_since(self.now).max(0));
        }
        self.sweep();
        self.receive(0);
    }

    /// When the next message is visible or the row due.
    fn next_moment(&self) -> Option<EventTime> {
        let open = self.row.as_ref().and_then(|row| row.open.as_ref());
        let messages = self.messages.iter().map(|message| message.visible_at);
        messages.chain(open.map(|open| open.due)).min()
    }

    /// Writes a note on what was seen, or what is still true of it. Answers whether it was written.
    pub fn note(&mut self, note: &Note, seen: &Row, found: Option<&Facts>) -> bool {
        let row = self.row.as_mut().expect("a row");
        let context = self.bench.context(self.now);
        if carry_out(row, &note.write(seen, found, &context)) {
            return true;
        }
        self.accidents += 1;
        match note.again(seen, row, &context) {
            Some(write) => assert!(carry_out(row, &write), "the row stands still"),
            None => return false,
        }
        true
    }

    /// Everything arrives, everything works, operators redrive: until there is nothing to do.
    pub fn calm_down(&mut self) {
        self.bench.account.held = false;
        self.sale_arrives();
        for n in 0..self.corrections.len() {
            self.correction_arrives(n);
        }
        for _ in 0..1_000 {
            while !self.runs.is_empty() {
                self.advance(0, End::Taken(PIPELINE - 1));
            }
            self.sweep();
            if !self.dead_letters.is_empty() && !self.is_lost() {
                self.pass(1);
                self.redrive_all();
            }
            let visible = self.messages.iter().any(|message| message.visible_at <= self.now);
            if visible {
                self.receive(0);
                continue;
            }
            match self.next_moment() {
                Some(_) if self.is_lost() => return,
                Some(next) => self.pass(next.seconds_since(self.now).max(1)),
                None => return self.pass(PIPELINE),
            }
        }
        panic!("no end: {:?}", self.row());
    }

    /// The row's click is later than the sale, and nobody knows what Microsoft did with an earlier
    /// attempt: it is refused whenever it is sent.
    pub fn is_lost(&self) -> bool {
        let refusal = self.row().observed.refusal.as_ref();
        let doubt = refusal.is_some_and(|it| it.reason == RefusalReason::MayAlreadyCount);
        doubt && self.row().facts.click_id().is_some_and(|click| click.as_str() == CLICKS[1])
    }
}
