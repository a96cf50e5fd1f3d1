//! Rotation: keeps who rotates a secret, and calls that function in its four steps.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html>. Nothing
//! rotates by the clock here, and a rotation that failed is tried again only by the next
//! `RotateSecret`.

use std::sync::Arc;

use axum::body::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::secret::{CURRENT, Content, PENDING, Secret};
use super::write::checked_token;
use super::{Secrets, State, invalid_request};
use crate::error::AwsError;
use crate::functions::Functions;
use crate::{Aws, now_ms, request};

const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

/// What a secret keeps of its rotation.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Rotation {
    /// The function.
    pub(super) function: String,
    /// `RotationRules` as they were given.
    pub(super) rules: Value,
}

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

/// A rotation to carry out.
struct Run {
    function: String,
    arn: String,
    name: String,
    token: String,
}

/// Answers at once; the function is called meanwhile.
pub(crate) fn rotate_secret(aws: &Aws, body: Value) -> Result<Value, AwsError> {
    let asked: RotateSecret = request(body)?;
    let functions = aws.functions();
    let has = |name: &str| functions.as_ref().is_some_and(|functions| functions.has(name));
    let mut run = None;
    let answer = aws.secrets().with(|state| begin(state, asked, has, &mut run));
    if let (Some(run), Some(functions)) = (run, functions) {
        tokio::spawn(carry_out(aws.clone(), functions, run));
    }
    answer
}

fn begin(
    state: &mut State,
    asked: RotateSecret,
    has: impl Fn(&str) -> bool,
    run: &mut Option<Run>,
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
    *run = state.run(&secret, started);
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
    secret: &mut Secret,
    function: Option<String>,
    rules: Option<Value>,
    has: impl Fn(&str) -> bool,
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
    secret.rotation = Some(Rotation { function, rules });
    Ok(())
}

/// The version that a rotation has left pending.
fn unfinished(secret: &Secret) -> Option<String> {
    let pending = secret.holder(PENDING)?;
    (secret.holder(CURRENT) != Some(pending)).then(|| pending.to_owned())
}

impl State {
    /// The rotation to carry out, unless one is at work on this secret.
    fn run(&mut self, secret: &Secret, token: String) -> Option<Run> {
        let function = secret.rotation.as_ref()?.function.clone();
        let (arn, name) = (secret.arn.clone(), secret.name.clone());
        self.rotating.insert(name.clone()).then_some(Run { function, arn, name, token })
    }
}

/// Step after step, until one fails.
async fn carry_out(aws: Aws, functions: Arc<dyn Functions>, run: Run) {
    let mut done = true;
    for step in STEPS {
        let event = json!({ "Step": step, "SecretId": run.arn, "ClientRequestToken": run.token });
        let called = functions.invoke(&run.function, Bytes::from(event.to_string())).await;
        if called.is_err() {
            done = false;
            break;
        }
    }
    aws.secrets().rotated(&run.name, done);
}

impl Secrets {
    fn rotated(&self, name: &str, done: bool) {
        // What can't be kept is only the time of the rotation.
        let _ = self.with(|state| {
            state.rotating.remove(name);
            if let Some(mut secret) = state.secrets.get(name).filter(|_| done).cloned() {
                secret.rotated_ms = Some(now_ms());
                state.save(secret);
            }
            Ok(())
        });
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CancelRotateSecret {
    secret_id: String,
}

/// Rotates no more. A version that is pending stays so, as on AWS.
pub(super) fn cancel_rotate_secret(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let asked: CancelRotateSecret = request(body)?;
    let mut secret = state.find_live(&asked.secret_id)?.clone();
    secret.rotation = None;
    let mut answer = json!({ "ARN": secret.arn, "Name": secret.name });
    if let Some(pending) = secret.holder(PENDING) {
        answer["VersionId"] = json!(pending);
    }
    state.save(secret);
    Ok(answer)
}
