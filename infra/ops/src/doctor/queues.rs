//! The queue of upload, its dead-letter queue, and who reads it.

use std::collections::HashMap;

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

use super::check::Check;
use crate::{place::Ops, screen};

type Attributes = HashMap<QueueAttributeName, String>;

/// The queues and the event source mapping.
pub async fn checks(ops: &Ops) -> Vec<Check> {
    let queue = attributes(ops, &ops.uploads_url).await;
    let dead = attributes(ops, &ops.dead_letters_url).await;
    let arn = dead.as_ref().ok().and_then(|it| it.get(&QueueAttributeName::QueueArn)).cloned();
    let wanted = ops.deployment.parameter("MaxReceiveCount").unwrap_or_default();
    vec![
        queue.map_or_else(
            |why| Check::unknown("queue", why),
            |queue| redrive_policy(&queue, wanted, arn.as_deref()),
        ),
        dead.map_or_else(|why| Check::unknown("dead-letter queue", why), |it| dead_letters(&it)),
        event_source(ops).await,
    ]
}

async fn attributes(ops: &Ops, url: &str) -> Result<Attributes, String> {
    let client = aws_sdk_sqs::Client::new(&ops.config);
    let asked = client.get_queue_attributes().queue_url(url);
    let answer = asked.attribute_names(QueueAttributeName::All).send().await;
    Ok(answer.map_err(|error| screen::chain_of(&error))?.attributes.unwrap_or_default())
}

/// Upload is told the number of receives that the queue allows: it marks rows dead at the last one.
/// `dead` is the ARN of the dead-letter queue, if it is known.
fn redrive_policy(queue: &Attributes, wanted: &str, dead: Option<&str>) -> Check {
    let cure = "Deploy again: somebody changed the queue by hand.";
    let policy = queue.get(&QueueAttributeName::RedrivePolicy);
    let Some(policy) = policy.and_then(|it| serde_json::from_str::<Value>(it).ok()) else {
        let found = "it has no redrive policy: its messages never die, and end unseen";
        return Check::wrong("queue", found, cure);
    };
    // AWS writes it as a number, or as the text that it was given.
    let count = policy["maxReceiveCount"].as_str().map(str::to_owned);
    let count = count.unwrap_or_else(|| policy["maxReceiveCount"].to_string());
    let target = policy["deadLetterTargetArn"].as_str().unwrap_or_default();
    if let Some(dead) = dead.filter(|dead| *dead != target) {
        let found = format!("its dead-letter queue is {target:?}, that of the stack {dead:?}");
        return Check::wrong("queue", found, cure);
    }
    if count == wanted {
        return Check::fine("queue", format!("its messages die after {count} receives"));
    }
    let found = format!("its redrive policy says {count} receives, the stack {wanted}");
    Check::wrong("queue", found, cure)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::Mark;

    #[test]
    fn a_redrive_policy_is_that_of_the_stack_or_wrong() {
        let dead = "arn:aws:sqs:eu-west-1:1:dead";
        let found = |policy: Option<&str>| {
            let policy = policy.map(|it| (QueueAttributeName::RedrivePolicy, it.to_owned()));
            redrive_policy(&policy.into_iter().collect(), "12", Some(dead))
        };
        let policy = |target: &str, count: &str| {
            found(Some(&format!(
                r#"{{"deadLetterTargetArn":"{target}","maxReceiveCount":{count}}}"#
            )))
        };
        assert_eq!(policy(dead, "12").mark, Mark::Fine);
        assert_eq!(policy(dead, "\"12\"").mark, Mark::Fine);
        assert_eq!(policy(dead, "3").mark, Mark::Wrong);
        assert_eq!(policy("arn:aws:sqs:eu-west-1:1:other", "12").mark, Mark::Wrong);
        let none = found(None);
        assert_eq!(none.mark, Mark::Wrong);
        assert!(none.found.contains("no redrive policy"), "{}", none.found);
    }
}
