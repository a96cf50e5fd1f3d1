//! Decode, check the key, store the events, answer per event.

use std::collections::BTreeMap;

use tracklayer_core::event::ErrorCode;
use tracklayer_core::id::AccountName;
use tracklayer_edge::lambda::deadline::Deadline;
use tracklayer_edge::lambda::http_api;
use tracklayer_edge::lambda::http_api::{Problem, Request, Response};
use tracklayer_edge::lambda::telemetry::log_ignored;
use tracklayer_edge::ports::{Counts, Erasures, IngestKey, Ports, Right, Telemetry};

use crate::batch::Stored;
use crate::context::Enqueue;
use crate::wire::{ArrayAnswer, Body, EventAnswer, Status};

const MAX_BODY: usize = 1_048_576;

impl<P: Ports> Enqueue<P>
where
    P::Ledger: Erasures,
{
    /// Answers one request, whose run ends at `deadline`.
    pub async fn handle(&self, request: &Request, deadline: Deadline) -> Response {
        self.answer(request, deadline).await.unwrap_or_else(http_api::refusal)
    }

    async fn answer(&self, request: &Request, deadline: Deadline) -> Result<Response, Problem> {
        let refused = |problem: &Problem| count_refusal(problem, &self.telemetry);
        let (key, body) = self.received(request).await.inspect_err(refused)?;
        let body = Body::parse(&body).inspect_err(refused)?;
        let stored = self.store_all(body.events(), &key, deadline).await;
        let Stored { answers, lost } = stored.ok_or_else(Problem::unavailable)?;
        count(&answers, &lost, &self.telemetry);
        log_refused(&answers, &lost);
        match body {
            Body::One(_) => answer_one(answers),
            Body::Many(_) => Ok(http_api::json(200, &ArrayAnswer::new(answers))),
        }
    }

    /// The sender's key and the body.
    async fn received(&self, request: &Request) -> Result<(IngestKey, String), Problem> {
        let key = http_api::key_of(request, &self.keys, Right::Write).await?;
        let body = http_api::body(request, &["application/json"], MAX_BODY)?;
        Ok((key, body))
    }
}

fn answer_one(answers: Vec<EventAnswer>) -> Result<Response, Problem> {
    let answer = answers.into_iter().next().ok_or_else(Problem::unavailable)?;
    let not_allowed =
        answer.error.as_ref().filter(|error| error.code == ErrorCode::SourceNotAllowed);
    match not_allowed {
        Some(error) => Err(Problem::forbidden(&error.message)),
        None => Ok(http_api::json(answer.status.http(), &answer)),
    }
}

/// Counts a request that is refused as a whole as one event of no known account. What is unavailable
/// here is no fault of the sender, and who has no key is none: everybody's scanner asks.
fn count_refusal(problem: &Problem, telemetry: &impl Telemetry) {
    if !matches!(problem.status, 401 | 503) {
        let mut counts = Counts::default();
        count_status(&mut counts, "none", Status::Rejected);
        counts.emit(telemetry);
    }
}

/// Adds one event, and a zero for each other status: an alarm that compares them has no value where one
/// is missing.
fn count_status(counts: &mut Counts, account: &str, status: Status) {
    for each in Status::ALL {
        counts.add(account, each.metric(), usize::from(each == status));
    }
}

/// One line of metrics per account.
fn count(answers: &[EventAnswer], lost: &[(AccountName, String)], telemetry: &impl Telemetry) {
    let mut counts = Counts::default();
    for answer in answers {
        let account = answer.account_name();
        count_status(&mut counts, account, answer.status);
        let ignored = answer.warnings.iter().filter(|warning| warning.is_left_out()).count();
        if ignored > 0 {
            counts.add(account, "FieldIgnored", ignored);
        }
    }
    for (account, _) in lost {
        counts.lost(account.as_str(), 1, 0);
    }
    log_ignored(
        answers.iter().flat_map(|answer| {
            answer.warnings.iter().map(|warning| (answer.account_name(), warning))
        }),
    );
    counts.emit(telemetry);
}

/// Events that a line of the log names.
const NAMED: usize = 10;

/// Logs what could not be taken, once for each reason, and each correction that can have no effect with
/// its money.
fn log_refused(answers: &[EventAnswer], lost: &[(AccountName, String)]) {
    let mut refused: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for answer in answers {
        let Some(error) = &answer.error else { continue };
        let why = (error.code.as_str(), error.field.unwrap_or_default());
        refused.entry(why).or_default().push(answer.label());
    }
    for ((code, field), records) in refused {
        let (count, named) = (records.len(), &records[..records.len().min(NAMED)]);
        tracing::warn!(code, field, count, records = named.join(" "), "refused");
    }
    for (_, correction) in lost {
        tracing::warn!(correction, "a correction can have no effect");
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use serde_json::{Map, Value};
    use tracklayer_core::{event::parse_event, mapping::Mapping, time::EventTime};
    use tracklayer_edge::ports::{KeyError, Metric};

    use super::*;

    #[derive(Default)]
    struct Emitted(RefCell<Vec<(String, &'static str, f64)>>);

    impl Telemetry for Emitted {
        fn line(&self, _: &str, _: Map<String, Value>) {}

        fn emit(&self, account: &str, metrics: &[Metric]) {
            let metrics = metrics.iter().filter(|it| it.value > 0.0);
            let metrics = metrics.map(|it| (account.to_owned(), it.name, it.value));
            self.0.borrow_mut().extend(metrics);
        }
    }

    #[test]
    fn what_is_rejected_or_left_out_counts_under_its_account() {
        let head = r#"{"event":"purchase","eventId":"1","source":"shop","value":1.0005"#;
        let answers = [
            format!(r#"{head},"email":"n/a","leadId":"a b","currency":"US$"}}"#),
            format!(r#"{head},"account":"other"}}"#),
            "5".to_owned(),
        ]
        .map(|event| {
            let parsed = parse_event(&event, &Mapping::sample(), EventTime::from_epoch(0));
            let rejection = parsed.event.expect_err("no event");
            EventAnswer { warnings: parsed.warnings, ..rejection.into() }
        });
        let emitted = Emitted::default();
        count(&answers, &[], &emitted);
        let main = |name, value| ("main".to_owned(), name, value);
        let expected = [
            main("FieldIgnored", 2.0),
            main("Rejected", 1.0),
            ("none".to_owned(), "Rejected", 2.0),
        ];
        assert_eq!(emitted.0.into_inner(), expected);
    }

    #[test]
    fn a_request_refused_as_a_whole_counts_once_but_for_strangers_and_trouble_of_our_own() {
        let counted = |problem: Problem| {
            let emitted = Emitted::default();
            count_refusal(&problem, &emitted);
            emitted.0.into_inner()
        };
        let rejected = [("none".to_owned(), "Rejected", 1.0)];
        let json = Body::parse("[").err().expect("no JSON");
        for problem in [json, Problem::forbidden("no right")] {
            assert_eq!(counted(problem), rejected);
        }
        for problem in [Problem::unavailable(), Problem::from(KeyError::Unknown)] {
            assert_eq!(counted(problem), []);
        }
    }
}
