//! The event of Secrets Manager, and the answer, which only people read.

use serde::{Deserialize, Serialize};
use tracklayer_core::id::AccountName;

/// What Secrets Manager asks for. Members it may add are not looked at.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    pub step: Step,
    pub secret_id: String,
    /// The rotation, and the id of the version it is to make.
    #[serde(rename = "ClientRequestToken")]
    pub rotation: String,
}

impl Event {
    /// The account whose secret it is: the last part of its name. An ARN has a dash and six
    /// characters behind that
    /// (docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html).
    pub fn account(&self) -> Option<AccountName> {
        let (_, last) = self.secret_id.rsplit_once('/')?;
        let name = if self.secret_id.starts_with("arn:") {
            last.rsplit_once('-').filter(|(_, random)| random.len() == 6)?.0
        } else {
            last
        };
        name.parse().ok()
    }
}

/// The steps of a rotation, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    CreateSecret,
    /// Register it with the service: Microsoft knows it already.
    SetSecret,
    TestSecret,
    FinishSecret,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    Staged,
    Tested,
    Finished,
    /// Another version became current meanwhile; it stays.
    Superseded,
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    pub step: Step,
    pub outcome: Outcome,
}
