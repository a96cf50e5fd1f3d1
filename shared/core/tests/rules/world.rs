//! One row of the ledger in a world full of accidents: workers that overlap, stall and die, messages
//! that come twice, early or again from the dead letters, and a Microsoft that doesn't always answer.

use std::sync::LazyLock;

use serde_json::{Value, json};
use tracklayer_core::{
    event::{Conversion, Correction as CorrectionEvent, Event, parse_event},
    ledger::{
        observed::{Kind, RefusalReason},
        row::Row,
        wait::WaitReason,
    },
    mapping::Mapping,
    microsoft::{
        payload::{OfflineConversion, OfflineConversionAdjustment},
        reply::read_apply,
    },
    person::click_id::ClickId,
    reconcile::{
        decide::{Action, Adjustment},
        erasure::erase,
        intake::{
            ClickSearch, Dispatch, append, check, facts_of, has, key_of, orphan, place, recorded,
        },
        note::{CallRef, Note, OnConflict},
        redrive::{Delivery, Redrive, Today, redrive},
        verdict::{Verdict, is_baffling, verdict},
    },
    time::EventTime,
};

use crate::{
    microsoft::{End, Microsoft, PIPELINE},
    support::*,
};

#[derive(Clone, Debug)]
struct Message {
    sent_at: EventTime,
    visible_at: EventTime,
    not_before: Option<EventTime>,
    receives: u32,
}

enum Stage {
    /// The row was read.
    Decide,
    /// About to be sent.
    Send(Kind, Value),
    /// Answered.
    Record(Note),
}

struct Run {
    message: Message,
    seen: Row,
    started: EventTime,
    stage: Stage,
}

/// Number of receives after which the queue gives a message up.
const MAX_RECEIVES: u32 = 12;
const VISIBILITY: i64 = 15 * 60;

pub struct World {
    pub bench: Bench,
    pub now: EventTime,
    pub row: Option<Row>,
    pub microsoft: Microsoft,
    /// Every Apply payload that was sent.
    pub applies: Vec<String>,
    /// When adjustments were claimed.
    pub claims: Vec<EventTime>,
    /// AdjustmentTimes in the order sent.
    pub adjustment_times: Vec<EventTime>,
    /// Calls that went wrong in any way, and runs that died.
    pub accidents: usize,
    /// Runs that died.
    pub kills: usize,
    /// An adjustment was claimed and none was taken since.
    in_doubt: bool,
    /// Whether that was so before the last claim, too.
    was_in_doubt: bool,
    conversion: Conversion,
    corrections: Vec<CorrectionEvent>,
    messages: Vec<Message>,
    dead_letters: Vec<Message>,
    runs: Vec<Run>,
}

fn parse(event: &Value, now: EventTime) -> Event {
    static MAPPING: LazyLock<Mapping> = LazyLock::new(Mapping::shipped);
    parse_event(&event.to_string(), &MAPPING, now).expect("an event")
}

impl World {
    /// A world two hours after a sale of this value, with these corrections to come (each a pair of
    /// the second it happened and its members).
    pub fn new(event: &str, value: Option<&str>, corrections: &[(i64, Value)]) -> Self {
        let now = after(2 * HOUR);
        let mut sale = json!({ "event": event, "eventId": "4711", "source": "shop", "leadId": "L1",
            "occurredAt": sold().to_string(), "msclkid": CLICK });
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
                Event::Correction(correction) => correction,
                other => panic!("{other:?}"),
            }
        });
        World {
            bench: Bench::new(),
            now,
            row: None,
            microsoft: Microsoft::default(),
            applies: Vec::new(),
            claims: Vec::new(),
            adjustment_times: Vec::new(),
            accidents: 0,
            kills: 0,
            in_doubt: false,
            was_in_doubt: false,
            conversion,
            corrections: corrections.collect(),
            messages: Vec::new(),
            dead_letters: Vec::new(),
            runs: Vec::new(),
        }
    }

    pub fn row(&self) -> &Row {
        self.row.as_ref().expect("a row")
    }

    /// The sale comes in, perhaps again.
    pub fn sale_arrives(&mut self) {
        let context = self.bench.context(self.now);
        if let Some(row) = self.row.as_ref().filter(|row| row.facts.is_some()) {
            let untouched = row.observed_revision == 0 && row.open.is_none();
            if untouched {
                self.send(None);
            }
            return;
        }
        let search = ClickSearch::own(ClickId::parse(CLICK).expect("a click id"));
        let facts = facts_of(&self.conversion, &search);
        let (row, dispatch) =
            place(&self.conversion, facts, self.row.as_ref(), None, &context, 13 * 30);
        self.row = Some(row);
        if let Dispatch::Message(not_before) = dispatch {
            self.send(not_before);
        }
    }

    /// The `n`-th correction comes in, perhaps again.
    pub fn correction_arrives(&mut self, n: usize) {
        let event = &self.corrections[n];
        let context = self.bench.context(self.now);
        let correction = recorded(event, self.now);
        self.row = Some(match &self.row {
            None => orphan(key_of(&self.conversion), event, &self.conversion.account, &context),
            Some(row) if has(row, &correction) => return,
            Some(row) => {
                assert_eq!(check(row, &correction), Ok(()));
                append(row, correction, &context)
            }
        });
    }

    /// The person is erased; answers with how many runs know the row as it was.
    pub fn person_is_erased(&mut self) -> usize {
        let Some(after) = self.row.as_ref().and_then(|row| erase(row, self.now)) else { return 0 };
        self.row = Some(after);
        self.runs.len()
    }

    /// A message to the row, wanted or not.
    pub fn send(&mut self, not_before: Option<EventTime>) {
        let (sent_at, visible_at) = (self.now, self.now);
        self.messages.push(Message { sent_at, visible_at, not_before, receives: 0 });
    }

    /// Signals what is due.
    pub fn sweep(&mut self) {
        let (now, held) = (self.now, self.bench.account.held);
        let open = self.row.as_mut().and_then(|row| row.open.as_mut());
        let Some(open) = open.filter(|open| open.due <= now || open.class.starts_with("held:"))
        else {
            return;
        };
        let signalled = match open.class.split('#').next() {
            Some("refused" | "dead") => false,
            Some(class) if class.starts_with("held:") => !held,
            _ => true,
        };
        if signalled {
            open.due = now.plus_seconds(HOUR);
            self.send(None);
        }
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

    /// The `n`-th visible message is received and its row read.
    pub fn receive(&mut self, n: usize) {
        let visible: Vec<usize> =
            (0..self.messages.len()).filter(|n| self.messages[*n].visible_at <= self.now).collect();
        if visible.is_empty() {
            return;
        }
        let mut message = self.messages.remove(visible[n % visible.len()]);
        message.receives += 1;
        if let Some(not_before) = message.not_before.filter(|time| *time > self.now) {
            message.visible_at = not_before;
            return self.messages.push(message);
        }
        let seen = self.row().clone();
        self.runs.push(Run { message, seen, started: self.now, stage: Stage::Decide });
    }

    /// The `n`-th run dies where it stands.
    pub fn kill(&mut self, n: usize) {
        if self.runs.is_empty() {
            return;
        }
        let run = self.runs.remove(n % self.runs.len());
        self.accidents += 1;
        self.kills += 1;
        self.hand_back(run.message, VISIBILITY);
    }

    fn hand_back(&mut self, mut message: Message, seconds: i64) {
        if message.receives >= MAX_RECEIVES {
            return self.give_up(message);
        }
        message.visible_at = self.now.plus_seconds(seconds);
        self.messages.push(message);
    }

    fn give_up(&mut self, message: Message) {
        self.dead_letters.push(message);
        let seen = self.row().clone();
        if seen.observed.refusal.is_none() {
            self.note(&Note::Dead, &seen);
        }
    }

    /// Writes a note on what was seen, or what is still true of it. Answers whether it was written.
    fn note(&mut self, note: &Note, seen: &Row) -> bool {
        let row = self.row.as_mut().expect("a row");
        let context = self.bench.context(self.now);
        if carry_out(row, &note.write(seen, &context)) {
            return true;
        }
        self.accidents += 1;
        match note.again(seen, row, &context) {
            OnConflict::Write(write) => assert!(carry_out(row, &write), "the row stands still"),
            OnConflict::HandBack => return false,
        }
        true
    }

    /// The `n`-th run goes one step on.
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
        let goal = run.seen.facts.as_ref().map(|facts| facts.goal.clone());
        let message = Delivery { sent_at: run.message.sent_at, receives: 1 };
        let today = Today { goal: goal.as_ref(), has_old: true };
        match redrive(&run.seen, message, today, self.now, &self.bench.policy) {
            Redrive::NotNeeded => {}
            Redrive::LeftOver => return self.dead_letters.push(run.message),
            Redrive::TooEarly => return self.hand_back(run.message, VISIBILITY),
            Redrive::Take(goal) => {
                if !self.note(&Note::Taken(goal), &run.seen) {
                    return self.hand_back(run.message, VISIBILITY);
                }
                run.seen = self.row().clone();
            }
        }
        match self.bench.context(self.now).next(&run.seen) {
            Action::Apply => {
                let facts = run.seen.facts.as_ref().expect("facts");
                let payload = serde_json::to_value(OfflineConversion::new(facts)).expect("JSON");
                run.stage = Stage::Send(Kind::Apply, payload);
                self.runs.push(run);
            }
            Action::Adjust(adjustment, time) => self.claim(run, &adjustment, time),
            Action::WaitUntil(until, WaitReason::ClickTooYoung) => {
                run.message.not_before = Some(until);
                self.hand_back(run.message, until.seconds_since(self.now));
            }
            Action::WaitUntil(until, reason) => self.close(run, &Note::Waits(until, reason)),
            // No person can repair it: its message ends here.
            Action::Refuse(RefusalReason::IdentityErased) => {}
            Action::Refuse(reason) => {
                self.note(&Note::Refused(reason), &run.seen);
                self.dead_letters.push(run.message);
            }
            Action::InSync => self.close(run, &Note::InSync),
        }
    }

    /// Writes the end of a run that sends nothing, and acknowledges.
    fn close(&mut self, run: Run, note: &Note) {
        if !self.note(note, &run.seen) {
            return self.hand_back(run.message, VISIBILITY);
        }
        if *note == Note::InSync && !self.row().is_erased() {
            assert!(!self.in_doubt, "in sync, though nobody knows what the last adjustment did");
        }
    }

    fn claim(&mut self, mut run: Run, adjustment: &Adjustment, time: EventTime) {
        if !self.note(&Note::Claimed(adjustment.clone(), time), &run.seen) {
            return self.hand_back(run.message, VISIBILITY);
        }
        self.was_in_doubt = std::mem::replace(&mut self.in_doubt, true);
        self.claims.push(self.now);
        self.adjustment_times.push(time);
        run.seen = self.row().clone();
        let facts = run.seen.facts.as_ref().expect("facts");
        let payload = OfflineConversionAdjustment::new(facts, adjustment, time);
        let payload = serde_json::to_value(payload).expect("JSON");
        run.stage = Stage::Send(adjustment.kind(), payload);
        self.runs.push(run);
    }

    fn call(&mut self, mut run: Run, kind: Kind, payload: Value, end: End) {
        let (status, body) = end.answer(kind);
        if kind == Kind::Apply {
            self.applies.push(payload.to_string());
        }
        match (end, kind) {
            (End::Taken(delay) | End::TakenUnheard(delay), Kind::Apply) => {
                self.microsoft.apply(&payload, self.now.plus_seconds(delay % PIPELINE));
            }
            (End::Taken(delay) | End::TakenUnheard(delay), _) => {
                self.microsoft.adjust(payload, self.now.plus_seconds(delay % PIPELINE));
            }
            _ => {}
        }
        self.accidents += usize::from(!matches!(end, End::Taken(_)));
        let mark = CallRef { to: production(), tracking_id: None };
        let reply = read_apply(status, body.as_bytes(), 1);
        match verdict(reply, &[kind], is_baffling(&run.seen), &mark, self.now, &self.bench.policy) {
            Verdict::Notes(mut notes) => {
                run.stage = Stage::Record(notes.remove(0));
                self.runs.push(run);
            }
            Verdict::HandBack(.., mut notes) => {
                run.stage = Stage::Record(notes.remove(0));
                self.runs.push(run);
            }
            Verdict::Halve(..) => self.hand_back(run.message, VISIBILITY),
        }
    }

    fn record(&mut self, run: Run, note: &Note) {
        let clean = self.row().observed_revision == run.seen.observed_revision;
        let written = self.note(note, &run.seen);
        match note {
            Note::Accepted(Kind::Apply, _) => {}
            Note::Accepted(..) if clean => self.in_doubt = false,
            // A refused adjustment changed nothing; before it nothing was in doubt, or still is.
            Note::Failed(Kind::Restate | Kind::Retract, ..)
            | Note::Postponed(Kind::Restate | Kind::Retract, ..)
            | Note::HandedBack(Kind::Restate | Kind::Retract, ..)
                if clean =>
            {
                self.in_doubt = self.was_in_doubt;
            }
            _ => {}
        }
        match note {
            Note::Failed(..) => self.dead_letters.push(run.message),
            Note::Unknown(..) | Note::HandedBack(Kind::Apply, ..) => {
                self.hand_back(run.message, VISIBILITY);
            }
            _ if !written => self.hand_back(run.message, VISIBILITY),
            _ => {}
        }
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
            if !self.dead_letters.is_empty() {
                self.pass(1);
                self.redrive_all();
            }
            let visible = self.messages.iter().any(|message| message.visible_at <= self.now);
            if visible {
                self.receive(0);
                continue;
            }
            match self.next_moment() {
                Some(next) => self.pass(next.seconds_since(self.now).max(1)),
                None => return self.pass(PIPELINE),
            }
        }
        panic!("no end: {:?}", self.row());
    }

    /// What holds at any time, whatever has happened.
    pub fn check(&self) {
        let Some(row) = &self.row else { return };
        let class = row.open.as_ref().and_then(|open| open.class.split('#').next());
        if row.is_erased() {
            return assert_eq!(class, None, "still driven: {row:?}");
        }
        if row.observed.refusal.is_some() {
            assert_eq!(class, Some("refused"), "{row:?}");
        } else if row.observed.dead_at.is_some() {
            assert_eq!(class, Some("dead"), "{row:?}");
        } else if class.is_none() && row.observed.accepted.is_some() {
            let next = self.bench.context(self.now).next(row);
            assert_eq!(next, Action::InSync, "forgotten: {row:?}");
        } else if class.is_none() {
            let carried = self.messages.len() + self.runs.len() + self.dead_letters.len();
            assert!(carried > 0, "forgotten: {row:?}");
        }
        assert!(
            matches!(class, None | Some("refused" | "dead" | "wait" | "orphan")) || {
                class.is_some_and(|class| class.starts_with("held:"))
            }
        );
    }
}
