//! Which actions on which resources a request needs, as AWS's service authorization reference lists
//! them: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html>
//! and its pages on SQS and Secrets Manager.

use serde_json::{Map, Value, json};

use crate::Aws;

/// One action on one resource.
pub(super) struct Need {
    /// With its service: `dynamodb:Query`.
    pub(super) action: String,
    pub(super) resource: String,
    /// Of a table: its name, the index, and items or keys that the request names.
    table: Option<(String, Option<String>)>,
    items: Vec<Value>,
}

/// All that must be allowed so that the request is served.
pub(super) fn needs(aws: &Aws, target: &str, body: &Value) -> Vec<Need> {
    match target.split_once('.') {
        Some(("DynamoDB_20120810", operation)) => of_tables(aws, operation, body),
        Some(("AmazonSQS", operation)) => vec![of_queue(aws, operation, body)],
        Some(("secretsmanager", operation)) => vec![of_secret(aws, operation, body)],
        _ => Vec::new(),
    }
}

impl Need {
    fn new(action: String, resource: String) -> Self {
        Self { action, resource, table: None, items: Vec::new() }
    }

    /// `table` is a name or an ARN.
    fn table(aws: &Aws, action: &str, table: &Value, index: &Value, items: Vec<Value>) -> Self {
        let table = table.as_str().unwrap_or("*").rsplit('/').next().unwrap_or_default().to_owned();
        let index = index.as_str().map(str::to_owned);
        let end = index.as_ref().map(|index| format!("/index/{index}")).unwrap_or_default();
        let resource = aws.arn("dynamodb", &format!("table/{table}{end}"));
        let action = format!("dynamodb:{action}");
        Self { action, resource, table: Some((table, index)), items }
    }

    /// `dynamodb:LeadingKeys`: the partition keys that the request names. One that cannot be read
    /// from it is an empty text, which no key is.
    pub(super) async fn leading_keys(&self, aws: &Aws) -> Vec<String> {
        let Some((table, index)) = &self.table else { return Vec::new() };
        let describe = json!({ "TableName": table });
        let described = aws.call("DynamoDB_20120810.DescribeTable", describe).await;
        let described = described.unwrap_or_default();
        let indexes = described["Table"]["GlobalSecondaryIndexes"].as_array();
        let schema = match index {
            None => Some(&described["Table"]),
            Some(name) => indexes.into_iter().flatten().find(|it| it["IndexName"] == **name),
        };
        let keys = schema.and_then(|schema| schema["KeySchema"].as_array());
        let hash = keys.into_iter().flatten().find(|key| key["KeyType"] == "HASH");
        let hash = hash.and_then(|key| key["AttributeName"].as_str()).unwrap_or_default();
        let text = |value: &Value| value["S"].as_str().or(value["N"].as_str()).map(str::to_owned);
        self.items.iter().map(|item| text(&item[hash]).unwrap_or_default()).collect()
    }
}

fn of_tables(aws: &Aws, operation: &str, body: &Value) -> Vec<Need> {
    let need = |action: &str, part: &Value, items: Vec<Value>| {
        Need::table(aws, action, &part["TableName"], &part["IndexName"], items)
    };
    match operation {
        "TransactWriteItems" | "TransactGetItems" => {
            let parts = list(&body["TransactItems"]).iter().filter_map(Value::as_object).flatten();
            let part = |(kind, part): (&String, &Value)| match kind.as_str() {
                "Put" => need("PutItem", part, vec![part["Item"].clone()]),
                "ConditionCheck" => need("ConditionCheckItem", part, vec![part["Key"].clone()]),
                // Get, Update, Delete.
                kind => need(&format!("{kind}Item"), part, vec![part["Key"].clone()]),
            };
            parts.map(part).collect()
        }
        "BatchGetItem" | "BatchWriteItem" => {
            let tables = body["RequestItems"].as_object().into_iter().flatten();
            let table = |(table, asked): (&String, &Value)| {
                let written = list(asked).iter().map(|it| {
                    let one = it.get("PutRequest").map(|put| &put["Item"]);
                    one.unwrap_or(&it["DeleteRequest"]["Key"]).clone()
                });
                let items = list(&asked["Keys"]).iter().cloned().chain(written).collect();
                Need::table(aws, operation, &json!(table), &Value::Null, items)
            };
            tables.map(table).collect()
        }
        "ExecuteStatement" => vec![of_statement(aws, body)],
        "BatchExecuteStatement" | "ExecuteTransaction" => {
            let statements = body.get("Statements").unwrap_or(&body["TransactStatements"]);
            list(statements).iter().map(|it| of_statement(aws, it)).collect()
        }
        "PutItem" => vec![need(operation, body, vec![body["Item"].clone()])],
        "Query" => vec![need(operation, body, vec![queried(body)])],
        "GetItem" | "UpdateItem" | "DeleteItem" => {
            vec![need(operation, body, vec![body["Key"].clone()])]
        }
        _ => vec![need(operation, body, Vec::new())],
    }
}

/// The attributes that the key condition of a query sets equal to a value.
fn queried(body: &Value) -> Value {
    let condition = body["KeyConditionExpression"].as_str().unwrap_or_default();
    let spaced = condition.replace(['(', ')'], " ").replace('=', " = ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut item = Map::new();
    for equal in words.windows(3).filter(|words| words[1] == "=") {
        let name = body["ExpressionAttributeNames"][equal[0]].as_str().unwrap_or(equal[0]);
        let value = &body["ExpressionAttributeValues"][equal[2]];
        item.insert(name.to_owned(), value.clone());
    }
    Value::Object(item)
}

/// A PartiQL statement. Its keys are not read: no policy here combines it with a condition.
fn of_statement(aws: &Aws, request: &Value) -> Need {
    let mut words = request["Statement"].as_str().unwrap_or_default().split_whitespace();
    let verb = words.next().unwrap_or_default().to_uppercase();
    let action = match verb.as_str() {
        "UPDATE" => "PartiQLUpdate",
        "INSERT" => "PartiQLInsert",
        "DELETE" => "PartiQLDelete",
        _ => "PartiQLSelect",
    };
    let before_table = |word: &&str| ["FROM", "INTO"].contains(&word.to_uppercase().as_str());
    if verb != "UPDATE" {
        words.find(before_table);
    }
    let table = words.next().unwrap_or_default();
    let (table, index) = table.split_once("\".\"").unwrap_or((table, ""));
    let [table, index] = [table, index].map(|name| name.trim_matches('"'));
    let index = if index.is_empty() { Value::Null } else { json!(index) };
    Need::table(aws, action, &json!(table), &index, vec![Value::Null])
}

/// A batch needs the action of its parts.
fn of_queue(aws: &Aws, operation: &str, body: &Value) -> Need {
    let action = format!("sqs:{}", operation.strip_suffix("Batch").unwrap_or(operation));
    if let Some(arn) = body["SourceArn"].as_str() {
        return Need::new(action, arn.to_owned());
    }
    let queue = body["QueueUrl"].as_str().or(body["QueueName"].as_str()).unwrap_or("*");
    Need::new(action, aws.arn("sqs", queue.rsplit('/').next().unwrap_or_default()))
}

/// A secret that does not exist has no ARN that a policy could name: it stays as it was asked for.
fn of_secret(aws: &Aws, operation: &str, body: &Value) -> Need {
    let asked = body["SecretId"].as_str().or(body["Name"].as_str()).unwrap_or("*");
    let resource = aws.secrets().arn(asked).unwrap_or_else(|| asked.to_owned());
    Need::new(format!("secretsmanager:{operation}"), resource)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
