//! `ReportBatchItemFailures`: which messages of a batch failed.
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting>

use std::collections::HashSet;

use serde_json::Value as Json;

/// Ids of the messages that failed; an error means all of them did, and says why.
pub(super) fn failed(reply: &[u8], batch: &[&str]) -> Result<HashSet<String>, String> {
    // An empty reply is a success as well.
    if reply.trim_ascii().is_empty() {
        return Ok(HashSet::new());
    }
    let reply: Json =
        serde_json::from_slice(reply).map_err(|error| format!("its reply is not JSON: {error}"))?;
    let list = match &reply {
        Json::Null => return Ok(HashSet::new()),
        Json::Object(object) => object.get("batchItemFailures").unwrap_or(&Json::Null),
        _ => return Err("its reply is neither null nor an object".to_owned()),
    };
    match list {
        Json::Null => Ok(HashSet::new()),
        Json::Array(items) => items.iter().map(|item| known(item, batch)).collect(),
        _ => Err("batchItemFailures is not a list".to_owned()),
    }
}

fn known(item: &Json, batch: &[&str]) -> Result<String, String> {
    match item.get("itemIdentifier").and_then(Json::as_str) {
        Some(id) if batch.contains(&id) => Ok(id.to_owned()),
        Some(id) => Err(format!("it reports {id:?}, which is not in the batch")),
        None => Err("it reports an item without an identifier".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::failed;

    const BATCH: [&str; 2] = ["a", "b"];

    fn names(reply: &str) -> Vec<String> {
        let mut names: Vec<_> =
            failed(reply.as_bytes(), &BATCH).expect("understood").into_iter().collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_failed() {
        for reply in [
            "",
            "null",
            "{}",
            r#"{"batchItemFailures":null}"#,
            r#"{"batchItemFailures":[]}"#,
            r#"{"other":1}"#,
        ] {
            assert!(names(reply).is_empty(), "{reply}");
        }
    }

    #[test]
    fn some_or_all_failed() {
        assert_eq!(names(r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#), ["b"]);
        assert_eq!(
            names(r#"{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"a"}]}"#),
            ["a", "b"]
        );
    }

    #[test]
    fn what_lambda_does_not_understand_is_everything() {
        let replies = [
            "no json",
            "[]",
            r#""text""#,
            r#"{"batchItemFailures":{}}"#,
            r#"{"batchItemFailures":["a"]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemidentifier":"a"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"unknown"}]}"#,
        ];
        for reply in replies {
            assert!(failed(reply.as_bytes(), &BATCH).is_err(), "{reply}");
        }
    }
}
