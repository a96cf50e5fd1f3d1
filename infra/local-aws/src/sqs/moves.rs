//! Message move tasks: dead-letter messages move to the queues they came from, or to one that the
//! caller names.
//!
//! Tasks are kept in memory only. A restart ends them; messages that were not moved yet stay in the
//! dead-letter queue.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Sqs;
use super::errors::{INVALID_VALUE, NOT_FOUND, within};
use super::message::DEAD_LETTER_SOURCE;
use super::move_task::{MoveTask, Status};
use super::state::State;
use crate::error::AwsError;
use crate::{now_ms, request};

/// Messages moved at once when no rate is set.
const AT_ONCE: u64 = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StartMessageMoveTask {
    source_arn: String,
    destination_arn: Option<String>,
    max_number_of_messages_per_second: Option<u64>,
}

impl Sqs {
    pub(super) fn start_move(&self, body: Value) -> Result<Value, AwsError> {
        let asked: StartMessageMoveTask = request(body)?;
        let pause = asked
            .max_number_of_messages_per_second
            .map(|rate| Duration::from_secs(1) / u32::try_from(rate).unwrap_or(500).max(1));
        let handle = self.with(|state| state.begin_move(asked))?;
        let sqs = self.clone();
        let task = handle.clone();
        tokio::spawn(async move {
            while sqs.with(|state| Ok(state.move_some(&task))).unwrap_or(false) {
                match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => tokio::task::yield_now().await,
                }
            }
        });
        Ok(json!({ "TaskHandle": handle }))
    }
}

impl State {
    fn begin_move(&mut self, asked: StartMessageMoveTask) -> Result<String, AwsError> {
        self.check_move(&asked)?;
        let StartMessageMoveTask { source_arn: source, destination_arn: destination, .. } = asked;
        let to_move = self.by_arn(&source).map_or(0, |queue| queue.counts(now_ms()).visible);
        let id = json!({ "taskId": Uuid::new_v4().to_string(), "sourceArn": source });
        let handle = BASE64.encode(id.to_string());
        self.moves.push(MoveTask {
            handle: handle.clone(),
            source,
            destination,
            rate: asked.max_number_of_messages_per_second,
            status: Status::Running,
            failure: None,
            moved: 0,
            to_move,
            started_ms: now_ms(),
        });
        Ok(handle)
    }

    fn check_move(&self, asked: &StartMessageMoveTask) -> Result<(), AwsError> {
        let rate = asked.max_number_of_messages_per_second.unwrap_or(1);
        within(rate, "MaxNumberOfMessagesPerSecond", 1, 500)?;
        let source = &asked.source_arn;
        if self.by_arn(source).is_none() {
            return Err(no_resource("SourceArn"));
        }
        if self.sources_of(source).is_empty() {
            return Err(
                INVALID_VALUE.says("Source queue must be configured as a Dead Letter Queue.")
            );
        }
        if asked.destination_arn.as_ref().is_some_and(|arn| self.by_arn(arn).is_none()) {
            return Err(no_resource("DestinationArn"));
        }
        if self.moves.iter().any(|task| task.source == *source && task.is_running()) {
            return Err(INVALID_VALUE.says("There is already a task running. Only one active task is allowed for a source queue arn at a given time."));
        }
        Ok(())
    }

    /// Moves the next messages of a task; returns whether the task is still running.
    fn move_some(&mut self, handle: &str) -> bool {
        let Some(index) = self.moves.iter().position(|task| task.handle == handle) else {
            return false;
        };
        let steps = if self.moves[index].rate.is_some() { 1 } else { AT_ONCE };
        (0..steps).all(|_| {
            self.step(index);
            self.moves[index].is_running()
        })
    }

    fn step(&mut self, index: usize) {
        let MoveTask { source, destination, .. } = &self.moves[index];
        let result = self.move_one(&source.clone(), destination.clone());
        let task = &mut self.moves[index];
        match result {
            Ok(true) => task.moved += 1,
            Ok(false) => task.status = Status::Completed,
            Err(reason) => {
                task.status = Status::Failed;
                task.failure = Some(reason);
            }
        }
    }

    /// Moves the next visible message to its target as a new message; false if there is none.
    fn move_one(
        &mut self, source: &str, destination: Option<String>,
    ) -> Result<bool, &'static str> {
        const GONE: &str = "AWS.SimpleQueueService.NonExistentQueue";
        let name = self.by_arn(source).ok_or(GONE)?.name.clone();
        self.expire(&name).map_err(|_| GONE)?;
        let queue = self.queue(&name).map_err(|_| GONE)?;
        let Some(sequence) = queue.next_visible(now_ms(), &[]) else {
            return Ok(false);
        };
        let origin =
            queue.get(sequence).and_then(|message| message.system.get(DEAD_LETTER_SOURCE).cloned());
        let target = destination.or(origin).ok_or("CouldNotDetermineMessageSource")?;
        let target = self.by_arn(&target).ok_or(GONE)?.name.clone();
        if let Some(message) = self.remove(&name, sequence) {
            self.add(&target, message.sent_again(now_ms()));
        }
        Ok(true)
    }
}

fn no_resource(parameter: &str) -> AwsError {
    NOT_FOUND.says(format!(
        "The resource that you specified for the {parameter} parameter doesn't exist."
    ))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListMessageMoveTasks {
    source_arn: String,
    max_results: Option<u64>,
}

/// The tasks of a dead-letter queue, the newest first.
pub(super) fn list_message_move_tasks(state: &State, body: Value) -> Result<Value, AwsError> {
    let asked: ListMessageMoveTasks = request(body)?;
    let max = within(asked.max_results.unwrap_or(1), "MaxResults", 1, 10)?;
    state.by_arn(&asked.source_arn).ok_or_else(|| no_resource("SourceArn"))?;
    let of_queue = state.moves.iter().rev().filter(|task| task.source == asked.source_arn);
    let results: Vec<Value> =
        of_queue.take(usize::try_from(max).unwrap_or(1)).map(MoveTask::shown).collect();
    Ok(json!({ "Results": results }))
}
