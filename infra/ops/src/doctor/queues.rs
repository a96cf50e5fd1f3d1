//! The queue of upload, its dead-letter queue, and who reads it.

use std::collections::HashMap;

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

use super::check::Check;
use crate::{connect::Ops, screen};

type Attributes = HashMap<QueueAttributeName, String>;

/// The queues and the event source mapping.
pub async fn checks(ops: &Ops) -> Vec<Check> {
    let (queue, dead) = (&ops.uploads_url, &ops.dead_letters_url);
    let mut checks = match attributes(ops, queue).await {
        Ok(attributes) => vec![redrive_policy(ops, &attributes)],
        Err(why) => vec![Check::unknown("queue", why)],
    };
    checks.push(match attributes(ops, dead).await {
        Ok(attributes) => dead_letters(&attributes),
        Err(why) => Check::unknown("dead-letter queue", why),
    });
    checks.push(event_source(ops).await);
    checks
}

async fn attributes(ops: &Ops, url: &str) -> Result<Attributes, String> {
    let client = aws_sdk_sqs::Client::new(&ops.config);
    let asked = client.get_queue_attributes().queue_url(url);
    let answer = asked.attribute_names(QueueAttributeName::All).send().await;
    Ok(answer.map_err(|error| screen::chain_of(&error))?.attributes.unwrap_or_default())
}

/// Upload is told the number of receives that the queue allows: it marks rows dead at the last one.
fn redrive_policy(ops: &Ops, attributes: &Attributes) -> Check {
    let policy = attributes.get(&QueueAttributeName::RedrivePolicy);
    let policy: Value = policy.and_then(|it| serde_json::from_str(it).ok()).unwrap_or_default();
    // AWS writes it as a number, or as the text that it was given.
    let count = policy["maxReceiveCount"].as_str().map(str::to_owned);
    let count = count.unwrap_or_else(|| policy["maxReceiveCount"].to_string());
    let wanted = ops.deployment.parameter("MaxReceiveCount").unwrap_or_default();
    if count == wanted {
        return Check::fine("queue", format!("its messages die after {count} receives"));
    }
    let found = format!("its redrive policy says {count} receives, the stack {wanted}");
    Check::wrong("queue", found, "Deploy again: somebody changed the queue by hand.")
}

fn dead_letters(attributes: &Attributes) -> Check {
    let count = attributes.get(&QueueAttributeName::ApproximateNumberOfMessages);
    match count.map_or("0", String::as_str) {
        "0" => Check::fine("dead-letter queue", "empty"),
        count => {
            let cure = "`open` says why; repair the cause, then `redrive`. Messages of rows that are \
                        settled may be purged.";
            Check::wrong("dead-letter queue", format!("{count} messages"), cure)
        }
    }
}

async fn event_source(ops: &Ops) -> Check {
    let what = "event source of upload";
    if ops.is_local {
        return Check::unknown(what, "not looked at with --local");
    }
    let client = aws_sdk_lambda::Client::new(&ops.config);
    let asked = client.list_event_source_mappings().function_name(&ops.upload_function);
    let mappings = match asked.send().await {
        Ok(answer) => answer.event_source_mappings.unwrap_or_default(),
        Err(error) => return Check::unknown(what, screen::chain_of(&error)),
    };
    let states: Vec<String> = mappings.into_iter().filter_map(|mapping| mapping.state).collect();
    match states.as_slice() {
        [state] if state == "Enabled" => Check::fine(what, "on"),
        [] => Check::wrong(what, "there is none", "Deploy again."),
        states => {
            let cure =
                "Turn it on in the console of the function upload; nothing is sent until then.";
            Check::wrong(what, states.join(", "), cure)
        }
    }
}
