//! Batch requests of which only every other entry is done, as AWS does when it is throttled.
//!
//! What is not done is said in three ways: keys come back in `UnprocessedKeys`, a statement has an
//! `Error`, an entry of a queue's batch is in `Failed`.

use serde_json::{Map, Value, json};

use crate::Aws;
use crate::error::AwsError;

/// Answers a batch request of which every other entry is left out, beginning with the second.
pub(crate) async fn answer(aws: &Aws, target: &str, mut body: Value) -> Result<Value, AwsError> {
    match target.split_once('.').map(|(_, operation)| operation) {
        Some("BatchGetItem") => {
            let unprocessed = leave_out_keys(&mut body["RequestItems"]);
            let mut answer = aws.call(target, body).await?;
            answer["UnprocessedKeys"] = unprocessed;
            Ok(answer)
        }
        Some("BatchExecuteStatement") => {
            let count = halve(&mut body["Statements"]).len();
            let mut answer = aws.call(target, body).await?;
            let error = json!({"Error": {"Code": "ThrottlingError", "Message": "on purpose"}});
            let mut done = answer["Responses"].take();
            let mut done = done.as_array_mut().map(std::mem::take).unwrap_or_default();
            for position in 0..count {
                done.insert(2 * position + 1, error.clone());
            }
            answer["Responses"] = Value::Array(done);
            Ok(answer)
        }
        Some("SendMessageBatch") => {
            let failed = halve(&mut body["Entries"]).into_iter().map(
                |entry| json!({"Id": entry["Id"], "SenderFault": false, "Code": "InternalError"}),
            );
            let failed = failed.collect::<Value>();
            let mut answer = aws.call(target, body).await?;
            answer["Failed"] = failed;
            Ok(answer)
        }
        _ => Err(AwsError::internal("no batch request")),
    }
}

/// The keys that are left out, by table.
fn leave_out_keys(tables: &mut Value) -> Value {
    let mut left_out = Map::new();
    for (name, request) in tables.as_object_mut().into_iter().flatten() {
        let keys = halve(&mut request["Keys"]);
        if !keys.is_empty() {
            left_out.insert(name.clone(), json!({"Keys": keys, "ConsistentRead": true}));
        }
    }
    Value::Object(left_out)
}

/// Leaves every other entry out, beginning with the second; answers with those.
fn halve(list: &mut Value) -> Vec<Value> {
    let all = list.as_array_mut().map(std::mem::take).unwrap_or_default();
    let (kept, left_out): (Vec<_>, Vec<_>) =
        all.into_iter().enumerate().partition(|(position, _)| position % 2 == 0);
    *list = kept.into_iter().map(|(_, entry)| entry).collect();
    left_out.into_iter().map(|(_, entry)| entry).collect()
}
