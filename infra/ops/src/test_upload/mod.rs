//! `test-upload`: one event for a known click, from the API to Microsoft's answer.
//!
//! It is followed by its row, which keeps what Microsoft answered to it. The row keeps no HTTP: what
//! is known of the call is in [`kept`], and says where it comes from.

mod kept;

use std::path::{Path, PathBuf};
use std::time::Duration;

use owo_colors::OwoColorize as _;
use serde_json::{Value, json};
use tracklayer_core::id::RecordId;
use tracklayer_core::ledger::observed::{Attempt, AttemptOutcome};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::reconcile::state::{self, State};

use crate::failure::{Failure, Verdict};
use crate::import::check::{self, check};
use crate::import::send::Api;
use crate::options::TestUploadOptions;
use crate::place::Ops;
use crate::screen::{Progress, Screen};
use kept::Kept;

/// How often the row is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Sends the event and follows it; [`Verdict::Wrong`] unless Microsoft took it.
pub async fn run(
    ops: &Ops, options: &TestUploadOptions, screen: &Screen,
) -> Result<Verdict, Failure> {
    let id = format!("test-upload-{}", ops.now().epoch());
    let event = event(ops, options, &id)?;
    let answer = send(ops, options, &event).await?;
    let id: RecordId = id.parse().map_err(|error| unreadable(&error))?;
    let row = follow(ops, options, &id).await?;
    let story = story(ops, options, &id).await?;
    let kept = Kept::of(ops, &event, &answer, &row, story).await;
    let file = write(&kept, options, &id)?;
    show(&kept, &row, &file, screen);
    Ok(Verdict::fine_if(outcome(&row) == Some(AttemptOutcome::Accepted)))
}

/// The event, as the API's parser takes it.
fn event(ops: &Ops, options: &TestUploadOptions, id: &str) -> Result<Value, Failure> {
    let now = ops.now().to_string();
    let mut event = json!({
        "eventId": id,
        "source": options.source,
        "event": options.event,
        "occurredAt": options.occurred_at.as_ref().unwrap_or(&now),
        "msclkid": options.msclkid,
    });
    let account = options.account.as_ref().map(|name| name.as_str().to_owned());
    let more = [("value", &options.value), ("currency", &options.currency), ("account", &account)];
    for (name, text) in more {
        if let Some(text) = text {
            event[name] = json!(text);
        }
    }
    let said = check(&event.to_string(), &ops.mapping, ops.now()).map_err(|error| {
        let message = format!("the API would reject it: {} ({})", error.message, error.code);
        Failure::input("rejected", message, "Nothing was sent.")
    })?;
    if said.status == check::CONVERSION {
        return Ok(event);
    }
    let message =
        format!("the event {} is none that Microsoft gets as a conversion", options.event);
    Err(Failure::input("no_conversion", message, "Name another one with --event."))
}

/// What the API answers to it; only a new row can be followed.
async fn send(ops: &Ops, options: &TestUploadOptions, event: &Value) -> Result<Value, Failure> {
    let api = Api::new(ops, options.key.as_ref())?;
    let answer = api.results(&[&event.to_string()]).await?.pop().unwrap_or_default();
    if answer["status"] == "queued" {
        return Ok(answer);
    }
    let why = answer["error"]["message"].as_str().or(answer["reason"].as_str());
    let message = format!(
        "the API answers {}: {}",
        answer["status"].as_str().unwrap_or("something else"),
        why.unwrap_or("without a reason")
    );
    let help = "A key for a source of its own, test-upload, is best: infra/README.md, \"Keys\". \
                Name another source with --source.";
    Err(Failure::input("not_queued", message, help))
}

/// The row, once Microsoft has answered, nothing more will come, or the time is over.
async fn follow(ops: &Ops, options: &TestUploadOptions, id: &RecordId) -> Result<Row, Failure> {
    let progress = Progress::new("looks at the row", 0);
    let mut seconds = 0;
    loop {
        let found = status::find(&ops.ledger, &options.source, id, ops.now()).await?;
        let row = found.into_iter().flat_map(|partition| partition.rows).next();
        match row {
            Some(row) if is_over(&row) || seconds >= options.wait => return Ok(row),
            None if seconds >= options.wait => {
                let message = "the API has queued the event, but its row can't be found";
                return Err(Failure::unreachable("no_row", message, "Look at `doctor`."));
            }
            _ => {}
        }
        tokio::time::sleep(LOOK).await;
        seconds += LOOK.as_secs();
        progress.add(1);
    }
}

fn is_over(row: &Row) -> bool {
    let is_answered = outcome(row).is_some_and(|outcome| outcome != AttemptOutcome::Unknown);
    is_answered || matches!(state::state(row).0, State::Refused | State::Dead)
}

fn outcome(row: &Row) -> Option<AttemptOutcome> {
    row.observed.last.as_ref().map(|last| last.outcome)
}

/// What `status` says of it.
async fn story(ops: &Ops, options: &TestUploadOptions, id: &RecordId) -> Result<Value, Failure> {
    let found = status::find(&ops.ledger, &options.source, id, ops.now()).await?;
    let accounts = status::accounts(&ops.ledger, &found).await;
    let story = status::Story::of(&found, &accounts, &ops.policy, ops.now());
    serde_json::to_value(&story).map_err(|error| unreadable(&error))
}

fn unreadable(error: &dyn std::error::Error) -> Failure {
    Failure::unreachable("unreadable", error.to_string(), "")
}

fn write(kept: &Kept, options: &TestUploadOptions, id: &RecordId) -> Result<PathBuf, Failure> {
    let file = options.out.clone().unwrap_or_else(|| PathBuf::from(format!("{id}.json")));
    let text = serde_json::to_string_pretty(kept).map_err(|error| unreadable(&error))?;
    std::fs::write(&file, text).map_err(|error| {
        let message = format!("{} can't be written: {error}", file.display());
        Failure::input("not_written", message, "The event was sent. Name a file with --out.")
    })?;
    Ok(file)
}

fn show(kept: &Kept, row: &Row, file: &Path, screen: &Screen) {
    if screen.json(kept) {
        return;
    }
    let says = match row.observed.last.as_ref() {
        Some(last) => answered(last),
        None => format!("{} Microsoft was not asked yet", "!".yellow().bold()),
    };
    screen.say(format!("{says}; {}", waits(row)));
    screen.say(format!("{:<12} {} of {}", "goal", row.facts.goal, row.account));
    let numbers = |name: &str| kept.header(name).unwrap_or("unknown").to_owned();
    let (account, customer) = (numbers("CustomerAccountId"), numbers("CustomerId"));
    screen.say(format!("{:<12} {account}, customer {customer}", "ad account"));
    screen.say(format!("{:<12} {}", "request", kept.body()));
    screen.say(format!("{:<12} {}", "kept in", file.display()));
}

fn answered(last: &Attempt) -> String {
    let id = last.tracking_id.as_deref().unwrap_or("without TrackingId");
    let code = last.code.map(|code| code.to_string()).unwrap_or_default();
    let symbol = last.error_code.as_deref().unwrap_or_default();
    match last.outcome {
        AttemptOutcome::Accepted => format!("{} Microsoft took it ({id})", "✓".green()),
        AttemptOutcome::Refused => {
            format!("{} Microsoft did not take it: {code} {symbol} ({id})", "✗".red().bold())
        }
        AttemptOutcome::Unknown => format!("{} no answer is known ({id})", "!".yellow().bold()),
    }
}

fn waits(row: &Row) -> String {
    let (state, reason) = state::state(row);
    let due = state::wait(row).map(|open| format!(", looked at again {}", open.due));
    let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("its row is {}{reason}{}", state.as_str(), due.unwrap_or_default())
}
