//! Rotation: stores which function rotates a secret, and calls that function in its four steps.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html>. Nothing
//! is rotated on a schedule here, and a rotation that failed is retried only by the next
//! `RotateSecret`.

use std::sync::Arc;

use axum::body::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::rotation_configuration::RotationConfiguration;
use super::secret::{CURRENT, Content, PENDING, Secret};
use super::write::checked_token;
use super::{Secrets, State, invalid_request};
use crate::error::AwsError;
use crate::functions::Functions;
use crate::{Aws, now_ms, request};

const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RotateSecret {
    secret_id: String,
    client_request_token: Option<String>,
    #[serde(rename = "RotationLambdaARN")]
    function: Option<String>,
    rotation_rules: Option<Value>,
    rotate_immediately: Option<bool>,
}

/// A rotation that was started.
struct Run {
    function: String,
    arn: String,
    name: String,
    token: String,
}

/// Answers at once; the function's four steps run in the background.
pub(crate) fn rotate_secret(aws: &Aws, body: Value) -> Result<Value, AwsError> {
    let asked: RotateSecret = request(body)?;
    let functions = aws.functions();
    let has = |name: &str| functions.as_ref().is_some_and(|functions| functions.has(name));
    let mut run = None;
    let answer = aws.secrets().with(|state| begin(state, asked, has, &mut run));
    if let (Some(run), Some(functions)) = (run, functions) {
        tokio::spawn(call_steps(aws.clone(), functions, run));
    }
    answer
}

fn begin(
    state: &mut State, asked: RotateSecret, has: impl Fn(&str) -> bool, run: &mut Option<Run>,
) -> Result<Value, AwsError> {
    let token = checked_token(asked.client_request_token)?;
    let mut secret = state.find_live(&asked.secret_id)?.clone();
    configure(&mut secret, asked.function, asked.rotation_rules, has)?;
    let mut answer = json!({ "ARN": secret.arn, "Name": secret.name });
    if asked.rotate_immediately == Some(false) {
        state.save(secret);
        return Ok(answer);
    }
    let unfinished = unfinished(&secret).filter(|pending| *pending != token);
    let started = unfinished.clone().unwrap_or_else(|| token.clone());
    if unfinished.is_none() && !secret.versions.contains_key(&started) {
        secret.put(&started, Content::default(), &[PENDING.to_owned()], now_ms())?;
    }
    *run = state.start_run(&secret, started);
    state.save(secret);
    if unfinished.is_some() {
        return Err(invalid_request(
            "A previous rotation isn't complete. That rotation will be reattempted.",
        ));
    }
    answer["VersionId"] = json!(token);
    Ok(answer)
}

fn configure(
    secret: &mut Secret, function: Option<String>, rules: Option<Value>, has: impl Fn(&str) -> bool,
) -> Result<(), AwsError> {
    let known = secret.rotation.take();
    let function = function.or_else(|| known.as_ref().map(|rotation| rotation.function.clone()));
    let function = function.ok_or_else(|| {
        invalid_request("No Lambda rotation function ARN is associated with this secret.")
    })?;
    if !has(&function) {
        return Err(AwsError::new(
            "AccessDeniedException",
            "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.",
        ));
    }
    let rules = rules.or(known.map(|rotation| rotation.rules)).unwrap_or(Value::Null);
    secret.rotation = Some(RotationConfiguration { function, rules });
    Ok(())
}

/// The version that an earlier rotation has left pending.
fn unfinished(secret: &Secret) -> Option<String> {
    let pending = secret.holder(PENDING)?;
    (secret.holder(CURRENT) != Some(pending)).then(|| pending.to_owned())
}

impl State {
    /// Marks the secret as being rotated; `None` if a rotation of it is running already.
    fn start_run(&mut self, secret: &Secret, token: String) -> Option<Run> {
        let function = secret.rotation.as_ref()?.function.clone();
        let (arn, name) = (secret.arn.clone(), secret.name.clone());
        self.rotating.insert(name.clone()).then_some(Run { function, arn, name, token })
    }
}

/// Calls the function step by step, until a step fails.
async fn call_steps(aws: Aws, functions: Arc<dyn Functions>, run: Run) {
    let mut completed = true;
    for step in STEPS {
        let event = json!({ "Step": step, "SecretId": run.arn, "ClientRequestToken": run.token });
        let called = functions.invoke(&run.function, Bytes::from(event.to_string())).await;
        if called.is_err() {
            completed = false;
            break;
        }
    }
    aws.secrets().end_run(&run.name, completed);
}

impl Secrets {
    fn end_run(&self, name: &str, completed: bool) {
        // If this can't be stored, only the time of the rotation is lost.
        let _ = self.with(|state| {
            state.rotating.remove(name);
            if let Some(mut secret) = state.secrets.get(name).filter(|_| completed).cloned() {
                secret.rotated_ms = Some(now_ms());
                state.save(secret);
            }
            Ok(())
        });
    }
}
