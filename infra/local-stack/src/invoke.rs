//! Lets the local AWS invoke the functions – by name, by id in the template, or by ARN – and rotate
//! secrets with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::body::Bytes;
use local_aws::{Aws, FunctionError, Functions, Invocation, Logged};
use serde_json::json;

use crate::console::say;
use crate::runtime::{Failure, Function};
use crate::template::Plan;

struct Known(BTreeMap<String, Function>);

/// Makes the functions known to the local AWS and configures the rotations of the template.
pub(crate) async fn connect(
    aws: &Aws, plan: &Plan, functions: &BTreeMap<String, Function>,
) -> Result<()> {
    let mut known = functions.clone();
    for planned in &plan.functions {
        if let Some(function) = functions.get(&planned.name) {
            known.insert(planned.logical.clone(), function.clone());
        }
    }
    aws.on_invoke(Arc::new(Known(known)));
    for rotation in &plan.rotations {
        let request = json!({
            "SecretId": rotation.secret, "RotationLambdaARN": rotation.function,
            "RotationRules": rotation.rules, "RotateImmediately": false,
        });
        let configured = aws.call("secretsmanager.RotateSecret", request).await;
        configured.with_context(|| format!("rotation of {}", rotation.secret))?;
    }
    Ok(())
}

impl Known {
    fn find(&self, name: &str) -> Option<&Function> {
        let name = name.rsplit_once(":function:").map_or(name, |(_, name)| name);
        self.0.get(name)
    }
}

impl Functions for Known {
    fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn invoke(&self, name: &str, payload: Bytes) -> Invocation {
        let logged = self.invoke_logged(name, payload);
        Box::pin(async { logged.await.0 })
    }

    fn invoke_logged(&self, name: &str, payload: Bytes) -> Logged {
        let function = self.find(name).cloned();
        Box::pin(async move {
            let Some(function) = function else {
                return (Err(failed("Stopped", "there is no such function")), Vec::new());
            };
            let (result, log) = function.invoke_logged(payload).await;
            let result = result.map_err(|failure| {
                say(format!("{}: {failure}", function.name()));
                error(&failure)
            });
            (result, log)
        })
    }
}

/// The error under Lambda's own name for it.
fn error(failure: &Failure) -> FunctionError {
    match failure {
        Failure::RequestTooLarge => FunctionError::TooLarge,
        Failure::FunctionError { kind, message } => failed(kind, message),
        Failure::TimedOut => failed("Sandbox.Timedout", &failure.to_string()),
        Failure::Exited(_) | Failure::Stopping => failed("Runtime.ExitError", &failure.to_string()),
    }
}

fn failed(kind: &str, message: &str) -> FunctionError {
    FunctionError::Failed { kind: kind.to_owned(), message: message.to_owned() }
}
