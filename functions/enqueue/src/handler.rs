//! Decode, check the key, take each event, answer per event.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::PoisonError,
};

use futures::{StreamExt as _, stream};
use serde_json::value::RawValue;
use tracklayer_core::{
    event::{ErrorCode, Event, Ignored, Rejection, parse_event},
    ledger::row::Row,
    reconcile::{erasure::erase, intake::key_of},
};
use tracklayer_edge::{
    lambda::http_api::{self, Problem, Request, Response},
    ports::{
        Clock as _, IngestKey, LedgerError, Metric, Ports, Right, Rows as _, Signals as _,
        Telemetry,
    },
};

use crate::{
    call::{Call, Unavailable, denied, is_denial},
    context::Enqueue,
    wire::{ArrayAnswer, EventAnswer},
};

/// The largest body, in bytes.
const MAX_BODY: usize = 1_048_576;
/// The most events of one request.
const MAX_EVENTS: usize = 500;
/// Events of one array that are worked on at the same time.
const AT_ONCE: usize = 16;
/// How often a denied event's row is tried anew when another writer was faster.
const ROUNDS: usize = 8;
/// Events whose signals are sent together; after each such group the time is looked at.
const TOGETHER: usize = 50;
/// No new group with less time left, in milliseconds.
const RESERVE_MS: u64 = 6_000;

impl<P: Ports> Enqueue<P> {
    /// Answers one request, whose run ends at `deadline_ms` (milliseconds since 1970).
    pub async fn handle(&self, request: &Request, deadline_ms: u64) -> Response {
        self.take(request, deadline_ms).await.unwrap_or_else(http_api::refusal)
    }

    async fn take(&self, request: &Request, deadline_ms: u64) -> Result<Response, Problem> {
        let key = http_api::key_of(request, &self.keys, Right::Write).await?;
        let body = http_api::body(request, &["application/json"], MAX_BODY)?;
        let body = Body::parse(&body)?;
        let answers = self
            .take_all(body.events(), &key, deadline_ms)
            .await
            .map_err(|Unavailable| Problem::unavailable())?;
        count(&answers, &self.telemetry);
        match body {
            Body::One(_) => self.answer_one(answers),
            Body::Many(_) => Ok(http_api::json(200, &ArrayAnswer::new(answers))),
        }
    }

    fn answer_one(&self, answers: Vec<EventAnswer>) -> Result<Response, Problem> {
        let answer = answers.into_iter().next().ok_or_else(Problem::unavailable)?;
        let not_allowed =
            answer.error.as_ref().filter(|error| error.code == ErrorCode::SourceNotAllowed);
        match not_allowed {
            Some(error) => Err(Problem::forbidden(&error.message)),
            None => Ok(http_api::json(answer.status.http(), &answer)),
        }
    }

    /// Answers in order. Nothing is acknowledged whose signal could not be sent. A request that is
    /// too much for one run ends in time to say so; what got through is a duplicate then.
    async fn take_all(
        &self,
        events: &[&RawValue],
        key: &IngestKey,
        deadline_ms: u64,
    ) -> Result<Vec<EventAnswer>, Unavailable> {
        let now = self.clock.now();
        let parsed: Vec<_> =
            events.iter().map(|event| parse_event(event.get(), &self.mapping, now)).collect();
        let call = Call::new(key, now, denied(&parsed));
        let mut answers: BTreeMap<usize, EventAnswer> = BTreeMap::new();
        for (wave, at_once) in waves(&parsed) {
            for group in wave.chunks(TOGETHER) {
                if !self.has_time(deadline_ms) {
                    tracing::warn!(events = events.len(), taken = answers.len(), "out of time");
                    return Err(Unavailable);
                }
                answers.extend(self.take_group(group, at_once, &parsed, &call).await);
                if !self.send_all(&call).await {
                    return Err(Unavailable);
                }
            }
        }
        let all = answers.len() == events.len();
        if all { Ok(answers.into_values().collect()) } else { Err(Unavailable) }
    }

    fn has_time(&self, deadline_ms: u64) -> bool {
        let now_ms = u64::try_from(self.clock.now_ms()).unwrap_or(0);
        now_ms + RESERVE_MS < deadline_ms
    }

    /// The answers of those that got there.
    async fn take_group(
        &self,
        group: &[usize],
        at_once: usize,
        parsed: &[Result<Event, Rejection>],
        call: &Call<'_>,
    ) -> Vec<(usize, EventAnswer)> {
        let work = stream::iter(group).map(|&position| async move {
            match self.take_one(&parsed[position], call).await {
                Ok(answer) => Some((position, answer)),
                Err(error) => {
                    tracing::error!(%error, "event not stored");
                    None
                }
            }
        });
        let answers: Vec<_> = work.buffer_unordered(at_once).collect().await;
        answers.into_iter().flatten().collect()
    }

    /// Whether all signals were sent. What was not is repaired by the caller's retry.
    async fn send_all(&self, call: &Call<'_>) -> bool {
        let signals =
            std::mem::take(&mut *call.signals.lock().unwrap_or_else(PoisonError::into_inner));
        let mut sent = true;
        for result in self.queue.send(&signals, call.now, 0).await {
            if let Err(error) = result {
                tracing::error!(%error, "signal not sent");
                sent = false;
            }
        }
        sent
    }

    /// Nothing is stored. An event that was taken before its person denied consent, and waits, is
    /// ended.
    async fn take_ignored(
        &self,
        ignored: &Ignored,
        call: &Call<'_>,
    ) -> Result<EventAnswer, LedgerError> {
        if is_denial(ignored) {
            self.end(ignored, call).await?;
        }
        Ok(EventAnswer::ignored(ignored))
    }

    /// Ends the row of a denied event, unless Microsoft has taken it.
    async fn end(&self, denied: &Ignored, call: &Call<'_>) -> Result<(), LedgerError> {
        let (source, id) = (&denied.source, &denied.event_id);
        for _ in 0..ROUNDS {
            let partition = self.ledger.partition(source, id, call.now).await?;
            let meant = |row: &&Row| {
                let untaken = row.observed.accepted.is_none();
                let allowed = call.allows(source, Some(&row.account)).is_ok();
                row.key.event == denied.event && untaken && allowed
            };
            let Some(row) = partition.rows.iter().find(meant) else { return Ok(()) };
            let Some(erased) = erase(row, call.now) else { return Ok(()) };
            if self.ledger.change(row, &erased).await? {
                return Ok(());
            }
        }
        // Upload is at it all the time; the caller's retry settles it.
        Err(LedgerError::Conflict)
    }

    async fn take_one(
        &self,
        parsed: &Result<Event, Rejection>,
        call: &Call<'_>,
    ) -> Result<EventAnswer, LedgerError> {
        match parsed {
            Err(rejection) => Ok(rejection.clone().into()),
            Ok(Event::Ignored(ignored)) => match call.allows(&ignored.source, None) {
                Ok(()) => self.take_ignored(ignored, call).await,
                Err(error) => Ok(EventAnswer::rejected(&ignored.event_id, &ignored.source, error)),
            },
            Ok(Event::Conversion(conversion)) => self.take_conversion(conversion, call).await,
            Ok(Event::Correction(correction)) => self.take_correction(correction, call).await,
        }
    }
}

/// The order in which events of an array are taken: originals many at a time, then repeats of an id
/// one by one, so that the first one of them wins, then denials and corrections, which find their
/// originals.
fn waves(parsed: &[Result<Event, Rejection>]) -> [(Vec<usize>, usize); 4] {
    let mut seen = BTreeSet::new();
    let (mut first, mut repeats) = (Vec::new(), Vec::new());
    let (mut denials, mut corrections) = (Vec::new(), Vec::new());
    for (position, event) in parsed.iter().enumerate() {
        match event {
            Ok(Event::Correction(_)) => corrections.push(position),
            Ok(Event::Ignored(ignored)) if is_denial(ignored) => denials.push(position),
            Ok(Event::Conversion(conversion)) if !seen.insert(key_of(conversion)) => {
                repeats.push(position);
            }
            _ => first.push(position),
        }
    }
    [(first, AT_ONCE), (repeats, 1), (denials, AT_ONCE), (corrections, 1)]
}

/// One event, or several.
enum Body<'a> {
    One([&'a RawValue; 1]),
    Many(Vec<&'a RawValue>),
}

impl<'a> Body<'a> {
    fn parse(text: &'a str) -> Result<Self, Problem> {
        let invalid = |message| Problem::new(400, "invalid_json", message);
        let raw: &RawValue =
            serde_json::from_str(text).map_err(|_| invalid("the body is not JSON"))?;
        if raw.get().starts_with('{') {
            return Ok(Body::One([raw]));
        }
        let events: Vec<&RawValue> = serde_json::from_str(raw.get())
            .map_err(|_| invalid("the body is neither an object nor an array"))?;
        match events.len() {
            0 => Err(invalid("the array is empty")),
            1..=MAX_EVENTS => Ok(Body::Many(events)),
            _ => Err(Problem::new(413, "too_many_events", "at most 500 events a request")),
        }
    }

    fn events(&self) -> &[&'a RawValue] {
        match self {
            Body::One(event) => event,
            Body::Many(events) => events,
        }
    }
}

/// One line of metrics per account.
fn count(answers: &[EventAnswer], telemetry: &impl Telemetry) {
    let mut counts: BTreeMap<&str, BTreeMap<&'static str, usize>> = BTreeMap::new();
    for answer in answers {
        let account = answer.account.as_ref().map_or("none", |account| account.as_str());
        let counts = counts.entry(account).or_default();
        *counts.entry(answer.status.metric()).or_default() += 1;
        if answer.lost > 0 {
            *counts.entry("CorrectionLost").or_default() += answer.lost;
        }
    }
    for (account, counts) in counts {
        let metrics: Vec<Metric> =
            counts.into_iter().map(|(name, n)| Metric::count(name, n)).collect();
        telemetry.emit(account, &metrics);
    }
}
