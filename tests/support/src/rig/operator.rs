//! What an operator, a queue or an accident does to a running system, and what Microsoft saw of it.

use std::{collections::BTreeMap, time::Duration};

use local_stack::Options;
use microsoft_simulator::{Call, Fault, FaultRule, ForcedError, Goal};
use serde_json::{Value, json};

use super::{World, until};

/// Part of the path of the call that carries conversions.
pub const CONVERSIONS: &str = "OfflineConversions/Apply";
/// Part of the path of the call that carries corrections.
pub const ADJUSTMENTS: &str = "OfflineConversionAdjustments/Apply";
/// Part of the paths of both.
pub const APPLY: &str = "/Apply";
/// Part of the path of the token endpoint.
pub const TOKEN: &str = "/token";

/// Waits as short as they may be: a failed message comes again after half a second, a run of upload
/// may take four seconds, so two corrections of one row lie seven seconds apart.
pub fn quick(options: &mut Options) {
    options.batch_window = Duration::from_millis(200);
    options.retry_base = Duration::from_millis(500);
    options.sweep_every = Duration::from_millis(500);
    options.function_timeout = 4;
}

/// Sets a parameter of the template.
pub fn parameter(options: &mut Options, name: &str, value: &str) {
    options.parameters.push((name.to_owned(), value.to_owned()));
}

/// Errors for these rows of one call, each an index and a code; none at all lets the call through,
/// which keeps a place in a sequence of rules.
#[must_use]
pub fn row_errors(errors: &[(i64, i64)]) -> FaultRule {
    let forced =
        |&(index, code): &(i64, i64)| ForcedError { index: Some(index), code, error_code: None };
    let errors = errors.iter().map(forced).collect();
    FaultRule::new(Fault::PartialErrors { errors }).on(CONVERSIONS).times(1)
}

/// So many seconds ago, as an attribute of an item.
///
/// # Panics
/// If the clock is wrong.
#[must_use]
pub fn ago(seconds: i64) -> Value {
    let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs();
    json!({"N": (i64::try_from(now).expect("a time") - seconds).to_string()})
}

impl World {
    /// Sets attributes of the items of a table that hold this text.
    ///
    /// # Panics
    /// If there are none.
    pub async fn change_items(&self, table: &str, text: &str, attributes: Value) {
        let names = attributes.as_object().expect("attributes");
        let sets: Vec<String> = names.keys().map(|name| format!("#{name} = :{name}")).collect();
        let items = self.items_with(table, text).await;
        assert!(!items.is_empty(), "nothing in {table} holds {text}");
        for item in items {
            let mut request = json!({
                "TableName": table,
                "Key": {"pk": item["pk"], "sk": item["sk"]},
                "UpdateExpression": format!("SET {}", sets.join(", ")),
            });
            for (name, value) in names {
                request["ExpressionAttributeNames"][format!("#{name}")] = json!(name);
                request["ExpressionAttributeValues"][format!(":{name}")] = value.clone();
            }
            self.aws("DynamoDB_20120810.UpdateItem", request).await;
        }
    }

    /// The calls whose path holds this text, in the order of arrival.
    #[must_use]
    pub fn calls(&self, path: &str) -> Vec<Call> {
        let mut calls = self.microsoft().calls();
        calls.retain(|call| call.path.contains(path));
        calls
    }

    /// Waits until so many calls have come whose path holds this text.
    pub async fn until_called(&self, path: &str, count: usize) {
        until(&format!("{count} calls of {path}"), || async {
            let calls = self.calls(path).len();
            if calls >= count { Ok(()) } else { Err(calls) }
        })
        .await;
    }

    /// The one conversion of a click, as the simulator shows it; null if there is none.
    ///
    /// # Panics
    /// If there are several.
    pub async fn conversion(&self, click: &str) -> Value {
        let mut found = self.conversions().await;
        found.retain(|conversion| conversion["clickId"] == click);
        assert!(found.len() <= 1, "counted twice: {found:#?}");
        found.pop().unwrap_or(Value::Null)
    }

    /// Waits until the click's conversion is worth `value` at Microsoft.
    pub async fn until_worth(&self, click: &str, value: &str) -> Value {
        until(&format!("worth {value}"), || async {
            let conversion = self.conversion(click).await;
            // As text: money is compared to the last digit.
            let worth = conversion["value"].to_string();
            if worth == value { Ok(conversion) } else { Err(conversion) }
        })
        .await
    }

    /// Waits until so many messages are among the dead letters and none is in the queue.
    pub async fn until_dead_letters(&self, count: u64) {
        until(&format!("{count} dead letters"), || async {
            let now = (self.messages("uploads-dlq").await, self.messages("uploads").await);
            if now == (count, 0) { Ok(()) } else { Err(now) }
        })
        .await;
    }

    /// Puts copies of the signal for `shop/event_id` into the queue, at once.
    pub async fn send_signals(&self, event_id: &str, event: &str, count: usize) {
        let body = json!({"v": 1, "source": "shop", "eventId": event_id, "event": event});
        let entry = |id| json!({"Id": format!("copy-{id}"), "MessageBody": body.to_string()});
        let entries: Vec<Value> = (0..count).map(entry).collect();
        let request = json!({"QueueUrl": "uploads", "Entries": entries});
        self.aws("AmazonSQS.SendMessageBatch", request).await;
    }

    /// Sends the dead letters back to where they came from, as the console's button does.
    pub async fn redrive(&self) {
        let arn = "arn:aws:sqs:eu-west-1:000000000000:uploads-dlq";
        self.aws("AmazonSQS.StartMessageMoveTask", json!({"SourceArn": arn})).await;
        until("moved", || async {
            let list = json!({"SourceArn": arn});
            let tasks = self.aws("AmazonSQS.ListMessageMoveTasks", list).await;
            let status = tasks["Results"][0]["Status"].clone();
            if status == "COMPLETED" { Ok(()) } else { Err(status) }
        })
        .await;
    }

    /// Changes one member of an account's secret.
    pub async fn change_secret(&self, account: &str, member: &str, value: impl Into<Value>) {
        let id = format!("tracklayer/{account}");
        let current = self.aws("secretsmanager.GetSecretValue", json!({"SecretId": id})).await;
        let text = current["SecretString"].as_str().expect("a secret's text");
        let mut secret: BTreeMap<String, Value> = serde_json::from_str(text).expect("JSON");
        secret.insert(member.to_owned(), value.into());
        let request = json!({"SecretId": id, "SecretString": json!(secret).to_string()});
        self.aws("secretsmanager.PutSecretValue", request).await;
    }

    /// Changes the goals of the first account at Microsoft.
    pub fn change_goals(&self, change: impl Fn(&mut Goal)) {
        self.microsoft().update_settings(|settings| {
            settings.accounts[0].goals.iter_mut().for_each(change);
        });
    }

    /// Renames a goal at Microsoft.
    pub fn rename_goal(&self, from: &str, to: &str) {
        self.change_goals(|goal| {
            if goal.name == from {
                to.clone_into(&mut goal.name);
            }
        });
    }

    /// Runs the check of the goals; answers with its report on the first account.
    pub async fn check_goals(&self) -> Value {
        let report = self.stack.invoke("goals", &json!({})).await.expect("a report");
        report["accounts"][0].clone()
    }

    /// A request to the local AWS.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn aws(&self, target: &str, request: Value) -> Value {
        let answer = self.stack.aws().call(target, request).await;
        answer.unwrap_or_else(|error| panic!("{target}: {error:?}"))
    }
}
