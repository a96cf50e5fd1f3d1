//! What CloudFormation says of the stack.

use std::{collections::BTreeMap, time::Duration};

use aws_config::{SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_cloudformation::operation::describe_stacks::DescribeStacksError;
use aws_sdk_cloudformation::types::Stack;
use tracklayer_core::ledger::observed::Environment;
use tracklayer_core::reconcile::decide::Policy;

use crate::{failure::Failure, options::Place, screen::chain_of};

/// How long CloudFormation may take to take a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// A stack's parameters and outputs.
pub struct Deployment {
    /// The stack's name.
    pub name: String,
    /// Its status, as CREATE_COMPLETE.
    pub status: String,
    parameters: BTreeMap<String, String>,
    outputs: BTreeMap<String, String>,
}

impl Deployment {
    /// Asks CloudFormation.
    pub async fn read(config: &SdkConfig, place: &Place) -> Result<Self, Failure> {
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).build();
        let config = aws_sdk_cloudformation::config::Builder::from(config)
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(2))
            .build();
        let client = Client::from_conf(config);
        let answer = client.describe_stacks().stack_name(&place.stack).send().await;
        let stacks = answer.map_err(|error| failure(&error, place))?.stacks;
        let stack = stacks.and_then(|stacks| stacks.into_iter().next());
        stack.map(Deployment::of).ok_or_else(|| no_stack(place))
    }

    fn of(stack: Stack) -> Self {
        let parameters = stack.parameters.unwrap_or_default().into_iter();
        let outputs = stack.outputs.unwrap_or_default().into_iter();
        Deployment {
            name: stack.stack_name.unwrap_or_default(),
            status: stack.stack_status.map(|it| it.as_str().to_owned()).unwrap_or_default(),
            parameters: parameters
                .filter_map(|it| it.parameter_key.zip(it.parameter_value))
                .collect(),
            outputs: outputs.filter_map(|it| it.output_key.zip(it.output_value)).collect(),
        }
    }

    /// A stack of which nothing is known but these parameters.
    #[cfg(test)]
    pub fn with_parameters(parameters: &[(&str, &str)]) -> Self {
        let known = parameters.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Deployment {
            name: "tracklayer".to_owned(),
            status: "CREATE_COMPLETE".to_owned(),
            parameters: known.collect(),
            outputs: BTreeMap::new(),
        }
    }

    /// The output of that name.
    pub fn output(&self, name: &str) -> Result<String, Failure> {
        self.outputs.get(name).cloned().ok_or_else(|| self.lacks("output", name))
    }

    /// The parameter of that name, unless it is empty.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The waits of the deployment.
    pub fn policy(&self) -> Result<Policy, Failure> {
        Ok(Policy {
            settle_delay: self.number("SettleDelaySeconds")?,
            run_margin: self.number("RunMarginSeconds")?,
            min_click_age: self.number("MinClickAgeSeconds")?,
            hour: self.number("HourSeconds")?,
        })
    }

    /// The parameter of that name, which is a number.
    pub fn number(&self, name: &str) -> Result<i64, Failure> {
        let number = self.parameter(name).and_then(|value| value.parse().ok());
        number.ok_or_else(|| self.lacks("parameter", name))
    }

    /// Which Microsoft it uploads to.
    pub fn environment(&self) -> Result<Environment, Failure> {
        match self.parameter("MicrosoftEnvironment") {
            Some("production") => Ok(Environment::Production),
            Some("sandbox") => Ok(Environment::Sandbox),
            _ => Err(self.lacks("parameter", "MicrosoftEnvironment")),
        }
    }

    fn lacks(&self, what: &str, name: &str) -> Failure {
        let Deployment { name: stack, status, .. } = self;
        let message = format!("the stack {stack} has no {what} {name}; its status is {status}");
        let help = "Deploy it with the template of this version, and wait until its status is \
                    CREATE_COMPLETE or UPDATE_COMPLETE. If it is another system's stack, name \
                    yours with --stack.";
        Failure::unreachable("half_configured", message, help)
    }
}

fn failure(error: &SdkError<DescribeStacksError>, place: &Place) -> Failure {
    if let SdkError::ServiceError(_) = error {
        return refused(error.code().unwrap_or_default(), &error.to_string(), error, place);
    }
    let message = chain_of(error);
    match &place.local {
        Some(url) => Failure::unreachable(
            "not_running",
            format!("nothing answers at {url}: {message}"),
            "Start `cargo local`, or name the address of its AWS with --local=URL.",
        ),
        None => Failure::unreachable(
            "aws_unreachable",
            format!("CloudFormation can't be reached: {message}"),
            "Check the network, and the region (--region).",
        ),
    }
}

/// CloudFormation answered, with an error of this code.
fn refused(
    code: &str, text: &str, error: &SdkError<DescribeStacksError>, place: &Place,
) -> Failure {
    let message = error.message().unwrap_or(text).to_owned();
    match code {
        "ValidationError" if message.contains("does not exist") => no_stack(place),
        "AccessDenied" | "AccessDeniedException" => Failure::unreachable(
            "access_denied",
            message,
            "These credentials need cloudformation:DescribeStacks.",
        ),
        "ExpiredToken" | "ExpiredTokenException" => Failure::unreachable(
            "credentials_expired",
            message,
            "Sign in again (`aws sso login`), or take new credentials.",
        ),
        "InvalidClientTokenId" | "UnrecognizedClientException" | "SignatureDoesNotMatch" => {
            let help = "The credentials are not valid: name a profile with --profile.";
            Failure::unreachable("credentials_invalid", message, help)
        }
        "" => {
            let status = error.raw_response().map_or(0, |answer| answer.status().as_u16());
            let by = place.local.as_deref().unwrap_or("CloudFormation");
            let message = format!("{by} answers as no AWS does, with HTTP {status}");
            let help = "Look what answers there: the system of `cargo local` has its AWS at a port \
                        of its own, 9401 unless another was named.";
            Failure::unreachable("no_aws", message, help)
        }
        _ => {
            let help = "Check the region (--region), the profile (--profile), and try again.";
            Failure::unreachable("aws_refused", format!("{code}: {message}"), help)
        }
    }
}

fn no_stack(place: &Place) -> Failure {
    let Place { stack, .. } = place;
    let help = "Name it with --stack; `aws cloudformation list-stacks` shows all of a region. A \
                stack is only seen in its own region (--region) and account (--profile).";
    Failure::input("no_such_stack", format!("there is no stack {stack}"), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_that_lacks_something_is_told_with_its_status() {
        let failure = Deployment::with_parameters(&[]).output("SecretPrefix").expect_err("none");
        assert_eq!(failure.code, "half_configured");
        assert!(failure.message.contains("no output SecretPrefix"), "{}", failure.message);
        assert!(failure.message.contains("CREATE_COMPLETE"), "{}", failure.message);
    }
}
