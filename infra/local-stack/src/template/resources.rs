//! Reads the plan from the resolved template: resources and events of an unknown type are an error,
//! never left out.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};

use super::intrinsics::Place;
use super::plan::{
    EventSource, FunctionPlan, Plan, QueuePlan, RotationPlan, RoutePlan, SchedulePlan, SecretPlan,
    TablePlan,
};

/// Concurrency of a mapping without `ScalingConfig`.
const UNSCALED_CONCURRENCY: usize = 5;

pub(super) fn plan(template: &Json, place: &Place) -> Result<Plan> {
    let mut plan = Plan {
        tables: vec![],
        queues: vec![],
        secrets: vec![],
        functions: vec![],
        routes: vec![],
        cors: None,
        event_sources: vec![],
        schedules: vec![],
        rotations: vec![],
        parameters: texts(&template["Parameters"], |value| value),
        outputs: texts(&template["Outputs"], |output| &output["Value"]),
    };
    let resources = template["Resources"].as_object().context("the template has no Resources")?;
    for (logical, resource) in resources {
        plan.add(logical, resource, &template["Globals"]["Function"])
            .with_context(|| format!("resource {logical}"))?;
    }
    // A second pass, because these name functions that may be declared after them.
    for (logical, resource) in resources {
        plan.connect(resource, place).with_context(|| format!("resource {logical}"))?;
    }
    plan.queues.sort_by_key(|queue| queue.attributes.contains_key("RedrivePolicy"));
    Ok(plan)
}

/// The members of an object as CloudFormation shows values: texts, lists separated by commas.
fn texts(object: &Json, value: impl Fn(&Json) -> &Json) -> BTreeMap<String, String> {
    let members = object.as_object().into_iter().flatten();
    members.map(|(name, member)| (name.clone(), shown(value(member)))).collect()
}

fn shown(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

impl Plan {
    fn add(&mut self, logical: &str, resource: &Json, globals: &Json) -> Result<()> {
        let properties = &resource["Properties"];
        match kind(resource) {
            "AWS::DynamoDB::Table" => self.tables.push(table(properties)?),
            "AWS::SQS::Queue" => self.queues.push(queue(properties)?),
            "AWS::SecretsManager::Secret" => {
                self.secrets.push(SecretPlan { name: text(properties, "Name")? })
            }
            "AWS::Serverless::HttpApi" => self.cors = optional(properties, "CorsConfiguration")?,
            "AWS::Serverless::Function" => self.add_function(logical, resource, globals)?,
            // The first two are read in the second pass, the others have nothing to run here: nothing
            // is encrypted, and what a policy of a queue or about keys says has no effect.
            "AWS::Lambda::EventSourceMapping"
            | "AWS::SecretsManager::RotationSchedule"
            | "AWS::ApiGatewayV2::ApiMapping"
            | "AWS::ApiGatewayV2::DomainName"
            | "AWS::IAM::Policy"
            | "AWS::Lambda::Permission"
            | "AWS::Logs::LogGroup"
            | "AWS::SQS::QueuePolicy"
            | "AWS::Logs::MetricFilter"
            | "AWS::Logs::QueryDefinition"
            | "AWS::CloudWatch::Dashboard"
            | "AWS::CloudWatch::Alarm" => {}
            unknown => bail!("the local stack does not know resources of type {unknown}"),
        }
        Ok(())
    }

    fn add_function(&mut self, logical: &str, resource: &Json, globals: &Json) -> Result<()> {
        let function = function(logical, resource, globals)?;
        for (event, declaration) in
            resource["Properties"]["Events"].as_object().into_iter().flatten()
        {
            let properties = &declaration["Properties"];
            match kind(declaration) {
                "HttpApi" => self.routes.push(RoutePlan {
                    method: text(properties, "Method")?.to_uppercase(),
                    path: text(properties, "Path")?,
                    function: function.name.clone(),
                }),
                "Schedule" => self.schedules.push(SchedulePlan {
                    function: function.name.clone(),
                    every: rate(&text(properties, "Schedule")?)?,
                }),
                unknown => {
                    bail!("event {event}: the local stack does not know events of type {unknown}")
                }
            }
        }
        self.functions.push(function);
        Ok(())
    }

    fn connect(&mut self, resource: &Json, place: &Place) -> Result<()> {
        let properties = &resource["Properties"];
        match kind(resource) {
            "AWS::Lambda::EventSourceMapping" => {
                self.event_sources.push(self.event_source(properties, place)?);
            }
            "AWS::SecretsManager::RotationSchedule" => {
                self.rotations.push(self.rotation(properties)?);
            }
            _ => {}
        }
        Ok(())
    }

    fn rotation(&self, properties: &Json) -> Result<RotationPlan> {
        let arn = text(properties, "RotationLambdaARN")?;
        let logical = arn.rsplit(':').next().unwrap_or_default();
        let function = self.functions.iter().find(|function| function.logical == logical);
        Ok(RotationPlan {
            secret: text(properties, "SecretId")?,
            function: function.with_context(|| format!("there is no function {arn}"))?.name.clone(),
            rules: properties["RotationRules"].clone(),
        })
    }

    fn event_source(&self, properties: &Json, place: &Place) -> Result<EventSource> {
        let logical = text(properties, "FunctionName")?;
        let function = self.functions.iter().find(|function| function.logical == logical);
        let arn = text(properties, "EventSourceArn")?;
        let prefix = format!("arn:aws:sqs:{}:{}:", place.region, place.account);
        let source = EventSource {
            function: function
                .with_context(|| format!("there is no function {logical}"))?
                .name
                .clone(),
            queue: arn.strip_prefix(&prefix).context("EventSourceArn is no queue")?.to_owned(),
            arn,
            batch_size: optional(properties, "BatchSize")?.unwrap_or(10),
            window: Duration::from_secs(
                optional(properties, "MaximumBatchingWindowInSeconds")?.unwrap_or(0),
            ),
            reports_failures: properties["FunctionResponseTypes"]
                == json!(["ReportBatchItemFailures"]),
            concurrency: optional(&properties["ScalingConfig"], "MaximumConcurrency")?
                .unwrap_or(UNSCALED_CONCURRENCY),
        };
        ensure!((1..=10_000).contains(&source.batch_size), "BatchSize must be 1 to 10,000");
        ensure!(
            source.batch_size <= 10 || !source.window.is_zero(),
            "BatchSize above 10 needs a window of 1 s or more"
        );
        ensure!(source.concurrency >= 2, "MaximumConcurrency must be 2 or more");
        Ok(source)
    }
}

fn table(properties: &Json) -> Result<TablePlan> {
    let name = text(properties, "TableName")?;
    let mut create = json!({ "TableName": name });
    for key in ["AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes"] {
        if let Some(value) = properties.get(key) {
            create[key] = value.clone();
        }
    }
    let ttl = properties["TimeToLiveSpecification"]["AttributeName"].as_str().map(str::to_owned);
    Ok(TablePlan { name, create, ttl })
}

/// The time between two runs of `rate(5 minutes)`; other expressions, such as cron, are refused.
fn rate(expression: &str) -> Result<Duration> {
    let parts = expression.strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')'));
    let parts = parts.and_then(|rate| rate.split_once(' '));
    let (count, unit) = parts
        .with_context(|| format!("the local stack does not know the schedule {expression}"))?;
    let seconds = match unit.trim_end_matches('s') {
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => bail!("the local stack does not know the unit of the schedule {expression}"),
    };
    let count: u64 = count.parse().with_context(|| expression.to_owned())?;
    Ok(Duration::from_secs(count * seconds))
}

/// The API expects every attribute as a text, policies as JSON in a text.
fn queue(properties: &Json) -> Result<QueuePlan> {
    let mut attributes = Map::new();
    for (key, value) in
        properties.as_object().into_iter().flatten().filter(|(key, _)| *key != "QueueName")
    {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        attributes.insert(key.clone(), Json::String(text));
    }
    Ok(QueuePlan { name: text(properties, "QueueName")?, attributes })
}

fn function(logical: &str, resource: &Json, globals: &Json) -> Result<FunctionPlan> {
    let properties = &resource["Properties"];
    let setting =
        |key: &str| properties.get(key).or_else(|| globals.get(key)).and_then(Json::as_u64);
    let mut env = BTreeMap::new();
    for level in [globals, properties] {
        for (name, value) in level["Environment"]["Variables"].as_object().into_iter().flatten() {
            env.insert(
                name.clone(),
                value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            );
        }
    }
    Ok(FunctionPlan {
        logical: logical.to_owned(),
        name: text(&resource["Metadata"]["BuildProperties"], "Binary")?,
        env,
        // The defaults are Lambda's own.
        timeout: Duration::from_secs(setting("Timeout").unwrap_or(3)),
        memory: setting("MemorySize").unwrap_or(128),
        policy: policy(&properties["Policies"])?,
    })
}

/// The statements of inline policies; managed ones and SAM's templates are refused.
fn policy(policies: &Json) -> Result<Vec<Json>> {
    let mut statements = Vec::new();
    let all = policies.as_array().cloned().unwrap_or_else(|| vec![policies.clone()]);
    for policy in all.iter().filter(|policy| !policy.is_null()) {
        let stated = policy["Statement"].as_array();
        let known = "the local stack knows only policies with a list of statements";
        statements.extend(stated.context(known)?.iter().cloned());
    }
    Ok(statements)
}

fn kind(node: &Json) -> &str {
    node["Type"].as_str().unwrap_or_default()
}

fn text(node: &Json, key: &str) -> Result<String> {
    node[key].as_str().map(str::to_owned).with_context(|| format!("{key} is missing or no text"))
}

fn optional<T: DeserializeOwned>(node: &Json, key: &str) -> Result<Option<T>> {
    let value = node.get(key).cloned();
    value.map(serde_json::from_value).transpose().with_context(|| key.to_owned())
}
