//! Secrets Manager: secrets with versions and staging labels, deletion with a recovery window.
//!
//! `secret` holds the rules of one secret, `read`, `write` and `rotation` the operations. There is no
//! encryption: a data folder holds the values in clear text. Use values made for development.

mod read;
mod rotation;
mod rotation_configuration;
mod secret;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::error::{AwsError, Error};
use crate::store::Store;
use crate::{Settings, now_ms};
pub(crate) use rotation::rotate_secret;
use secret::{Content, Secret};

/// The secrets of one stand-in.
pub struct Secrets {
    state: Mutex<State>,
}

struct State {
    settings: Settings,
    secrets: BTreeMap<String, Secret>,
    store: Store,
    /// Names of the secrets that are being rotated.
    rotating: BTreeSet<String>,
}

impl Secrets {
    pub(crate) fn open(folder: Option<&Path>, settings: Settings) -> Result<Self, Error> {
        let store = Store::open(folder, "secrets.sqlite")?;
        let mut secrets: BTreeMap<String, Secret> = store.all("secret")?.into_iter().collect();
        secrets.retain(|_, secret| secret.deletion_ms.is_none_or(|at| at > now_ms()));
        Ok(Self {
            state: Mutex::new(State { settings, secrets, store, rotating: BTreeSet::new() }),
        })
    }

    /// Creates the secret unless there is one of this name; returns whether it did.
    ///
    /// # Errors
    /// AWS would not accept the name, or the value cannot be stored.
    pub fn put_if_absent(&self, name: &str, value: &str) -> Result<bool, AwsError> {
        self.with(|state| {
            if state.secrets.contains_key(name) {
                return Ok(false);
            }
            state.create(name, Content::text(value), None, None).map(|_| true)
        })
    }

    /// The ARN of the secret with this name or ARN.
    pub(crate) fn arn(&self, id: &str) -> Option<String> {
        self.with(|state| state.find(id).map(|secret| secret.arn.clone())).ok()
    }

    pub(crate) fn call(&self, operation: &str, body: Value) -> Result<Value, AwsError> {
        if body["SecretBinary"].is_string() {
            return Err(invalid_parameter("this local stand-in stores no binary secrets"));
        }
        self.with(|state| match operation {
            "CreateSecret" => write::create_secret(state, body),
            "PutSecretValue" => write::put_secret_value(state, body),
            "UpdateSecretVersionStage" => write::update_secret_version_stage(state, body),
            "DeleteSecret" => write::delete_secret(state, body),
            "RestoreSecret" => write::restore_secret(state, body),
            "GetSecretValue" => read::get_secret_value(state, body),
            "BatchGetSecretValue" => read::batch_get_secret_value(state, body),
            "DescribeSecret" => read::describe_secret(state, body),
            "ListSecrets" => read::list_secrets(state, body),
            _ => Err(AwsError::unknown_operation(&format!("secretsmanager.{operation}"))),
        })
    }

    fn with<T>(&self, run: impl FnOnce(&mut State) -> Result<T, AwsError>) -> Result<T, AwsError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = run(&mut state);
        state.store.commit()?;
        result
    }
}

impl State {
    /// The secret with this name, ARN, or ARN without its random end; also one marked for deletion.
    fn find(&self, id: &str) -> Result<&Secret, AwsError> {
        self.secrets
            .get(id)
            .or_else(|| self.secrets.values().find(|secret| secret.has_arn(id)))
            .ok_or_else(|| not_found("Secrets Manager can't find the specified secret."))
    }

    /// Like [`find`](Self::find), but refuses a secret marked for deletion, as AWS does.
    fn find_live(&self, id: &str) -> Result<&Secret, AwsError> {
        let secret = self.find(id)?;
        if secret.deletion_ms.is_some() {
            return Err(invalid_request(
                "You can't perform this operation on the secret because it was marked for deletion.",
            ));
        }
        Ok(secret)
    }

    fn save(&mut self, secret: Secret) {
        self.store.put("secret", &secret.name, &secret);
        self.secrets.insert(secret.name.clone(), secret);
    }
}

fn not_found(message: &str) -> AwsError {
    AwsError::new("ResourceNotFoundException", message)
}

fn invalid_request(message: &str) -> AwsError {
    AwsError::new("InvalidRequestException", message)
}

fn invalid_parameter(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterException", message)
}

fn exists(message: impl Into<String>) -> AwsError {
    AwsError::new("ResourceExistsException", message)
}
