//! Arrays of events to the API, or into the ledger.

use std::time::Duration;

use serde_json::Value;
use tracklayer_core::money::Money;
use tracklayer_edge::microsoft::client::Client;

use super::already::Recorder;
use super::check;
use super::lines::Line;
use super::state::State;
use super::tally::{Reject, Rejects};
use crate::failure::Failure;
use crate::options::ImportOptions;
use crate::place::Ops;
use crate::screen;

const EVENTS: &str = "/api/tracklayer/events";
/// What the API may take for 500 events.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Seconds before a request is sent again that got no answer, or 429 or 5xx.
const PAUSES: [u64; 5] = [1, 2, 5, 10, 20];
/// The key that `cargo local` knows.
const LOCAL_KEY: &str = "local-key";

/// Sends events to the API, or records those that were sent by other means.
pub enum Sender {
    /// To the API.
    Api(Api),
    /// Into the ledger.
    Ledger(Recorder),
}

/// The API.
pub struct Api {
    http: reqwest::Client,
    url: String,
    key: String,
}

impl Sender {
    /// As the options say.
    pub async fn new(ops: &Ops, options: &ImportOptions) -> Result<Self, Failure> {
        if options.already_uploaded {
            return Ok(Sender::Ledger(Recorder::new(ops).await?));
        }
        Ok(Sender::Api(Api::new(ops, options.key.as_ref())?))
    }

    /// Sends these lines and keeps what became of them, and of those that could not be read.
    pub async fn send(
        &self, ops: &Ops, lines: Vec<Line>, state: &mut State, rejects: &mut Rejects,
    ) -> Result<(), Failure> {
        let Some(last) = lines.last().map(|line| line.record) else { return Ok(()) };
        let events: Vec<&str> =
            lines.iter().filter_map(|line| line.event.as_deref().ok()).collect();
        let results = match self {
            Sender::Api(api) => api.results(&events).await?,
            Sender::Ledger(recorder) => recorder.results(ops, &events).await?,
        };
        let mut results = results.into_iter();
        for line in lines {
            match line.event {
                Ok(event) => {
                    let result = results.next().unwrap_or_default();
                    note(ops, line.number, &event, &result, state, rejects)?;
                }
                Err(reject) => {
                    state.tally.reject(reject.code());
                    rejects.add(&reject)?;
                }
            }
        }
        (state.done, state.listed) = (last, rejects.bytes());
        state.save()
    }
}

impl Api {
    /// With the key that is named; that of `cargo local` is known.
    pub fn new(ops: &Ops, key: Option<&String>) -> Result<Self, Failure> {
        let local = ops.is_local.then(|| LOCAL_KEY.to_owned());
        let key = key.cloned().or(local).ok_or_else(|| {
            let help = "Set TRACKLAYER_KEY to an ingest key with the right `write`.";
            Failure::input("no_key", "events need an ingest key", help)
        })?;
        let http = Client::http()
            .map_err(|error| Failure::unreachable("no_http", screen::chain_of(&error), ""))?;
        Ok(Api { http, url: format!("{}{EVENTS}", ops.api_url), key })
    }

    /// What the API answers to each of these events.
    pub async fn results(&self, events: &[&str]) -> Result<Vec<Value>, Failure> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let mut answer = self.post(format!("[{}]", events.join(","))).await?;
        match answer["results"].take() {
            Value::Array(results) if results.len() == events.len() => Ok(results),
            _ => {
                let help = "Is this the address of TrackLayer's API? Run it again: it goes on.";
                Err(Failure::unreachable("bad_answer", "the API answered something else", help))
            }
        }
    }

    async fn post(&self, body: String) -> Result<Value, Failure> {
        let mut last = String::new();
        for pause in [0].into_iter().chain(PAUSES) {
            tokio::time::sleep(Duration::from_secs(pause)).await;
            let request = self.http.post(&self.url).bearer_auth(&self.key).timeout(TIMEOUT);
            let request = request.header("content-type", "application/json").body(body.clone());
            let answer = match request.send().await {
                Ok(answer) => answer,
                Err(error) => {
                    last = screen::chain_of(&error.without_url());
                    continue;
                }
            };
            let status = answer.status();
            if status.as_u16() == 429 || status.is_server_error() {
                last = format!("it answers {status}");
                continue;
            }
            let text = answer.text().await.unwrap_or_default();
            return if status.is_success() { read(&text) } else { Err(refused(status, &text)) };
        }
        let message = format!("the API can't take events now: {last}");
        let help = "Run it again later: it goes on where it was.";
        Err(Failure::unreachable("unavailable", message, help))
    }
}

fn read(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text)
        .map_err(|error| Failure::unreachable("bad_answer", error.to_string(), ""))
}

/// The whole request was refused, which no repetition would change.
fn refused(status: reqwest::StatusCode, text: &str) -> Failure {
    let answer: Value = serde_json::from_str(text).unwrap_or_default();
    let message = answer["error"]["message"].as_str().unwrap_or("without a reason");
    let help = "The key must be known and have the right `write`: infra/README.md, \"Keys\".";
    Failure::input("refused", format!("the API answers {status}: {message}"), help)
}

/// What became of one line.
fn note(
    ops: &Ops, number: u64, event: &str, result: &Value, state: &mut State, rejects: &mut Rejects,
) -> Result<(), Failure> {
    let status = result["status"].as_str().unwrap_or("unknown");
    if matches!(status, "rejected" | "conflict") {
        let reject = Reject::answered(number, &result["error"]);
        state.tally.reject(reject.code());
        return rejects.add(&reject);
    }
    let money = if matches!(status, "queued" | "recorded") { money(ops, event) } else { None };
    state.tally.add(status, money, result["warnings"].as_array().map_or(0, Vec::len));
    Ok(())
}

fn money(ops: &Ops, event: &str) -> Option<Money> {
    check::check(event, &ops.mapping, ops.now()).ok()?.value()
}
