//! One secret: its versions and which version has which staging label.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::rotation_configuration::RotationConfiguration;
use super::{exists, invalid_parameter, invalid_request, not_found};
use crate::error::AwsError;

pub(super) const CURRENT: &str = "AWSCURRENT";
pub(super) const PENDING: &str = "AWSPENDING";
pub(super) const PREVIOUS: &str = "AWSPREVIOUS";

/// The value of a version. It has no `Debug`, so that it never ends up in a log.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Content {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret_string: Option<String>,
}

impl Content {
    pub(super) fn text(value: &str) -> Self {
        Self { secret_string: Some(value.to_owned()) }
    }

    /// Whether there is no value yet, as in a version that a rotation has only started.
    pub(super) fn is_empty(&self) -> bool {
        self.secret_string.is_none()
    }
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) content: Content,
    pub(super) stages: Vec<String>,
    pub(super) created_ms: u64,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Secret {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) description: Option<String>,
    pub(super) created_ms: u64,
    pub(super) changed_ms: u64,
    pub(super) deletion_ms: Option<u64>,
    #[serde(default)]
    pub(super) rotation: Option<RotationConfiguration>,
    #[serde(default)]
    pub(super) rotated_ms: Option<u64>,
    pub(super) versions: BTreeMap<String, Version>,
}

impl Secret {
    /// Whether the id is this secret's ARN, with or without the random end.
    pub(super) fn has_arn(&self, id: &str) -> bool {
        self.arn == id || self.arn.rsplit_once('-').is_some_and(|(partial, _)| partial == id)
    }

    /// Adds a version with these labels and takes them from the versions that had them. The same
    /// token with the same value changes nothing; with another value it is refused, unless the
    /// version has no value yet.
    pub(super) fn put(
        &mut self, token: &str, content: Content, stages: &[String], now: u64,
    ) -> Result<(), AwsError> {
        if let Some(version) =
            self.versions.get(token).filter(|version| !version.content.is_empty())
        {
            return if version.content == content {
                Ok(())
            } else {
                Err(exists(format!(
                    "You can't use ClientRequestToken {token} because that value is already in use for a version of secret {}.",
                    self.arn
                )))
            };
        }
        let version = Version { content, stages: Vec::new(), created_ms: now };
        self.versions.insert(token.to_owned(), version);
        for stage in stages {
            self.attach(stage, token);
        }
        self.changed_ms = now;
        Ok(())
    }

    /// Moves a label as `UpdateSecretVersionStage` does: the request must name the version that has it.
    pub(super) fn move_stage(
        &mut self, stage: &str, to: Option<&str>, from: Option<&str>, now: u64,
    ) -> Result<(), AwsError> {
        self.check_move(stage, to, from)?;
        match to {
            Some(to) => self.attach(stage, to),
            None if stage == CURRENT => {
                return Err(invalid_request(
                    "You can't remove the staging label AWSCURRENT without moving it to another version.",
                ));
            }
            None => self.detach(stage),
        }
        self.changed_ms = now;
        Ok(())
    }

    fn check_move(
        &self, stage: &str, to: Option<&str>, from: Option<&str>,
    ) -> Result<(), AwsError> {
        if [to, from].into_iter().flatten().any(|id| !self.versions.contains_key(id)) {
            return Err(not_found("Secrets Manager can't find the specified secret version."));
        }
        match self.holder(stage) {
            Some(holder) if ![to, from].contains(&Some(holder)) => Err(invalid_parameter(format!(
                "The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached to version {holder}, so you must explicitly reference that version in RemoveFromVersionId."
            ))),
            None if from.is_some() => Err(invalid_parameter(format!(
                "Staging label {stage} is not attached to the version in RemoveFromVersionId."
            ))),
            _ => Ok(()),
        }
    }

    /// The version with this id and label; without either, the current one.
    pub(super) fn version(
        &self, id: Option<&str>, stage: Option<&str>,
    ) -> Result<(&str, &Version), AwsError> {
        let wanted = stage.or(id.is_none().then_some(CURRENT));
        self.versions
            .iter()
            .filter(|(_, version)| !version.content.is_empty())
            .find(|(key, version)| {
                id.is_none_or(|id| id == *key) && wanted.is_none_or(|stage| version.has(stage))
            })
            .map(|(key, version)| (key.as_str(), version))
            .ok_or_else(|| {
                let asked = match (id, wanted) {
                    (Some(id), _) => format!("VersionId: {id}"),
                    (None, stage) => format!("staging label: {}", stage.unwrap_or(CURRENT)),
                };
                not_found(&format!(
                    "Secrets Manager can't find the specified secret value for {asked}"
                ))
            })
    }

    /// The labels by version id, of the versions that have any.
    pub(super) fn labels(&self) -> BTreeMap<&str, &[String]> {
        let labelled = self.versions.iter().filter(|(_, version)| !version.stages.is_empty());
        labelled.map(|(id, version)| (id.as_str(), version.stages.as_slice())).collect()
    }

    /// The id of the version with this label.
    pub(super) fn holder(&self, stage: &str) -> Option<&str> {
        self.versions.iter().find(|(_, version)| version.has(stage)).map(|(id, _)| id.as_str())
    }

    /// Gives a version a label. The version that loses `AWSCURRENT` by it becomes `AWSPREVIOUS`.
    fn attach(&mut self, stage: &str, id: &str) {
        let before = self.holder(stage).map(str::to_owned);
        if before.as_deref() == Some(id) {
            return;
        }
        self.detach(stage);
        if let Some(version) = self.versions.get_mut(id) {
            version.stages.push(stage.to_owned());
        }
        if stage == CURRENT
            && let Some(before) = before
        {
            self.attach(PREVIOUS, &before);
        }
    }

    fn detach(&mut self, stage: &str) {
        for version in self.versions.values_mut() {
            version.stages.retain(|held| held != stage);
        }
    }
}

impl Version {
    fn has(&self, stage: &str) -> bool {
        self.stages.iter().any(|held| held == stage)
    }
}
