//! DynamoDB through the same endpoint, and what the endpoint refuses.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use serde_json::json;

use crate::Rig;

async fn create_table(rig: &Rig) {
    let request = json!({
        "TableName": "Table",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
    });
    rig.aws.call("DynamoDB_20120810.CreateTable", request).await.expect("created");
}

#[tokio::test]
async fn a_failed_condition_shows_the_item_that_is_there() {
    let rig = Rig::start().await;
    create_table(&rig).await;
    let put = || {
        let put =
            rig.dynamo.put_item().table_name("Table").item("pk", AttributeValue::S("a".into()));
        put.condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
    };
    put().await.expect("the first one wins");
    let lost = put().await.expect_err("the second one loses").into_service_error();
    let aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(lost) =
        lost
    else {
        panic!("{lost:?}")
    };
    assert!(lost.item().is_some_and(|item| item.contains_key("pk")));
}

#[tokio::test]
async fn errors_reach_in_process_callers_by_name() {
    let rig = Rig::start().await;
    let missing =
        rig.aws.call("DynamoDB_20120810.DescribeTable", json!({ "TableName": "nobody" })).await;
    assert_eq!(missing.expect_err("missing").code(), "ResourceNotFoundException");
    let missing = rig.aws.call("AmazonSQS.GetQueueUrl", json!({ "QueueName": "nobody" })).await;
    assert_eq!(missing.expect_err("missing").code(), "QueueDoesNotExist");
    let unknown = rig.aws.call("Kinesis.PutRecord", json!({})).await.expect_err("unknown");
    assert_eq!(unknown.code(), "UnknownOperationException");

    let backups = rig.dynamo.describe_continuous_backups().table_name("Table").send().await;
    assert_eq!(backups.expect_err("unsupported").code(), Some("UnknownOperationException"));
    let queue = rig.queue("work", &[]).await;
    assert!(queue.starts_with(&rig.url), "addresses name the host that was asked");
}
