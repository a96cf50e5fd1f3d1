//! What a data folder keeps.

use std::path::Path;
use std::time::Duration;

use local_aws::{Aws, Settings};
use serde_json::{Value, json};

async fn open(folder: &Path) -> Aws {
    Aws::open(Some(folder), Settings::default()).await.expect("opens")
}

async fn call(aws: &Aws, target: &str, body: Value) -> Value {
    aws.call(target, body).await.expect(target)
}

#[tokio::test]
async fn tables_queues_and_secrets_are_there_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = open(folder.path()).await;
    let table = json!({
        "TableName": "Table",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
    });
    call(&first, "DynamoDB_20120810.CreateTable", table).await;
    call(
        &first,
        "AmazonSQS.CreateQueue",
        json!({ "QueueName": "work", "Attributes": { "VisibilityTimeout": "600" } }),
    )
    .await;
    for (body, delay) in [("taken", 0), ("gone", 0), ("delayed", 600)] {
        call(
            &first,
            "AmazonSQS.SendMessage",
            json!({ "QueueUrl": "work", "MessageBody": body, "DelaySeconds": delay }),
        )
        .await;
    }
    first.secrets().put_if_absent("app/main", "x").expect("put");
    let received = first.queues().receive("work", 10, Duration::ZERO).await.expect("received");
    let gone = received.iter().find(|message| message.body == "gone").expect("received");
    first.queues().delete("work", &gone.receipt_handle).expect("deleted");
    assert!(
        Aws::open(Some(folder.path()), Settings::default()).await.is_err(),
        "the folder is in use"
    );
    drop(first);

    let second = open(folder.path()).await;
    let tables = call(&second, "DynamoDB_20120810.ListTables", json!({})).await;
    assert_eq!(tables["TableNames"], json!(["Table"]));
    let again = second.queues().receive("work", 10, Duration::ZERO).await.expect("received");
    assert_eq!(again.len(), 1, "in flight no longer, deleted and delayed not visible");
    assert_eq!(
        (again[0].body.as_str(), again[0].attributes["ApproximateReceiveCount"].as_str()),
        ("taken", "2")
    );
    let asked = json!({ "QueueUrl": "work", "AttributeNames": ["All"] });
    let attributes = call(&second, "AmazonSQS.GetQueueAttributes", asked).await;
    assert_eq!(attributes["Attributes"]["VisibilityTimeout"], "600");
    assert_eq!(attributes["Attributes"]["ApproximateNumberOfMessagesDelayed"], "1");
    let secret =
        call(&second, "secretsmanager.GetSecretValue", json!({ "SecretId": "app/main" })).await;
    assert_eq!(secret["SecretString"], "x");
}
