//! Who is told of alarms, and the audit.

use tracklayer_edge::ports::Audited as _;

use super::check::Check;
use crate::{place::Ops, screen};

/// All that watches.
pub async fn checks(ops: &Ops) -> Vec<Check> {
    let mut checks = vec![audit(ops).await];
    if ops.is_local {
        checks.push(Check::unknown("alarms", "not looked at with --local"));
    } else {
        checks.push(alarms(ops).await);
    }
    checks
}

async fn audit(ops: &Ops) -> Check {
    let state = match ops.ledger.audit_state().await {
        Ok(state) => state,
        Err(error) => return Check::ledger("audit", error),
    };
    let hours = match ops.deployment.number("AuditHours") {
        Ok(hours) => hours,
        Err(failure) => return Check::wrong("audit", failure.message, failure.help),
    };
    let late = 2 * hours * ops.policy.hour;
    let cure = "The log of sweep says whether it runs.";
    match (state.finished_at, state.started_at) {
        (Some(at), _) => {
            let age = ops.now().seconds_since(at);
            let found = format!("was through {}, {} stuck", screen::ago(age), state.stuck);
            if age > late && !ops.is_local {
                Check::wrong("audit", found, cure)
            } else {
                Check::fine("audit", found)
            }
        }
        (None, Some(_)) => Check::fine("audit", "its first pass is under way"),
        (None, None) => Check::warns("audit", "it has never run", cure),
    }
}

/// Alarms have the topic of the stack's parameter; somebody must have confirmed to be told.
async fn alarms(ops: &Ops) -> Check {
    let cure = "Deploy with AlarmTopicArn, an SNS topic that reaches a person.";
    let Some(topic) = ops.deployment.parameter("AlarmTopicArn") else {
        return Check::wrong("alarms", "nobody is told of them", cure);
    };
    let client = aws_sdk_sns::Client::new(&ops.config);
    let subscriptions = match client.list_subscriptions_by_topic().topic_arn(topic).send().await {
        Ok(answer) => answer.subscriptions.unwrap_or_default(),
        Err(error) => return Check::unknown("alarms", screen::chain_of(&error)),
    };
    let confirmed = subscriptions.iter().filter(|subscription| {
        subscription.subscription_arn.as_deref().is_some_and(|arn| arn.starts_with("arn:"))
    });
    match confirmed.count() {
        0 => {
            let cure = "Subscribe somebody to it, who must confirm by the mail that SNS sends.";
            Check::wrong("alarms", format!("nobody is subscribed to {topic}"), cure)
        }
        count => Check::fine("alarms", format!("{count} subscribed to {topic}")),
    }
}
