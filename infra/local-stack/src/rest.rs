//! When a scheduled run can be left out, because it would find nothing to do: a system that nobody uses
//! needs next to no CPU then.

use std::time::Duration;

use local_aws::Aws;
use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::template::Plan;

/// A run at least so many hours of the rules, for what is due by the hour.
const HOURS: u32 = 6;
/// However long an hour is.
const LONGEST: Duration = Duration::from_secs(60);

/// What the runs of a schedule depend on.
pub struct Rest {
    aws: Aws,
    /// Table and name of each index that is sorted by the time at which an item is due.
    indexes: Vec<(String, String)>,
    longest: Duration,
    /// The changes before the last run, and when it was.
    last: Option<(u64, Instant)>,
}

impl Rest {
    /// `hour` is how long an hour of the rules lasts.
    pub fn new(aws: Aws, plan: &Plan, hour: Duration) -> Self {
        let indexes = plan.tables.iter().flat_map(|table| {
            let all = table.create["GlobalSecondaryIndexes"].as_array();
            let by_due = all.into_iter().flatten().filter(|index| is_by_due(index));
            by_due
                .filter_map(|index| Some((table.name.clone(), index["IndexName"].as_str()?.into())))
        });
        Rest { indexes: indexes.collect(), longest: LONGEST.min(hour * HOURS), aws, last: None }
    }

    /// Whether there is nothing to do now. If there is, the next run is taken to be made.
    pub async fn is_called_for(&mut self) -> bool {
        let changes = self.aws.changes();
        let is_quiet =
            self.last.is_some_and(|(seen, at)| seen == changes && at.elapsed() < self.longest)
                && !self.is_anything_due().await;
        if !is_quiet {
            self.last = Some((changes, Instant::now()));
        }
        is_quiet
    }

    /// The last run has failed.
    pub fn forget(&mut self) {
        self.last = None;
    }

    async fn is_anything_due(&self) -> bool {
        let now = OffsetDateTime::now_utc().unix_timestamp().to_string();
        for (table, index) in &self.indexes {
            let scan = json!({
                "TableName": table, "IndexName": index, "Select": "COUNT",
                "FilterExpression": "due <= :now", "ExpressionAttributeValues": {":now": {"N": now}},
            });
            let found = self.aws.call("DynamoDB_20120810.Scan", scan).await;
            // One that has a further page is large enough to be looked at.
            let is_due = |found: Json| found["Count"] != 0 || !found["LastEvaluatedKey"].is_null();
            if found.map_or(true, is_due) {
                return true;
            }
        }
        false
    }
}

fn is_by_due(index: &Json) -> bool {
    let keys = index["KeySchema"].as_array().into_iter().flatten();
    keys.into_iter().any(|key| key["KeyType"] == "RANGE" && key["AttributeName"] == "due")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "Rows";

    async fn rest() -> Rest {
        let aws = Aws::open(None, local_aws::Settings::default()).await.expect("opens");
        let attribute =
            |name: &str, kind: &str| json!({"AttributeName": name, "AttributeType": kind});
        let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
        let create = json!({
            "TableName": TABLE, "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions":
                [attribute("pk", "S"), attribute("open", "S"), attribute("due", "N")],
            "KeySchema": [key("pk", "HASH")],
            "GlobalSecondaryIndexes": [{
                "IndexName": "open", "Projection": {"ProjectionType": "ALL"},
                "KeySchema": [key("open", "HASH"), key("due", "RANGE")],
            }],
        });
        aws.call("DynamoDB_20120810.CreateTable", create).await.expect("created");
        let indexes = vec![(TABLE.to_owned(), "open".to_owned())];
        Rest { aws, indexes, longest: Duration::from_secs(1), last: None }
    }

    async fn put(rest: &Rest, due_in: i64) {
        let due = (OffsetDateTime::now_utc().unix_timestamp() + due_in).to_string();
        let item = json!({"pk": {"S": "1"}, "open": {"S": "wait"}, "due": {"N": due}});
        let put = json!({"TableName": TABLE, "Item": item});
        rest.aws.call("DynamoDB_20120810.PutItem", put).await.expect("written");
    }

    #[tokio::test]
    async fn a_run_is_left_out_while_nothing_changes_and_nothing_is_due() {
        let mut rest = rest().await;
        rest.longest = Duration::from_secs(100);
        assert!(!rest.is_called_for().await, "the first");
        assert!(rest.is_called_for().await);
        put(&rest, 2).await;
        assert!(!rest.is_called_for().await, "it was written");
        assert!(rest.is_called_for().await, "it is not due");
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(!rest.is_called_for().await, "it is due");
        assert!(!rest.is_called_for().await, "it still is");
        put(&rest, 100).await;
        assert!(!rest.is_called_for().await, "it was written");
        assert!(rest.is_called_for().await);
        rest.forget();
        assert!(!rest.is_called_for().await, "the last one failed");
        rest.longest = Duration::ZERO;
        assert!(!rest.is_called_for().await, "too long ago");
    }
}
