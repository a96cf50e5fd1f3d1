//! The operations that change secrets.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::secret::{CURRENT, Content, Secret};
use super::{State, exists, invalid_parameter, invalid_request};
use crate::error::AwsError;
use crate::{Settings, now_ms, request, seconds};

const DAY_MS: u64 = 86_400_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateSecret {
    name: String,
    client_request_token: Option<String>,
    description: Option<String>,
    #[serde(flatten)]
    content: Content,
}

pub(super) fn create_secret(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let asked: CreateSecret = request(body)?;
    state.create(&asked.name, asked.content, asked.client_request_token, asked.description)
}

impl State {
    pub(super) fn create(
        &mut self, name: &str, content: Content, token: Option<String>, description: Option<String>,
    ) -> Result<Value, AwsError> {
        check_name(name)?;
        let token = checked_token(token)?;
        if let Some(secret) = self.secrets.get(name) {
            return existing(secret, &content, &token);
        }
        let now = now_ms();
        let mut secret = Secret {
            name: name.to_owned(),
            arn: self.arn(name),
            description,
            created_ms: now,
            changed_ms: now,
            deletion_ms: None,
            rotation: None,
            rotated_ms: None,
            versions: BTreeMap::new(),
        };
        let mut answer = json!({ "ARN": secret.arn, "Name": name });
        if !content.is_empty() {
            secret.put(&token, content, &[CURRENT.to_owned()], now)?;
            answer["VersionId"] = json!(token);
        }
        self.save(secret);
        Ok(answer)
    }

    fn arn(&self, name: &str) -> String {
        let random = Uuid::new_v4().simple().to_string();
        let Settings { region, account, .. } = &self.settings;
        format!("arn:aws:secretsmanager:{region}:{account}:secret:{name}-{}", &random[..6])
    }
}

/// The answer if the secret exists: a repeated request is answered as before, any other is refused.
fn existing(secret: &Secret, content: &Content, token: &str) -> Result<Value, AwsError> {
    if secret.deletion_ms.is_some() {
        return Err(invalid_request(
            "You can't create this secret because a secret with this name is already scheduled for deletion.",
        ));
    }
    let same = secret.versions.get(token).is_some_and(|version| version.content == *content);
    if same {
        return Ok(json!({ "ARN": secret.arn, "Name": secret.name, "VersionId": token }));
    }
    Err(exists(format!("The operation failed because the secret {} already exists.", secret.name)))
}

fn check_name(name: &str) -> Result<(), AwsError> {
    let valid = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
    if (1..=512).contains(&name.len()) && name.chars().all(valid) {
        return Ok(());
    }
    Err(invalid_parameter(
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
    ))
}

pub(super) fn checked_token(token: Option<String>) -> Result<String, AwsError> {
    let token = token.unwrap_or_else(|| Uuid::new_v4().to_string());
    if (32..=64).contains(&token.len()) {
        return Ok(token);
    }
    Err(invalid_parameter("ClientRequestToken must be 32-64 characters long."))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutSecretValue {
    secret_id: String,
    client_request_token: Option<String>,
    version_stages: Option<Vec<String>>,
    #[serde(flatten)]
    content: Content,
}

pub(super) fn put_secret_value(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let asked: PutSecretValue = request(body)?;
    let mut secret = state.find_live(&asked.secret_id)?.clone();
    if asked.content.is_empty() {
        return Err(invalid_request("You must provide either SecretString or SecretBinary."));
    }
    let token = checked_token(asked.client_request_token)?;
    let stages = asked.version_stages.unwrap_or_else(|| vec![CURRENT.to_owned()]);
    if !(1..=20).contains(&stages.len()) {
        return Err(invalid_parameter("VersionStages must name 1 to 20 staging labels."));
    }
    secret.put(&token, asked.content, &stages, now_ms())?;
    let labels = secret.versions.get(&token).map(|version| version.stages.clone());
    let answer = json!({ "ARN": secret.arn, "Name": secret.name, "VersionId": token, "VersionStages": labels });
    state.save(secret);
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateSecretVersionStage {
    secret_id: String,
    version_stage: String,
    move_to_version_id: Option<String>,
    remove_from_version_id: Option<String>,
}

pub(super) fn update_secret_version_stage(
    state: &mut State, body: Value,
) -> Result<Value, AwsError> {
    let asked: UpdateSecretVersionStage = request(body)?;
    let mut secret = state.find_live(&asked.secret_id)?.clone();
    let (to, from) = (asked.move_to_version_id.as_deref(), asked.remove_from_version_id.as_deref());
    secret.move_stage(&asked.version_stage, to, from, now_ms())?;
    let answer = json!({ "ARN": secret.arn, "Name": secret.name });
    state.save(secret);
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteSecret {
    secret_id: String,
    recovery_window_in_days: Option<u64>,
    #[serde(default)]
    force_delete_without_recovery: bool,
}

pub(super) fn delete_secret(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let asked: DeleteSecret = request(body)?;
    let mut secret = state.find_live(&asked.secret_id)?.clone();
    let days = asked.recovery_window_in_days;
    if days.is_some() && asked.force_delete_without_recovery {
        return Err(invalid_parameter(
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        ));
    }
    if days.is_some_and(|days| !(7..=30).contains(&days)) {
        return Err(invalid_parameter(
            "RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
        ));
    }
    let wait = if asked.force_delete_without_recovery { 0 } else { days.unwrap_or(30) * DAY_MS };
    let deletion = now_ms() + wait;
    let answer =
        json!({ "ARN": secret.arn, "Name": secret.name, "DeletionDate": seconds(deletion) });
    if wait == 0 {
        state.secrets.remove(&secret.name);
        state.store.delete("secret", &secret.name);
    } else {
        secret.deletion_ms = Some(deletion);
        state.save(secret);
    }
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecretId {
    secret_id: String,
}

pub(super) fn restore_secret(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let asked: SecretId = request(body)?;
    let mut secret = state.find(&asked.secret_id)?.clone();
    secret.deletion_ms = None;
    let answer = json!({ "ARN": secret.arn, "Name": secret.name });
    state.save(secret);
    Ok(answer)
}
