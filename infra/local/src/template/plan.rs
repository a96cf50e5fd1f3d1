//! What the local stack builds, as types: resources of kinds it doesn't know are an error, not an omission.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};

use super::Place;

/// Everything of the template that the local stack acts on.
#[derive(Clone, Debug)]
pub struct Plan {
    /// DynamoDB tables.
    pub tables: Vec<TablePlan>,
    /// Queues, those that others redrive to first.
    pub queues: Vec<QueuePlan>,
    /// Secrets, by name.
    pub secrets: Vec<SecretPlan>,
    /// Functions, by their ids in the template.
    pub functions: Vec<FunctionPlan>,
    /// Routes of the HTTP API.
    pub routes: Vec<RoutePlan>,
    /// CORS of the HTTP API, if it has any.
    pub cors: Option<Cors>,
    /// Queues that functions read.
    pub event_sources: Vec<EventSource>,
    /// Functions that run by the clock.
    pub schedules: Vec<SchedulePlan>,
}

/// A table: the request that creates it.
#[derive(Clone, Debug)]
pub struct TablePlan {
    /// Its name.
    pub name: String,
    /// Body of `CreateTable`.
    pub create: Json,
    /// Attribute that holds the time of expiry.
    pub ttl: Option<String>,
}

/// A queue: the request that creates it.
#[derive(Clone, Debug)]
pub struct QueuePlan {
    /// Its name.
    pub name: String,
    /// Attributes as `CreateQueue` takes them, all texts.
    pub attributes: Map<String, Json>,
}

/// A secret.
#[derive(Clone, Debug)]
pub struct SecretPlan {
    /// Its name, prefix included.
    pub name: String,
}

/// A function.
#[derive(Clone, Debug)]
pub struct FunctionPlan {
    /// Logical id in the template.
    pub logical: String,
    /// Cargo's name of the binary; the local stack calls the function by it.
    pub name: String,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// MiB, only told to the function, not enforced.
    pub memory: u64,
}

/// One route of the HTTP API.
#[derive(Clone, Debug)]
pub struct RoutePlan {
    /// Upper case, `ANY` for all.
    pub method: String,
    /// Template of the path, as `/events/{source}/{eventId+}`.
    pub path: String,
    /// Name of the function.
    pub function: String,
}

/// `CorsConfiguration` of the HTTP API.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Cors {
    /// Origins that may call, or `*`.
    pub allow_origins: Vec<String>,
    /// Methods, or `*`.
    pub allow_methods: Vec<String>,
    /// Headers that a page may send.
    pub allow_headers: Vec<String>,
    /// Headers that a page may read.
    pub expose_headers: Vec<String>,
    /// Whether cookies go along.
    pub allow_credentials: bool,
    /// Seconds a browser may keep the answer.
    pub max_age: Option<u64>,
}

/// A queue that a function reads.
#[derive(Clone, Debug)]
pub struct EventSource {
    /// Name of the function.
    pub function: String,
    /// Name of the queue.
    pub queue: String,
    /// ARN of the queue.
    pub arn: String,
    /// Most messages of one batch.
    pub batch_size: usize,
    /// How long a batch may be filled.
    pub window: Duration,
    /// Whether the function names the messages that failed.
    pub reports_failures: bool,
    /// Most batches at the same time.
    pub concurrency: usize,
}

/// A function that runs by the clock; how often is an option of the local stack.
#[derive(Clone, Debug)]
pub struct SchedulePlan {
    /// Name of the function.
    pub function: String,
}

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
    };
    let resources = template["Resources"].as_object().context("the template has no Resources")?;
    for (logical, resource) in resources {
        plan.add(logical, resource, &template["Globals"]["Function"])
            .with_context(|| format!("resource {logical}"))?;
    }
    // Mappings name their functions by logical id, which may stand behind them.
    for (logical, resource) in
        resources.iter().filter(|(_, resource)| kind(resource) == "AWS::Lambda::EventSourceMapping")
    {
        let source = plan
            .event_source(&resource["Properties"], place)
            .with_context(|| format!("resource {logical}"))?;
        plan.event_sources.push(source);
    }
    plan.queues.sort_by_key(|queue| queue.attributes.contains_key("RedrivePolicy"));
    Ok(plan)
}

impl Plan {
    /// The function of that name.
    ///
    /// # Errors
    /// There is none.
    pub fn function(&self, name: &str) -> Result<&FunctionPlan> {
        self.functions
            .iter()
            .find(|function| function.name == name)
            .with_context(|| format!("there is no function {name}"))
    }

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
            // The first is read in a second pass, the others have nothing to run here.
            "AWS::Lambda::EventSourceMapping"
            | "AWS::Logs::LogGroup"
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
                "Schedule" => self.schedules.push(SchedulePlan { function: function.name.clone() }),
                unknown => {
                    bail!("event {event}: the local stack does not know events of type {unknown}")
                }
            }
        }
        self.functions.push(function);
        Ok(())
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

/// The API takes every attribute as a text, policies as JSON in one.
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
    })
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
