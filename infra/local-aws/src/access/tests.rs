use serde_json::{Value, json};

use super::{Statement, check, like};
use crate::{Aws, Settings};

const TABLE: &str = "arn:aws:dynamodb:eu-west-1:000000000000:table/Table";

/// Services with a table, an index of it and a secret, whose key `k` has these statements.
async fn services(statements: Value) -> Aws {
    let aws = Aws::open(None, Settings::default()).await.expect("opens");
    let attribute = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
    let hash = |name: &str| json!([{ "AttributeName": name, "KeyType": "HASH" }]);
    let table = json!({
        "TableName": "Table",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [attribute("pk"), attribute("open")],
        "KeySchema": hash("pk"),
        "GlobalSecondaryIndexes": [
            { "IndexName": "open", "KeySchema": hash("open"), "Projection": { "ProjectionType": "ALL" } },
        ],
    });
    aws.call("DynamoDB_20120810.CreateTable", table).await.expect("created");
    aws.secrets().put_if_absent("app/main", "x").expect("created");
    let statements = serde_json::from_value(statements).expect("statements");
    aws.restrict("k", "user".to_owned(), statements);
    aws
}

async fn is_allowed(aws: &Aws, target: &str, body: Value) -> bool {
    let authorization = "AWS4-HMAC-SHA256 Credential=k/20260101/eu-west-1/x/aws4_request";
    check(aws, authorization, target, body.to_string().as_bytes()).await.is_ok()
}

async fn on_tables(aws: &Aws, operation: &str, body: Value) -> bool {
    is_allowed(aws, &format!("DynamoDB_20120810.{operation}"), body).await
}

fn allow(action: Value, resource: &str) -> Value {
    json!({ "Effect": "Allow", "Action": action, "Resource": resource })
}

#[test]
fn wildcards_are_those_of_iam() {
    assert!(like("account *", "account main") && like("*", "") && like("a*b*c", "aXbYbc"));
    assert!(like("main-??????", "main-AbCdEf") && like("é?", "éü"));
    assert!(!like("account *", "accounts") && !like("main-??????", "main-AbCdE"));
    assert!(!like("erasure", "erasures") && !like("", "a") && !like("a?", "a"));
}

#[test]
fn statements_that_are_not_understood_are_refused() {
    let read = |statement: Value| serde_json::from_value::<Statement>(statement).is_ok();
    let mut statement = allow(json!("sqs:*"), "*");
    assert!(read(statement.clone()));
    statement["Condition"] = json!({ "StringEquals": { "aws:SourceVpc": "vpc-1" } });
    assert!(!read(statement));
    assert!(!read(json!({ "Effect": "Deny", "Action": "sqs:*", "Resource": "*" })));
    assert!(!read(json!({ "Effect": "Allow", "NotAction": "sqs:*", "Resource": "*" })));
}

#[tokio::test]
async fn other_keys_and_requests_without_a_signature_may_do_everything() {
    let aws = services(json!([])).await;
    let scan = br#"{"TableName":"Table"}"#;
    for authorization in ["", "AWS4-HMAC-SHA256 Credential=other/20260101/eu-west-1/x/aws4_request"]
    {
        assert!(check(&aws, authorization, "DynamoDB_20120810.Scan", scan).await.is_ok());
    }
    assert!(!on_tables(&aws, "Scan", json!({ "TableName": "Table" })).await);
}

#[tokio::test]
async fn an_index_is_a_resource_of_its_own() {
    let query = |index: Value| json!({ "TableName": "Table", "IndexName": index });
    let aws = services(json!([allow(json!("dynamodb:Query"), TABLE)])).await;
    assert!(on_tables(&aws, "Query", query(Value::Null)).await);
    assert!(on_tables(&aws, "Query", json!({ "TableName": TABLE })).await, "a table by its ARN");
    assert!(!on_tables(&aws, "Query", query(json!("open"))).await);
    assert!(!on_tables(&aws, "GetItem", query(Value::Null)).await);

    let aws =
        services(json!([allow(json!(["dynamodb:Query"]), &format!("{TABLE}/index/open"))])).await;
    assert!(on_tables(&aws, "Query", query(json!("open"))).await);
    assert!(!on_tables(&aws, "Query", query(Value::Null)).await);
}

#[tokio::test]
async fn a_transaction_needs_what_its_parts_need() {
    let part = |kind: &str| json!({ kind: { "TableName": "Table", "Key": {}, "Item": {} } });
    let aws =
        services(json!([allow(json!(["dynamodb:PutItem", "dynamodb:UpdateItem"]), TABLE)])).await;
    let write = async |kinds: [&str; 2]| {
        let parts = json!({ "TransactItems": kinds.map(part) });
        on_tables(&aws, "TransactWriteItems", parts).await
    };
    assert!(write(["Put", "Update"]).await);
    assert!(!write(["Put", "Delete"]).await);
    assert!(!write(["ConditionCheck", "Update"]).await);
    let get = json!({ "TransactItems": [part("Get")] });
    assert!(!on_tables(&aws, "TransactGetItems", get).await);
}

#[tokio::test]
async fn batches_and_statements_need_their_own_actions() {
    let actions = json!(["dynamodb:PartiQLUpdate", "dynamodb:BatchGetItem"]);
    let aws = services(json!([allow(actions, TABLE)])).await;
    let get =
        |table: &str| json!({ "RequestItems": { table: { "Keys": [{ "pk": { "S": "a" } }] } } });
    assert!(on_tables(&aws, "BatchGetItem", get("Table")).await);
    assert!(!on_tables(&aws, "BatchGetItem", get("Other")).await);
    assert!(!on_tables(&aws, "GetItem", json!({ "TableName": "Table" })).await);
    let run = async |statements: &[&str]| {
        let statement = |text: &&str| json!({ "Statement": text });
        let statements: Vec<_> = statements.iter().map(statement).collect();
        on_tables(&aws, "BatchExecuteStatement", json!({ "Statements": statements })).await
    };
    let update = r#"UPDATE "Table" SET a=? WHERE pk=?"#;
    assert!(run(&[update]).await);
    assert!(!run(&[update, r#"DELETE FROM "Table" WHERE pk=?"#]).await);
    assert!(!run(&[r#"UPDATE "Other" SET a=? WHERE pk=?"#]).await);
    assert!(!run(&[r#"SELECT * FROM "Table"."open" WHERE pk=?"#]).await);
}

#[tokio::test]
async fn a_condition_on_leading_keys_holds_for_all_keys_of_the_request() {
    let mut statement = allow(json!("dynamodb:*"), &format!("{TABLE}*"));
    statement["Condition"] =
        json!({ "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["account *"] } });
    let aws = services(json!([statement])).await;
    let key = |pk: &str| json!({ "pk": { "S": pk }, "open": { "S": "account x" } });
    let one = |pk: &str| json!({ "TableName": "Table", "Key": key(pk), "Item": key(pk) });
    for operation in ["GetItem", "UpdateItem", "DeleteItem", "PutItem"] {
        assert!(on_tables(&aws, operation, one("account main")).await, "{operation}");
        assert!(!on_tables(&aws, operation, one("erasure")).await, "{operation}");
    }
    let batch = |other: &str| json!({ "RequestItems": { "Table": { "Keys": [key("account main"), key(other)] } } });
    assert!(on_tables(&aws, "BatchGetItem", batch("account eu")).await);
    assert!(!on_tables(&aws, "BatchGetItem", batch("erasure")).await);

    let query = |name: &str, index: Value| {
        json!({
            "TableName": "Table",
            "IndexName": index,
            "KeyConditionExpression": "(#key=:pk) AND sk > :sk",
            "ExpressionAttributeNames": { "#key": name },
            "ExpressionAttributeValues": { ":pk": { "S": "account main" }, ":sk": { "S": "a" } },
        })
    };
    assert!(on_tables(&aws, "Query", query("pk", Value::Null)).await);
    assert!(on_tables(&aws, "Query", query("open", json!("open"))).await);
    assert!(!on_tables(&aws, "Query", query("pk", json!("open"))).await, "not the index's key");
    assert!(on_tables(&aws, "Scan", json!({ "TableName": "Table" })).await, "no key at all");
    let update = json!({ "Statement": r#"UPDATE "Table" SET a=? WHERE pk=?"# });
    assert!(!on_tables(&aws, "ExecuteStatement", update).await, "its keys are not read");
}

#[tokio::test]
async fn queues_and_secrets() {
    let aws = services(json!([
        allow(json!("sqs:SendMessage"), "arn:aws:sqs:eu-west-1:000000000000:work"),
        allow(json!("secretsmanager:Get*"), "arn:aws:secretsmanager:*:secret:app/main-??????"),
    ]))
    .await;
    let queue =
        |name: &str| json!({ "QueueUrl": format!("http://127.0.0.1:1/000000000000/{name}") });
    assert!(is_allowed(&aws, "AmazonSQS.SendMessage", queue("work")).await);
    assert!(is_allowed(&aws, "AmazonSQS.SendMessageBatch", queue("work")).await);
    assert!(!is_allowed(&aws, "AmazonSQS.SendMessage", queue("other")).await);
    assert!(!is_allowed(&aws, "AmazonSQS.ReceiveMessage", queue("work")).await);
    let secret = |id: &str| json!({ "SecretId": id });
    assert!(is_allowed(&aws, "secretsmanager.GetSecretValue", secret("app/main")).await);
    assert!(!is_allowed(&aws, "secretsmanager.PutSecretValue", secret("app/main")).await);
    assert!(!is_allowed(&aws, "secretsmanager.GetSecretValue", secret("app/other")).await);
}
