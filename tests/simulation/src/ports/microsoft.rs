//! The way to Microsoft and back.

use std::{cell::RefCell, rc::Rc, time::Duration};

use serde::{Deserialize, Serialize};
use tracklayer_edge::ports::{AccountSecret, Answer, Microsoft, Secret};

use super::Port;
use crate::microsoft::{Sent, Taken};
use crate::mutation::Mutation;
use crate::oracle;
use crate::plan::OutageOf;
use crate::setting::{account_of, place};
use crate::world::{Heard, World, policy};

/// The longest that a request is on its way after its sender gave up, in milliseconds.
const MAX_LATE: i64 = 3 * 60 * 1_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    #[serde(alias = "OfflineConversionAdjustments")]
    offline_conversions: Vec<Sent>,
}

/// What becomes of a call, drawn when it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// Carried out and answered.
    Fine,
    /// Refused before anything is carried out.
    Refused(&'static str, u16),
    /// Lost on the way.
    RequestLost,
    /// Carried out; this comes back instead of an answer.
    Unheard(Unheard),
    /// Carried out after the sender gave up.
    Late,
    /// Refused because of this row.
    Poison(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unheard {
    Nothing,
    Status(u16),
    Cut,
    Strange,
}

/// An answer, and what it says of originals, by person and second.
type Told = (Answer, Vec<(String, Heard)>);
type Slot = Rc<RefCell<Option<Told>>>;

const TOO_MANY: &str = r#"{"Errors":[{"Code":117,"ErrorCode":"CallRateExceeded"}]}"#;

impl Microsoft for Port {
    async fn post(
        &self, path: &str, body: &impl Serialize, _token: &Secret, secret: &AccountSecret,
        timeout: Duration,
    ) -> Answer {
        let place = place(self.0.environment, &secret.account_id);
        if path.contains("/Query") {
            return self.question(&place, timeout).await;
        }
        let text = serde_json::to_string(body).expect("JSON");
        let Body { offline_conversions: rows } = serde_json::from_str(&text).expect("a body");
        let account = account_of(&secret.account_id);
        let addressed = |row: Sent| row.addressed(account, &place);
        let rows = self.folded(rows.into_iter().map(addressed).collect());
        self.0.step().await;
        let world = self.world();
        if world.fault(|faults| faults.unreachable) {
            return Answer::NotSent("simulated".to_owned());
        }
        oracle::check_sent(world, &self.0, &rows);
        world.is_sending(rows.iter().map(Sent::person));
        let course = self.course(rows.len());
        let originals: Vec<String> =
            rows.iter().filter(|row| !row.is_adjustment()).map(Sent::person).collect();
        let timeout = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
        let slot = Slot::default();
        if course != Course::RequestLost {
            self.travel(course, rows, timeout, Rc::clone(&slot));
        }
        let end = world.now_ms() + timeout;
        while slot.borrow().is_none() && world.now_ms() < end {
            let ms = world.random().between(20, 200).min(end - world.now_ms()).max(1);
            world.sleep(ms).await;
        }
        let answer = slot.borrow_mut().take();
        self.0.step().await;
        let originals = originals.into_iter();
        let heard: Vec<_> = match (&answer, course) {
            (None, _) | (_, Course::Unheard(_)) => {
                originals.map(|original| (original, Heard::Perhaps)).collect()
            }
            (Some((_, told)), _) => told.clone(),
        };
        self.0.heard.borrow_mut().extend(heard);
        match answer {
            Some((answer, _)) => self.misread(answer),
            None if self.mutated(Mutation::LostIsAccepted) => taken(&[]),
            None => Answer::Lost("simulated".to_owned()),
        }
    }
}

impl Port {
    fn course(&self, rows: usize) -> Course {
        let world = self.world();
        let refused = |symbol, status| Course::Refused(symbol, status);
        let worldly = [
            (OutageOf::Microsoft, refused("", 503)),
            (
                OutageOf::Access,
                refused(r#"{"Errors":[{"Code":106,"ErrorCode":"UserIsNotAuthorized"}]}"#, 400),
            ),
            (OutageOf::Rate, refused(TOO_MANY, 429)),
            (OutageOf::MicrosoftAnswers, Course::Unheard(Unheard::Status(504))),
        ];
        if let Some((_, course)) = worldly.iter().find(|(of, _)| world.is_out(*of)) {
            return *course;
        }
        if world.fault(|faults| faults.throttled) {
            return refused(TOO_MANY, 429);
        }
        if world.fault(|faults| faults.token_refused) {
            return refused(
                r#"{"Errors":[{"Code":109,"ErrorCode":"AuthenticationTokenExpired"}]}"#,
                401,
            );
        }
        if world.fault(|faults| faults.request_lost) {
            return Course::RequestLost;
        }
        if world.fault(|faults| faults.request_late) {
            return Course::Late;
        }
        if world.fault(|faults| faults.answer_lost) {
            let kinds = [
                Unheard::Nothing,
                Unheard::Status(500),
                Unheard::Status(502),
                Unheard::Cut,
                Unheard::Strange,
            ];
            return Course::Unheard(world.random().pick(&kinds));
        }
        if world.fault(|faults| faults.poison) {
            return Course::Poison(world.random().below(rows));
        }
        Course::Fine
    }

    /// The goal check asks: it changes nothing, and it meets the same trouble.
    async fn question(&self, place: &str, timeout: Duration) -> Answer {
        self.0.step().await;
        let world = self.world();
        if world.fault(|faults| faults.unreachable) {
            return Answer::NotSent("simulated".to_owned());
        }
        let ms = world.random().between(20, 400);
        world.sleep(ms).await;
        match self.course(1) {
            Course::Refused(body, status) => http(status, body.to_owned()),
            Course::Fine => http(200, world.microsoft.borrow().list_goals(place)),
            Course::Unheard(Unheard::Status(status)) => http(status, "trouble".to_owned()),
            Course::Unheard(Unheard::Strange) => http(200, "{}".to_owned()),
            _ => {
                world.sleep(i64::try_from(timeout.as_millis()).unwrap_or(0)).await;
                Answer::Lost("simulated".to_owned())
            }
        }
    }

    /// The request on its own: it goes on when its sender is dropped.
    fn travel(&self, course: Course, rows: Vec<Sent>, timeout: i64, slot: Slot) {
        let world = Rc::clone(self.world());
        let (sender, name) = (Rc::clone(&self.0), self.0.name.clone());
        // A broken connection may take the request with it.
        let dies_with_sender = self.world().random().chance(3_000);
        let way = match course {
            Course::Late => timeout + world.random().between(1, MAX_LATE),
            _ => world.random().between(5, 400),
        };
        let executor = Rc::clone(&world);
        executor.executor.spawn(async move {
            world.sleep(way).await;
            if sender.dead.get() && dies_with_sender {
                return;
            }
            let answer = arrive(&world, course, &rows, &name);
            let slow = world.fault(|faults| faults.answer_slow);
            let back = world.random().between(5, if slow { 70_000 } else { 400 });
            world.sleep(back).await;
            *slot.borrow_mut() = answer;
        });
    }

    /// A deliberate mistake: the net instead of the original value.
    fn folded(&self, rows: Vec<Sent>) -> Vec<Sent> {
        if !self.mutated(Mutation::FoldedFirstValue) {
            return rows;
        }
        let table = self.world().table.borrow();
        let net = |sent: &Sent| {
            let row = table.owner(&sent.person())?;
            let (folded, _) = tracklayer_core::reconcile::state::corrections(row);
            folded.net.map(|net| net.to_string())
        };
        rows.into_iter()
            .map(|row| match (row.is_adjustment(), net(&row)) {
                (false, Some(net)) => row.with_value(net),
                _ => row,
            })
            .collect()
    }

    /// A deliberate mistake: the first error is the first row's.
    fn misread(&self, answer: Answer) -> Answer {
        let Answer::Http { status: 200, body, tracking_id } = &answer else { return answer };
        if !self.mutated(Mutation::ByPosition) {
            return answer;
        }
        let Ok(mut json) = serde_json::from_slice::<serde_json::Value>(body) else { return answer };
        if let Some(errors) = json["PartialErrors"].as_array_mut() {
            for (position, error) in errors.iter_mut().enumerate() {
                error["Index"] = position.into();
            }
        }
        let body = json.to_string().into_bytes();
        Answer::Http { status: 200, body, tracking_id: tracking_id.clone() }
    }
}

fn arrive(world: &World, course: Course, rows: &[Sent], by: &str) -> Option<Told> {
    let persons = || rows.iter().map(Sent::person);
    let what = || rows.iter().map(Sent::describe).collect::<Vec<_>>().join(" | ");
    if let Course::Refused(body, status) = course {
        world.tell(persons(), || format!("{by} -> Microsoft: {} answered {status}", what()));
        return Some((http(status, body.to_owned()), Vec::new()));
    }
    if let Course::Poison(at) = course {
        world.tell(persons(), || format!("{by} -> Microsoft: {} is unreadable", what()));
        return Some((poisoned(at, rows.len()), Vec::new()));
    }
    let now = world.now_ms() / 1_000;
    check_holds(world, rows, by);
    let refusals: Vec<Option<i64>> = rows.iter().map(|row| refusal(world, row)).collect();
    let taken_rows =
        world.microsoft.borrow_mut().call(rows, &refusals, by, now, &mut world.random());
    world.tell(persons(), || {
        let answers: Vec<String> = taken_rows
            .iter()
            .map(|row| row.map_or_else(|code| code.to_string(), |()| "taken".to_owned()))
            .collect();
        format!("{by} -> Microsoft: {} = {} ({course:?})", what(), answers.join(" | "))
    });
    let heard = rows.iter().zip(&taken_rows).filter_map(|(row, taken)| {
        let heard = match taken {
            _ if row.is_adjustment() => return None,
            Ok(()) => Heard::Taken,
            Err(5616) => Heard::ClickRefused,
            Err(_) => return None,
        };
        Some((row.person(), heard))
    });
    match course {
        Course::Unheard(Unheard::Nothing) => None,
        Course::Unheard(Unheard::Status(status)) => {
            Some((http(status, "trouble".to_owned()), Vec::new()))
        }
        Course::Unheard(Unheard::Cut) => {
            Some((http(200, r#"{"PartialErr"#.to_owned()), Vec::new()))
        }
        Course::Unheard(Unheard::Strange) => Some((http(200, "{}".to_owned()), Vec::new())),
        _ => Some((taken(&taken_rows), heard.collect())),
    }
}

/// Nothing comes of a goal that a check has held for longer than a run takes.
fn check_holds(world: &World, rows: &[Sent], by: &str) {
    let now = world.now_ms() / 1_000;
    let table = world.table.borrow();
    for row in rows {
        let held = (row.account.clone(), row.conversion_name.clone());
        let since = table.held_since.get(&held).filter(|since| *since + policy().run_margin <= now);
        if since.is_some() {
            let what = format!("{by} sends it all the same: {}", row.describe());
            world.violated("held goals are left alone", row.person(), what);
        }
    }
}

fn http(status: u16, body: String) -> Answer {
    Answer::Http { status, body: body.into_bytes(), tracking_id: Some("t".to_owned()) }
}

/// A code by which a row is refused only this time.
fn refusal(world: &World, row: &Sent) -> Option<i64> {
    if !world.fault(|faults| faults.row_refused) {
        return None;
    }
    let codes = match row.is_adjustment() {
        true => [5612, 5622, 5627, 5623],
        false => [5612, 5614, 5604, 5615],
    };
    Some(world.random().pick(&codes))
}

/// The whole call is refused for one row, named or not.
fn poisoned(at: usize, rows: usize) -> Answer {
    let body = match rows % 2 {
        0 => r#"{"OperationErrors":[{"Code":204,"ErrorCode":"InvalidParameters"}]}"#.to_owned(),
        _ => format!(r#"{{"BatchErrors":[{{"Code":5607,"Index":{at}}}]}}"#),
    };
    http(400, body)
}

/// Errors in any order, each with the index of its row.
fn taken(rows: &[Taken]) -> Answer {
    let error = |(index, row): (usize, &Taken)| {
        let code = row.err()?;
        Some(format!(r#"{{"Code":{code},"ErrorCode":"E{code}","Index":{index}}}"#))
    };
    let errors: Vec<String> = rows.iter().enumerate().filter_map(error).rev().collect();
    http(200, format!(r#"{{"PartialErrors":[{}]}}"#, errors.join(",")))
}
