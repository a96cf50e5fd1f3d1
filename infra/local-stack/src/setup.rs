//! Creates the tables, queues and secrets that the template declares. Tables and secrets that
//! `--data` has kept stay as they are.

use anyhow::{Context, Result};
use local_aws::Aws;
use serde_json::{Value as Json, json};

use crate::accounts::{LocalAccount, ingest_keys};
use crate::template::{Plan, QueuePlan, TablePlan};

/// Creates everything, and a secret for each account, declared or not.
pub(crate) async fn create(aws: &Aws, plan: &Plan, accounts: &[LocalAccount]) -> Result<()> {
    for table in &plan.tables {
        create_table(aws, table).await.with_context(|| format!("table {}", table.name))?;
    }
    for queue in &plan.queues {
        create_queue(aws, queue).await.with_context(|| format!("queue {}", queue.name))?;
    }
    for (name, content) in secrets(plan, accounts)? {
        let request = json!({ "Name": name, "SecretString": content.to_string() });
        unless(aws, "secretsmanager.CreateSecret", request, "ResourceExistsException")
            .await
            .with_context(|| format!("secret {name}"))?;
    }
    Ok(())
}

async fn create_table(aws: &Aws, table: &TablePlan) -> Result<()> {
    let created = unless(
        aws,
        "DynamoDB_20120810.CreateTable",
        table.create.clone(),
        "ResourceInUseException",
    )
    .await?;
    if let (true, Some(attribute)) = (created, &table.ttl) {
        let specification = json!({ "AttributeName": attribute, "Enabled": true });
        let request = json!({ "TableName": table.name, "TimeToLiveSpecification": specification });
        aws.call("DynamoDB_20120810.UpdateTimeToLive", request).await?;
    }
    Ok(())
}

/// A queue that `--data` has kept gets the attributes that the template has now.
async fn create_queue(aws: &Aws, queue: &QueuePlan) -> Result<()> {
    let request = json!({ "QueueName": queue.name, "Attributes": queue.attributes });
    if !unless(aws, "AmazonSQS.CreateQueue", request, "QueueNameExists").await? {
        let found = aws.call("AmazonSQS.GetQueueUrl", json!({ "QueueName": queue.name })).await?;
        let request = json!({ "QueueUrl": found["QueueUrl"], "Attributes": queue.attributes });
        aws.call("AmazonSQS.SetQueueAttributes", request).await?;
    }
    Ok(())
}

/// Names and local contents of the secrets. All have the same prefix: the ingest keys and one secret
/// per account.
fn secrets(plan: &Plan, accounts: &[LocalAccount]) -> Result<Vec<(String, Json)>> {
    let prefix = plan.secrets.iter().find_map(|secret| secret.name.strip_suffix("/ingest-keys"));
    let prefix = prefix.context("the template has no secret …/ingest-keys")?;
    let of_accounts =
        accounts.iter().map(|account| (format!("{prefix}/{}", account.name), account.secret()));
    Ok(of_accounts.chain([(format!("{prefix}/ingest-keys"), ingest_keys())]).collect())
}

/// Makes a call; false if it is answered with the error code `there_already`.
async fn unless(aws: &Aws, target: &str, request: Json, there_already: &str) -> Result<bool> {
    match aws.call(target, request).await {
        Ok(_) => Ok(true),
        Err(error) if error.code().ends_with(there_already) => Ok(false),
        Err(error) => Err(error).context(target.to_owned()),
    }
}
