//! The event of Secrets Manager, and the answer, which only people read.

use serde::{Deserialize, Serialize};

/// What Secrets Manager asks for. Members it may add are not looked at.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    /// The step.
    pub step: Step,
    /// ARN of the secret.
    pub secret_id: String,
    /// The rotation, and the id of the version it is to make.
    #[serde(rename = "ClientRequestToken")]
    pub rotation: String,
}

/// The steps of a rotation, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// Make the new version.
    CreateSecret,
    /// Tell the service of it: Microsoft knows already.
    SetSecret,
    /// Try it.
    TestSecret,
    /// Make it current.
    FinishSecret,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// The new version is staged.
    Staged,
    /// The staged version works.
    Tested,
    /// The new version is current.
    Finished,
    /// Another version became current meanwhile; it stays.
    Superseded,
    /// There was nothing to do.
    Nothing,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The step that was asked for.
    pub step: Step,
    /// What it came to.
    pub outcome: Outcome,
}
